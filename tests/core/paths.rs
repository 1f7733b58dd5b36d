//! No spelling of a path gets around the rule for it: what any server makes of the path, by the model
//! in `fuzz/src/undo.rs`, is governed by the rule that governs the path as sent, or no origin is allowed.

#[path = "../fuzz/src/undo.rs"]
mod undo;

use std::collections::BTreeMap;

use cors::select::policy_set::PolicySet;
use cors::select::selection::Source;
use cors::simulate::exchange::{Incoming, Lines};

use support::random::Random;

#[test]
fn no_server_undoes_a_path_into_another_rule() {
    let plugin = PolicySet::from_bytes(undo::RULES.as_bytes())
        .0
        .expect("a configuration");
    let mut random = Random::new(16);
    let mut count = BTreeMap::new();
    for _ in 0..PATHS {
        let path: String = (0..random.below(9)).map(|_| random.pick(PIECES)).collect();
        let path = format!("{}{path}", random.pick(STARTS));
        let source = source(&plugin, &path);
        if let Err(text) = undo::hold(path.as_bytes(), source) {
            panic!("{path} is governed by {source:?}, but some server reads {text}");
        }
        *count.entry(format!("{source:?}")).or_insert(0) += 1;
    }
    // Neither everything nor nothing is closed.
    for (source, count) in &count {
        assert!(*count >= 5, "{source}: {count}");
    }
    assert_eq!(count.len(), 7, "{count:?}");
}

fn source(plugin: &PolicySet, path: &str) -> Source {
    let headers = Lines::from_iter([(":path", path), (":authority", "x.test")]);
    plugin
        .judge(&Incoming {
            headers,
            route_name: None,
            route_policy: None,
        })
        .source()
}

const PATHS: usize = 8_000;

const STARTS: &[&str] = &[
    "/",
    "/",
    "/",
    "/admin",
    "/admin/public",
    "/one/secret.txt",
    "/two/",
    "/100%/%c3%a9",
];

/// What paths are made of here.
const PIECES: &[&str] = &[
    "/",
    "/",
    "/",
    "//",
    "..",
    "..",
    ".",
    ";",
    "..;",
    ";a=b",
    "%2f",
    "%2F",
    "%5c",
    "\\",
    "%2e",
    "%2e%2e",
    "%3b",
    "%",
    "%25",
    "%20",
    "%c3%a9",
    "%C3%A9",
    "admin",
    "admin",
    "%61dmin",
    "/admin",
    "public",
    "/public",
    "one",
    "/one/secret.txt",
    "secret.txt",
    "/two/",
    "x",
    "a b",
    "/100%/%c3%a9",
];
