//! Code that the tests share: the table, Envoy, an upstream, a raw client, a browser.

pub mod allocator;
#[cfg(unix)]
pub mod browser;
pub mod envoy;
pub mod header_map;
pub mod http;
#[cfg(unix)]
pub mod leash;
pub mod random;
pub mod schema;
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

/// The program `corsctl`, built with the profile of the running test.
pub fn corsctl() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| program("corsctl"));
    &PROGRAM
}

/// A program of the workspace, built with the profile of the running test.
pub fn program(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a test that runs is a file");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let release = profile.ends_with("release").then_some("--release");
    // As `build_as_tests_do` in scripts/lib.sh.
    let built = cargo("build --quiet --locked --workspace")
        .args(["--bin", name, "--test", name])
        .args(release)
        .arg("--target-dir")
        .arg(profile.parent().expect("target/PROFILE"))
        .status();
    assert!(
        built.expect("cargo to start").success(),
        "{name} does not build"
    );
    profile.join(name)
}

/// Cargo at the root of the repository, with arguments that are separated by spaces.
pub fn cargo(arguments: &str) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(arguments.split(' ')).current_dir(root());
    // Cargo sets these for the test; build scripts that look at them would run again for each test program.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|start| name.starts_with(start))
        {
            cargo.env_remove(&*name);
        }
    }
    cargo
}

/// Runs a command, and fails with what it printed if it fails.
pub fn succeed(command: &mut Command) {
    let output = command.output().expect("the program to start");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Prints that a check is skipped because it needs files that are not part of this repository. Without a macro,
/// whose output is hidden if the test passes.
pub fn not_checked(what: &str) {
    let text = format!("!!!! NOT CHECKED: {what} !!!!\n");
    // If stderr is closed, nobody can read the message.
    let _ = io::stderr().write_all(text.as_bytes());
}
