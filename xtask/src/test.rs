//! `cargo xtask test`: everything that can be tested, tested.

use anyhow::Result;
use stups_testkit::{PythonEnvironment, Requirements};

use crate::cargo::{cargo, has, succeed};
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
    let filter = arguments.filter.as_slice();
    if has("nextest") {
        // No test that matches the filter is no failure; documentation tests are left to cargo.
        let nextest = ["nextest", "run", "--workspace", "--no-fail-fast", "--no-tests", "pass"];
        succeed(cargo(&nextest).args(filter))?;
        succeed(cargo(&["test", "--workspace", "--doc", "--quiet"]).args(filter))?;
    } else {
        succeed(cargo(&["test", "--workspace", "--no-fail-fast"]).args(filter))?;
    }
    println!("{}", style::good("All tests passed."));
    Ok(())
}
