//! The project's own executables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use stups_testkit::cargo;

/// `stups`, `stupsd` or `stups-host`, built as `cargo build` builds it: once per test binary, and only what has changed.
///
/// Panics with the compiler's output when it does not compile.
pub fn executable(name: &'static str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    built.entry(name).or_insert_with(|| build(name)).clone()
}

fn build(name: &str) -> PathBuf {
    // All are selected, whichever is built: so their dependencies have the features that the tests' have, and are there already.
    let output = cargo(&[
        "build",
        "--package=stups",
        "--package=stupsd",
        "--package=stups-host",
        "--message-format=json-render-diagnostics",
    ])
    .arg(format!("--bin={name}"))
    .output()
    .expect("cargo can be run");
    assert!(
        output.status.success(),
        "cargo build failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .find(|path| path.file_stem().is_some_and(|stem| stem == name))
        .unwrap_or_else(|| panic!("cargo builds no {name}"))
}

/// The environment of a user whose home is `directory`: nothing of the real user's configuration, credentials or browser shows.
pub fn home(directory: &Path) -> Vec<(&'static str, String)> {
    let path = std::env::var("PATH").unwrap_or_default();
    vec![
        ("HOME", directory.display().to_string()),
        ("XDG_CONFIG_HOME", directory.join(".config").display().to_string()),
        ("PATH", path),
        ("USER", "jdoe".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TZ", "UTC".to_owned()),
    ]
}
