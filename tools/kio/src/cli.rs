//! The command line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use stups_terminal::{
    CompletionArguments, Failure, Terminal, completion_from_environment, until_interrupted, write_completion,
};

use crate::applications::{self, ApplicationsCommand, ListArguments};
use crate::context::Context;
use crate::versions::{self, VersionsCommand};

#[derive(Debug, Parser)]
#[command(
    name = "kio",
    display_name = "Kio CLI",
    about = "Register applications, their versions and approvals",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Kio {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Manage applications
    #[command(arg_required_else_help = true, args_conflicts_with_subcommands = true)]
    Applications {
        #[command(subcommand)]
        command: Option<ApplicationsCommand>,
        /// Without a command, options list, as up to 0.1.12.
        #[command(flatten)]
        list: ListArguments,
    },
    /// Manage application versions
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Versions {
        #[command(subcommand)]
        command: VersionsCommand,
    },
    /// Print a completion script for a shell
    Completion(CompletionArguments),
}

impl Command {
    /// The terminal with the output format of the command in force.
    fn on(&self, terminal: &Terminal) -> Terminal {
        let table = match self {
            Self::Applications {
                command: Some(command), ..
            } => command.table(),
            Self::Applications { command: None, list } => Some(list.table()),
            Self::Versions { command } => command.table(),
            Self::Completion(_) => None,
        };
        table.map_or_else(|| terminal.clone(), |table| table.on(terminal))
    }

    /// The scopes that a service needs beside `uid`; people write what their teams own.
    fn service_scopes(&self) -> &'static [&'static str] {
        match self {
            Self::Versions {
                command: VersionsCommand::Create(_),
            }
            | Self::Applications {
                command: Some(ApplicationsCommand::Create(_) | ApplicationsCommand::Update(_)),
                ..
            } => &["application.write"],
            _ => &[],
        }
    }
}

/// The whole command tree, for help, completions and documentation.
pub fn command() -> clap::Command {
    Kio::command()
}

/// Runs `kio` with `arguments` (program name first) on the process's terminal, with the registry that the configuration names
/// and the person's token.
pub async fn run(arguments: Vec<OsString>) -> ExitCode {
    let terminal = Terminal::from_process();
    if let Some(script) = completion_from_environment("kio", command()) {
        terminal.print(&script);
        return terminal.finish(Ok(()));
    }
    let outcome = execute(&terminal, None, arguments).await;
    terminal.finish(outcome)
}

/// Runs `kio` with `arguments` (program name first) in a context, for programs that use it as a library.
pub async fn run_in(context: &Context, arguments: Vec<OsString>) -> Result<(), Failure> {
    execute(&context.terminal, Some(context), arguments).await
}

async fn execute(terminal: &Terminal, context: Option<&Context>, arguments: Vec<OsString>) -> Result<(), Failure> {
    let command = match stups_terminal::parse::<Kio>(&arguments)? {
        Ok(parsed) => parsed.command,
        Err(text) => {
            terminal.print(&text);
            return Ok(());
        }
    };
    let terminal = command.on(terminal);
    if let Command::Completion(arguments) = &command {
        terminal.print(&write_completion(self::command(), "kio", arguments));
        return Ok(());
    }
    let outcome = until_interrupted(async {
        let context = match context {
            Some(context) => Context {
                terminal,
                ..context.clone()
            },
            None => Context::from_configuration(terminal, command.service_scopes()).await?,
        };
        match &command {
            Command::Applications {
                command: Some(command), ..
            } => applications::run(&context, command).await,
            Command::Applications { command: None, list } => applications::list(&context, list).await,
            Command::Versions { command } => versions::run(&context, command).await,
            Command::Completion(_) => Ok(()),
        }
    });
    // Wrong usage that only the command itself could see has the usage line, too.
    outcome.await.map_err(|failure| match failure.exit_code {
        2 => failure.with_usage(&self::command(), &arguments),
        _ => failure,
    })
}
