//! `cargo xtask test`: everything that can be tested, tested.

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
    // Made here, where a person sees it happen, rather than inside the first test that needs it.
    PythonEnvironment::get(Requirements::AwsApi)?;
    // Not nextest: it gives each test a process, and with it an AWS API of its own, which takes longer than the tests.
    succeed(cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]).args(&arguments.filter))?;
    println!("{}", style::good("All tests passed."));
    Ok(())
}
