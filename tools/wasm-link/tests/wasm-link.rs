//! What `wasm-link check` accepts, and what it reports.

use std::fs;
use std::path::Path;
use std::process::Command;

/// A module with nothing in it.
const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

/// The exit code, and what is printed.
fn check(test: &str, list: &str, module: &[u8]) -> (Option<i32>, String) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("wasm-link-{test}"));
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("list.txt"), list).expect("a file");
    fs::write(folder.join("some.wasm"), module).expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_wasm-link"))
        .args(["check", "list.txt", "some.wasm"])
        .current_dir(&folder)
        .output()
        .expect("wasm-link");
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    (output.status.code(), printed)
}

#[test]
fn a_module_that_is_as_listed_is_accepted() {
    let list = "# A comment.\n\nsize 8\n";
    assert_eq!(check("as-listed", list, EMPTY), (Some(0), String::new()));
}

#[test]
fn each_difference_from_the_list_is_reported() {
    let list = "size 7\nexport memory\nexport proxy_on_done = cors_on_done\nimport env.proxy_log\n";
    let (code, printed) = check("differences", list, EMPTY);
    assert_eq!(code, Some(1), "{printed}");
    for line in [
        "some.wasm no longer imports env.proxy_log\n",
        "some.wasm does not export memory\n",
        "some.wasm does not export proxy_on_done\n",
        "some.wasm has 8 bytes, more than 7\n",
        "change the module, or list.txt with the reason in the commit",
    ] {
        assert!(printed.contains(line), "{printed}");
    }
}

#[test]
fn a_list_or_a_module_that_is_malformed_is_reported() {
    let (code, printed) = check("list", "size\n", EMPTY);
    assert_eq!(code, Some(1), "{printed}");
    assert!(
        printed.contains("list.txt: cannot read the line \"size\""),
        "{printed}"
    );
    let (code, printed) = check("module", "size 8\n", b"\0asm");
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.starts_with("Error: "), "{printed}");
}
