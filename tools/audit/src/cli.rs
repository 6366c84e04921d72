//! The command line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use stups_terminal::{Failure, Terminal, until_interrupted};

use crate::export::{self, ExportArguments};
use crate::verify::{self, VerifyArguments};

#[derive(Debug, Parser)]
#[command(
    name = "audit",
    display_name = "STUPS audit",
    about = "Check and read the audit trails that services keep",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Export(ExportArguments),
    Verify(VerifyArguments),
}

/// The whole command tree, for help, completions and documentation.
pub fn command() -> clap::Command {
    Audit::command()
}

/// Runs `audit` with `arguments` (program name first) on the process's terminal.
pub async fn run(arguments: Vec<OsString>) -> ExitCode {
    let terminal = Terminal::from_process();
    let outcome = run_in(&terminal, arguments).await;
    terminal.finish(outcome)
}

/// Runs `audit` with `arguments` (program name first) on `terminal`.
pub async fn run_in(terminal: &Terminal, arguments: Vec<OsString>) -> Result<(), Failure> {
    match stups_terminal::parse::<Audit>(&arguments)? {
        Ok(Audit { command }) => until_interrupted(execute(terminal, &command)).await,
        Err(text) => {
            terminal.print(&text);
            Ok(())
        }
    }
}

async fn execute(terminal: &Terminal, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Export(arguments) => export::run(terminal, arguments).await,
        Command::Verify(arguments) => verify::run(terminal, arguments).await,
    }
}
