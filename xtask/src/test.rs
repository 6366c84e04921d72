//! `cargo xtask test`: everything that can be tested, tested.

use std::process::Command;

use anyhow::Result;
use stups_testkit::{PythonEnvironment, Requirements};

use crate::cargo::{cargo, succeed};
use crate::{setup, style};

/// Arguments of `cargo xtask test`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct TestArguments {
    /// Run only the tests whose names contain this
    filter: Option<String>,
}

/// Installs what the tests need and runs them.
pub(crate) fn run(arguments: &TestArguments) -> Result<()> {
    setup::ensure(setup::BASICS)?;
    environments()?;
    succeed(command().args(&arguments.filter))?;
    println!("{}", style::good("All tests passed."));
    Ok(())
}

/// All tests. Not by nextest: it gives each test a process, and with it an AWS API of its own, which takes longer than the tests.
///
/// Property tests draw the same cases each time here, so that the same tree gives the same answer; `cargo test` draws new ones.
pub(crate) fn command() -> Command {
    const SEED: &str = "PROPTEST_RNG_SEED";
    let mut command = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
    if std::env::var_os(SEED).is_none() {
        command.env(SEED, "1");
    }
    command
}

/// Makes the Python environments that tests use: here, where a person sees it happen, rather than inside the first test that
/// needs one.
pub(crate) fn environments() -> Result<()> {
    for requirements in Requirements::ALL {
        PythonEnvironment::get(*requirements)?;
    }
    Ok(())
}
