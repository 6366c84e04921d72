//! `cargo xtask demo`: the main job, from an empty account to a switched version, with the executables people use.

mod secrets;
mod shell;
mod walkthrough;

use std::process::Command;

use anyhow::{Context, Result};
use stups_testkit::{Account, AwsApi, PythonEnvironment, Requirements};

use crate::cargo::{build, succeed};
use crate::demo::shell::Shell;
use crate::{setup, style};

/// Arguments of `cargo xtask demo`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct DemoArguments {
    /// Leave everything running afterwards, to go on by hand, until Ctrl-C
    #[arg(long)]
    keep: bool,
}

/// Starts an AWS API, prepares an account in it, and walks through a deployment. An error names the command that did not
/// do what it should.
pub(crate) fn run(arguments: &DemoArguments) -> Result<()> {
    setup::ensure(setup::BASICS)?;
    PythonEnvironment::get(Requirements::AwsApi)?;
    let executable = build("stups")?;
    let (services, agents) = (build("stupsd")?, build("stups-host")?);
    let scratch = tempfile::Builder::new().prefix("stups-demo-").tempdir()?;
    let bin = scratch.path().join("bin");
    let mut link = Command::new(&executable);
    succeed(link.arg("link").arg(&bin).env("PATH", shell::path_with(&bin)?))?;

    for (name, executable) in [("stupsd", &services), ("berry", &agents)] {
        std::os::unix::fs::symlink(executable, bin.join(name))?;
    }

    let runtime = tokio::runtime::Runtime::new()?;
    let api = runtime.block_on(AwsApi::start()).context("Can't start the AWS API")?;
    let account = runtime.block_on(Account::standard(&api));
    println!(
        "{}",
        style::remark(&format!(
            "# An AWS API with a fresh account in it answers at {}",
            api.endpoint()
        ))
    );

    let mut shell = Shell::new(scratch.path(), &bin, account.environment())?;
    walkthrough::walk(&shell)?;
    let services = secrets::walk(&mut shell, &account, &runtime)?;
    println!("\n{}", style::good("The demo did all it should."));

    if arguments.keep {
        let environment = account.environment();
        let variables: Vec<_> = environment
            .iter()
            .map(|(name, value)| format!("{name}='{value}'"))
            .collect();
        println!("\nEverything is left running. To go on by hand, paste these two lines into another shell:\n");
        println!("export {}", variables.join(" "));
        println!("export PATH={}:$PATH; cd {}", bin.display(), scratch.path().display());
        println!("\nCtrl-C here ends the AWS API and removes the directory.");
        runtime.block_on(tokio::signal::ctrl_c())?;
    }
    drop(services);
    Ok(())
}
