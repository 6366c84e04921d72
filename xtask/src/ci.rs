//! `cargo xtask ci`: what every change must pass.

use std::process::Command;

use anyhow::Result;

use crate::cargo::{cargo, has, succeed};
use crate::demo::{self, DemoArguments};
use crate::test::{self, TestArguments};
use crate::{setup, style};

/// Runs all checks, the quickest first, and stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    setup::ensure(setup::BASICS)?;
    check("Format", &mut cargo(&["fmt", "--all", "--check"]))?;
    if has("deny") {
        check("Licences and advisories", &mut cargo(&["deny", "--workspace", "check"]))?;
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
    check("Lints", &mut cargo(&clippy))?;
    title("Tests");
    test::run(&TestArguments::default())?;
    let doc = [
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--locked",
    ];
    check("Documentation", cargo(&doc).env("RUSTDOCFLAGS", "-D warnings"))?;
    title("Demo");
    demo::run(&DemoArguments::default())?;
    title("All checks passed.");
    Ok(())
}

fn check(name: &str, command: &mut Command) -> Result<()> {
    title(name);
    succeed(command)
}

fn title(text: &str) {
    println!("\n{}", style::good(text));
}
