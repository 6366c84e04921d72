//! `cargo xtask ci`: what every change must pass.

use std::thread;

use anyhow::{Result, anyhow};

use crate::cargo::{cargo, has};
use crate::demo::{self, DemoArguments};
use crate::setup;
use crate::steps::{Beside, Steps, title};
use crate::test::{self, TestArguments};

/// Runs all checks, the quickest first, stops at the first that fails, and says what each took.
pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::default();
    let result = checks(&mut steps);
    steps.print();
    result?;
    title("All checks passed.");
    Ok(())
}

fn checks(steps: &mut Steps) -> Result<()> {
    steps.step("What the machine needs", || setup::ensure(setup::BASICS))?;
    // It comes from the network, while the compiler has the machine.
    let environments = thread::spawn(test::environments);
    steps.check("Format", &mut cargo(&["fmt", "--all", "--check"]))?;
    if has("deny") {
        steps.check("Licences and advisories", &mut cargo(&["deny", "--workspace", "check"]))?;
    } else {
        title("Licences and advisories: skipped, cargo-deny is not installed");
    }
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ];
    steps.check("Lints", &mut cargo(&clippy))?;
    steps.step("Python environments", || {
        environments.join().map_err(|_| anyhow!("making them panicked"))?
    })?;
    steps.check("Tests, compiled", test::command().arg("--no-run"))?;
    // Tests wait more than they compute: for processes, databases, an AWS API.
    let doc = [
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--locked",
    ];
    let documentation = Beside::start(cargo(&doc).env("RUSTDOCFLAGS", "-D warnings"))?;
    steps.step("Tests", || test::run(&TestArguments::default()))?;
    steps.step("Documentation, written beside the tests", || documentation.finish())?;
    steps.step("Demo", || demo::run(&DemoArguments::default()))
}
