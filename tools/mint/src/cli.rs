//! The command line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use stups_terminal::{
    CompletionArguments, Failure, TableArguments, Terminal, completion_from_environment, until_interrupted,
    write_completion,
};

use crate::applications::{self, ApplicationArguments, ListArguments};
use crate::brake;
use crate::configure::{self, ConfigureArguments};
use crate::context::Context;

#[derive(Debug, Parser)]
#[command(
    name = "mint",
    display_name = "Mint CLI",
    about = "Scopes and secrets of applications",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Mint {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List configured applications
    List(ListArguments),
    /// Show an application's configuration and how its secrets are
    Show(ApplicationArguments),
    /// Configure an application: what is not named stays
    Configure(ConfigureArguments),
    /// Rotate an application's password and client at once
    Renew { application_id: String },
    /// Remove an application's configuration and its service user
    Delete {
        application_id: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Show whether a mass deletion is held back
    Brake(TableArguments),
    /// Let the deletions that are held back through, once
    ReleaseBrake {
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Print a completion script for a shell
    Completion(CompletionArguments),
}

impl Command {
    /// The terminal with the output format of the command in force.
    fn on(&self, terminal: &Terminal) -> Terminal {
        let table = match self {
            Self::List(arguments) => Some(&arguments.table),
            Self::Show(arguments) => Some(&arguments.table),
            Self::Brake(table) => Some(table),
            _ => None,
        };
        table.map_or_else(|| terminal.clone(), |table| table.on(terminal))
    }
}

/// The whole command tree, for help, completions and documentation.
pub fn command() -> clap::Command {
    Mint::command()
}

/// Runs `mint` with `arguments` (program name first) on the process's terminal, with the mint that the configuration names and the
/// person's token.
pub async fn run(arguments: Vec<OsString>) -> ExitCode {
    let terminal = Terminal::from_process();
    if let Some(script) = completion_from_environment("mint", command()) {
        terminal.print(&script);
        return terminal.finish(Ok(()));
    }
    let outcome = execute(&terminal, None, arguments).await;
    terminal.finish(outcome)
}

/// Runs `mint` with `arguments` (program name first) in a context, for programs that use it as a library.
pub async fn run_in(context: &Context, arguments: Vec<OsString>) -> Result<(), Failure> {
    execute(&context.terminal, Some(context), arguments).await
}

async fn execute(terminal: &Terminal, context: Option<&Context>, arguments: Vec<OsString>) -> Result<(), Failure> {
    let command = match stups_terminal::parse::<Mint>(&arguments)? {
        Ok(parsed) => parsed.command,
        Err(text) => {
            terminal.print(&text);
            return Ok(());
        }
    };
    let terminal = command.on(terminal);
    if let Command::Completion(arguments) = &command {
        terminal.print(&write_completion(self::command(), "mint", arguments));
        return Ok(());
    }
    let outcome = until_interrupted(async {
        let context = &match context {
            Some(context) => Context {
                terminal,
                ..context.clone()
            },
            None => Context::from_configuration(terminal).await?,
        };
        match &command {
            Command::List(arguments) => applications::list(context, arguments).await,
            Command::Show(arguments) => applications::show(context, arguments).await,
            Command::Configure(arguments) => configure::run(context, arguments).await,
            Command::Renew { application_id } => applications::renew(context, application_id).await,
            Command::Delete { application_id, yes } => applications::delete(context, application_id, *yes).await,
            Command::Brake(_) => brake::show(context).await,
            Command::ReleaseBrake { yes } => brake::release(context, *yes).await,
            Command::Completion(_) => Ok(()),
        }
    });
    outcome.await.map_err(|failure| match failure.exit_code {
        2 => failure.with_usage(&self::command(), &arguments),
        _ => failure,
    })
}
