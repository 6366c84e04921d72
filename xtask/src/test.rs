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

/// The crates whose tests are built apart from the others: they want tokio's `test-util`, with which everything that stands on
/// tokio, the AWS SDK first of all, would be compiled a second time.
const APART: &str = "stups-terminal";

/// Installs what the tests need and runs them.
pub(crate) fn run(arguments: &TestArguments) -> Result<()> {
    setup::ensure(setup::BASICS)?;
    // Made here, where a person sees it happen, rather than inside the first test that needs it.
    PythonEnvironment::get(Requirements::AwsApi)?;
    let filter = arguments.filter.as_slice();
    let most = ["--workspace", "--exclude", APART];
    let apart = ["--package", APART];
    for selection in [&most[..], &apart] {
        if has("nextest") {
            // No test that matches the filter is no failure; documentation tests are left to cargo.
            let nextest = ["nextest", "run", "--no-fail-fast", "--no-tests", "pass"];
            succeed(cargo(&nextest).args(selection).args(filter))?;
            succeed(cargo(&["test", "--doc", "--quiet"]).args(selection).args(filter))?;
        } else {
            succeed(cargo(&["test", "--no-fail-fast"]).args(selection).args(filter))?;
        }
    }
    println!("{}", style::good("All tests passed."));
    Ok(())
}
