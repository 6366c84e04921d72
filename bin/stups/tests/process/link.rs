//! `stups link DIR`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::{Outcome, run, scratch, stups};

fn link(arguments: &[&str], directory: &Path) -> Outcome {
    run(stups().arg("link").args(arguments).arg(directory))
}

fn executable() -> std::path::PathBuf {
    fs::canonicalize(env!("CARGO_BIN_EXE_stups")).unwrap()
}

#[test]
fn makes_the_directory_and_the_links() {
    let scratch = scratch();
    let directory = scratch.path().join("new/bin");
    link(&[], &directory).succeeds();
    assert_eq!(fs::read_link(directory.join("senza")).unwrap(), executable());
    assert_eq!(fs::read_link(directory.join("stups")).unwrap(), executable());
    let mut names: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "docker-credential-pierone",
            "kio",
            "pierone",
            "senza",
            "stups",
            "zign",
            "ztoken"
        ],
        "nothing else is left there"
    );
}

#[test]
fn a_correct_link_is_kept() {
    let scratch = scratch();
    link(&[], scratch.path()).succeeds();
    let made = fs::symlink_metadata(scratch.path().join("senza"))
        .unwrap()
        .modified()
        .unwrap();
    let outcome = link(&[], scratch.path());
    assert!(outcome.stderr.contains("senza is there"), "{}", outcome.stderr);
    outcome.succeeds();
    assert_eq!(
        fs::symlink_metadata(scratch.path().join("senza"))
            .unwrap()
            .modified()
            .unwrap(),
        made
    );
}

#[test]
fn another_file_is_replaced_only_when_forced() {
    let scratch = scratch();
    let path = scratch.path().join("senza");
    fs::write(&path, "mine").unwrap();
    let outcome = link(&[], scratch.path());
    assert_eq!(outcome.exit_code, 1);
    assert!(outcome.stderr.contains("--force"), "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");

    link(&["--force"], scratch.path()).succeeds();
    assert_eq!(fs::read_link(&path).unwrap(), executable());
}

#[test]
fn a_link_to_something_else_is_another_file() {
    let scratch = scratch();
    let path = scratch.path().join("senza");
    symlink("/nonexistent/senza", &path).unwrap();
    assert_eq!(link(&[], scratch.path()).exit_code, 1);
    assert_eq!(fs::read_link(&path).unwrap(), Path::new("/nonexistent/senza"));
    link(&["-f"], scratch.path()).succeeds();
    assert_eq!(fs::read_link(&path).unwrap(), executable());
}

#[test]
fn a_directory_is_never_replaced() {
    let scratch = scratch();
    fs::create_dir(scratch.path().join("senza")).unwrap();
    let outcome = link(&["--force"], scratch.path());
    assert_eq!(outcome.exit_code, 1);
    assert!(outcome.stderr.contains("is a directory"), "{}", outcome.stderr);
}

#[test]
fn a_file_is_no_directory_for_links() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let outcome = link(&[], file.path());
    assert_eq!(outcome.exit_code, 1);
    assert!(outcome.stderr.starts_with("Error: "), "{}", outcome.stderr);
}

#[test]
fn says_when_the_shell_will_not_find_the_links() {
    let scratch = scratch();
    let outcome = link(&[], scratch.path());
    assert!(outcome.stderr.contains("is not in PATH"), "{}", outcome.stderr);
    let outcome = run(stups().arg("link").arg(scratch.path()).env("PATH", scratch.path()));
    assert!(!outcome.stderr.contains("PATH"), "{}", outcome.stderr);
    outcome.succeeds();
}

#[test]
fn the_link_made_through_a_link_points_to_the_executable() {
    let scratch = scratch();
    let alias = scratch.path().join("stups");
    symlink(executable(), &alias).unwrap();
    let directory = scratch.path().join("bin");
    run(std::process::Command::new(&alias).arg("link").arg(&directory)).succeeds();
    assert_eq!(fs::read_link(directory.join("senza")).unwrap(), executable());
}
