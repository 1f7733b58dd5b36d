//! Compares a system with what import makes of its configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::io::Write;
use std::process::{Command, Stdio};

use cors::select::policy_set::PolicySet;
use cors::simulate::browser::{Fetch, Outcome, Stage};
use cors::simulate::exchange::{Incoming, Response, exchange};
use support::random::Random;

use crate::classes::Class;
use crate::parts;
use crate::parts::Request;

/// A random configuration of a system, and what the system does with it.
pub trait System: Debug {
    /// Its name for `--from`.
    const FROM: &'static str;
    /// The differences that import reports.
    const CLASSES: &'static [Class];

    fn random(random: &mut Random) -> Self;

    /// Its file.
    fn file(&self) -> String;

    /// What it answers to a request, in front of an upstream that gives this response.
    fn answer(&self, request: &Request, upstream: &Response) -> Response;
}

/// Something that a script can do on one of the two sides alone.
#[derive(Debug)]
pub struct Difference<'d> {
    pub what: What,
    /// Here, and not there.
    pub is_wider: bool,
    pub fetch: &'d Fetch,
    /// Whether the upstream grants everything to every origin.
    pub upstream_grants: bool,
    /// The headers that only one of the two lets the script read.
    pub exposed: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum What {
    /// A header of a response that it reads on both sides.
    Exposed,
    /// The response.
    Read,
    /// The request reaches the upstream.
    Sent,
}

/// Runs random configurations and calls through both.
pub fn compare<S: System>() {
    let random = &mut Random::new(7);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut imported, mut readable) = (0, 0);
    for _ in 0..CONFIGURATIONS {
        let system = S::random(random);
        let file = system.file();
        let Imported { plugin, reported } = import(&["import", "-", "--from", S::FROM], &file);
        let Some(plugin) = plugin else {
            continue;
        };
        imported += 1;
        for _ in 0..FETCHES {
            let fetch = parts::fetch(random);
            let upstream_grants = random.once_in(3);
            let upstream = parts::upstream(&fetch.origin, upstream_grants);
            let there = fetch.run(|lines| system.answer(&Request(&lines), &upstream));
            let here = fetch.run(|headers| {
                let request = Incoming {
                    headers,
                    ..Incoming::default()
                };
                exchange(&plugin, request, upstream.clone()).response
            });
            readable += usize::from(here.is_readable());
            for difference in differences(&fetch, upstream_grants, &there, &here) {
                let classes = S::CLASSES.iter().filter(|class| {
                    let code = format!(" [{}]\n", class.code);
                    reported.contains(&code) && (class.covers)(&difference)
                });
                let classes: Vec<_> = classes.map(|class| class.code).collect();
                assert!(
                    !classes.is_empty(),
                    "not reported: {difference:?}\nthere: {there:?}\nhere: {here:?}\n{file}\n{reported}"
                );
                for class in classes {
                    *seen.entry(class).or_default() += 1;
                }
            }
        }
    }
    println!("{imported} configurations of {}: {seen:#?}", S::FROM);
    assert!(
        2 * imported > CONFIGURATIONS,
        "only {imported} are imported"
    );
    assert!(readable > FETCHES, "only {readable} are readable");
    for class in S::CLASSES {
        assert!(seen.contains_key(class.code), "never seen: {}", class.code);
    }
}

fn differences<'d>(
    fetch: &'d Fetch,
    upstream_grants: bool,
    there: &Outcome,
    here: &Outcome,
) -> Vec<Difference<'d>> {
    let difference = |what, is_wider, exposed| Difference {
        what,
        is_wider,
        fetch,
        upstream_grants,
        exposed,
    };
    let mut found = Vec::new();
    let is_sent = |outcome: &Outcome| {
        let at_actual = |at: &Stage| *at == Stage::Actual;
        matches!(outcome, Outcome::Blocked { at, .. } if at_actual(at)) || outcome.is_readable()
    };
    if there.is_readable() != here.is_readable() {
        found.push(difference(What::Read, here.is_readable(), Vec::new()));
    } else if is_sent(there) != is_sent(here) {
        found.push(difference(What::Sent, is_sent(here), Vec::new()));
    }
    if let (Outcome::Readable { exposed: there }, Outcome::Readable { exposed: here }) =
        (there, here)
    {
        let names = |names: &[String]| -> BTreeSet<String> {
            let names = names.iter().map(|name| name.to_ascii_lowercase());
            names
                .filter(|name| parts::EXPOSABLE.contains(&name.as_str()))
                .collect()
        };
        let (there, here) = (names(there), names(here));
        for (one, other, is_wider) in [(&here, &there, true), (&there, &here, false)] {
            let alone: Vec<_> = one.difference(other).cloned().collect();
            if !alone.is_empty() {
                found.push(difference(What::Exposed, is_wider, alone));
            }
        }
    }
    found
}

/// What became of a file.
pub struct Imported {
    /// None if the file is refused.
    pub plugin: Option<PolicySet>,
    pub reported: String,
}

/// Imports a text with these arguments.
pub fn import(arguments: &[&str], file: &str) -> Imported {
    let mut process = Command::new(support::corsctl())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("corsctl");
    let mut stdin = process.stdin.take().expect("its input");
    stdin.write_all(file.as_bytes()).expect("to write");
    drop(stdin);
    let output = process.wait_with_output().expect("corsctl to end");
    let plugin = output.status.success().then(|| {
        let (plugin, _) = PolicySet::from_bytes(&output.stdout);
        plugin.expect("a configuration")
    });
    Imported {
        plugin,
        reported: String::from_utf8(output.stderr).expect("text"),
    }
}

const CONFIGURATIONS: usize = 60;
const FETCHES: usize = 160;
