//! Runs commands of the original Senza in an account of the test AWS API.

use std::process::Command;

use serde_json::Value as Json;
use stups_testkit::{Account, PythonEnvironment, Requirements};

/// What the original answers to each command line, in a process that imports it once. Each command line is given `input` on
/// standard input.
pub(crate) fn original(account: &Account, lines: &[&[String]], input: &str) -> Vec<Json> {
    let environment = PythonEnvironment::get(Requirements::Senza).unwrap();
    let output = Command::new(environment.executable("python"))
        .args(["-c", include_str!("../data/original_print.py")])
        .arg(serde_json::to_string(lines).unwrap())
        .arg(input)
        .envs(account.environment())
        .env_remove("AWS_PROFILE")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
