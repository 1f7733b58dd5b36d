//! Spellings of two strict paths, `/admin/secret.txt` and `/one/secret.txt`.

use std::collections::BTreeSet;

use support::random::Random;

/// Some that are known to pass, and a family of others, the same in every run.
pub fn all() -> Vec<String> {
    let mut all: BTreeSet<String> = SEEN.iter().map(|path| path.to_string()).collect();
    let mut random = Random::new(1);
    while all.len() < COUNT {
        let mut path = String::from(
            random.pick(&["/", "/", "/", "//", "/%2f", "/x;%2f", "///", "/./", "/;/"]),
        );
        for _ in 0..random.below(3) {
            path += random.pick(ASIDE);
        }
        path += random.pick(&[
            "admin", "one", "%61dmin", "%6fne", "adm%69n", "on%65", "admin;a", "one;a",
        ]);
        path += random.pick(&[
            "/",
            "/",
            "/",
            "//",
            "%2f",
            "%2F",
            "/./",
            "/x%2f..%2f",
            "%2f.%2f",
            "/;/",
            "%5c",
            "\\",
            "/x/..;/",
        ]);
        path += random.pick(&["secret.txt", "secret.txt", "secre%74.txt"]);
        path += random.pick(&[
            "",
            "",
            "",
            "/x%2f..",
            "%2f.",
            "%2f%2e",
            ";x",
            "/.",
            "/x/..",
            "%2fx%2f..%2f",
            "/..%2fsecret.txt",
            "?x",
            "#x",
        ]);
        all.insert(path);
    }
    all.into_iter().collect()
}

/// Segments that lead back to where they began.
const ASIDE: &[&str] = &[
    "x/../",
    "x%2f..%2f",
    "x;%2f..%2f",
    "x/..;/",
    "x%5c..%5c",
    "x/%2e%2e/",
    "x/..%2f",
    "%2e%2e/",
    "../",
    "./",
    "%2e/",
    "/",
    "%2f",
    ";/",
    "x%3b/..%2f",
    "x\\..\\",
    ".;/",
    "x/.%2e/",
    "x/%2e%2e;/",
];

const SEEN: &[&str] = &[
    "/x;%2f..%2fadmin%2fsecret.txt",
    "/%61dmin/..;/x",
    "//admin/..;/x",
    "/admin%2f..",
    "/%61dmin/..%2fx",
    "/%61dmin/x%5c..%5c..",
    "/%61dmin/..%5c",
    "//x/admin/secret.txt",
    "/%2fx/admin/secret.txt",
    "///x/admin/secret.txt",
    "/one/secret.txt/x%2f..",
    "/one/secret.txt%2f.",
    "/%61dmin/secret.txt",
    "//admin/secret.txt",
    "//one/secret.txt",
    "/one%2fsecret.txt",
    "/on%65/secret.txt",
];

const COUNT: usize = 600;
