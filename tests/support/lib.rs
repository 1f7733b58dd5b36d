//! What the tests on a real Envoy share: the table, Envoy itself, an upstream, a raw client, a browser.

pub mod browser;
pub mod envoy;
pub mod http;
pub mod random;
pub mod table;
pub mod transcript;
pub mod upstream;

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The program `corsctl`, built as the running test was.
pub fn corsctl() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let test = env::current_exe().expect("a test that runs is a file");
        let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
        let release = profile.ends_with("release").then_some("--release");
        let built = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
            .args(["build", "--quiet", "--locked", "--bin", "corsctl"])
            .args(release)
            .arg("--target-dir")
            .arg(profile.parent().expect("target/PROFILE"))
            .current_dir(root())
            .status();
        assert!(
            built.expect("cargo to start").success(),
            "corsctl does not build"
        );
        profile.join("corsctl")
    });
    &PROGRAM
}

/// Says aloud that something is skipped, for want of files that are not part of this repository. Not with
/// a macro, whose text is kept back while tests pass.
pub fn not_checked(what: &str) {
    let text = format!("!!!! NOT CHECKED: {what} !!!!\n");
    // Who cannot be told need not know.
    let _ = io::stderr().write_all(text.as_bytes());
}
