//! The command line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use stups_terminal::{
    CompletionArguments, Failure, Terminal, completion_from_environment, until_interrupted, write_completion,
};

use crate::accounts::{self, AccountCommand};
use crate::apply::{self, ApplyArguments};
use crate::clients::{self, ClientCommand};
use crate::context::Context;
use crate::service_users::{self, ServiceUserCommand};
use crate::teams::{self, TeamCommand};
use crate::users::{self, UserCommand};

#[derive(Debug, Parser)]
#[command(
    name = "identity",
    display_name = "Identity CLI",
    about = "Manage users, teams, accounts, OAuth clients and service users",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Identity {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Apply(ApplyArguments),
    /// Manage users, their passwords and SSH keys
    #[command(subcommand_required = true, arg_required_else_help = true)]
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Manage teams
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Team {
        #[command(subcommand)]
        command: TeamCommand,
    },
    /// Manage cloud accounts
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Account {
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Manage OAuth clients
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Client {
        #[command(subcommand)]
        command: ClientCommand,
    },
    /// Manage service users: the machine accounts of applications
    #[command(subcommand_required = true, arg_required_else_help = true)]
    ServiceUser {
        #[command(subcommand)]
        command: ServiceUserCommand,
    },
    /// Print a completion script for a shell
    Completion(CompletionArguments),
}

impl Command {
    /// The terminal with the output format of the command in force.
    fn on(&self, terminal: &Terminal) -> Terminal {
        let table = match self {
            Self::Apply(arguments) => Some(&arguments.table),
            Self::User { command } => command.table(),
            Self::Team { command } => command.table(),
            Self::Account { command } => command.table(),
            Self::Client { command } => command.table(),
            Self::ServiceUser { command } => command.table(),
            Self::Completion(_) => None,
        };
        table.map_or_else(|| terminal.clone(), |table| table.on(terminal))
    }
}

/// The whole command tree, for help, completions and documentation.
pub fn command() -> clap::Command {
    Identity::command()
}

/// Runs `identity` with `arguments` (program name first) on the process's terminal, with the service that the configuration
/// names and the person's token.
pub async fn run(arguments: Vec<OsString>) -> ExitCode {
    let terminal = Terminal::from_process();
    if let Some(script) = completion_from_environment("identity", command()) {
        terminal.print(&script);
        return terminal.finish(Ok(()));
    }
    let outcome = execute(&terminal, None, arguments).await;
    terminal.finish(outcome)
}

/// Runs `identity` with `arguments` (program name first) in a context, for programs that use it as a library.
pub async fn run_in(context: &Context, arguments: Vec<OsString>) -> Result<(), Failure> {
    execute(&context.terminal, Some(context), arguments).await
}

async fn execute(terminal: &Terminal, context: Option<&Context>, arguments: Vec<OsString>) -> Result<(), Failure> {
    let command = match stups_terminal::parse::<Identity>(&arguments)? {
        Ok(parsed) => parsed.command,
        Err(text) => {
            terminal.print(&text);
            return Ok(());
        }
    };
    let terminal = command.on(terminal);
    if let Command::Completion(arguments) = &command {
        terminal.print(&write_completion(self::command(), "identity", arguments));
        return Ok(());
    }
    until_interrupted(async {
        let context = match context {
            Some(context) => Context {
                terminal,
                ..context.clone()
            },
            None => Context::from_configuration(terminal).await?,
        };
        match &command {
            Command::Apply(arguments) => apply::run(&context, arguments).await,
            Command::User { command } => users::run(&context, command).await,
            Command::Team { command } => teams::run(&context, command).await,
            Command::Account { command } => accounts::run(&context, command).await,
            Command::Client { command } => clients::run(&context, command).await,
            Command::ServiceUser { command } => service_users::run(&context, command).await,
            Command::Completion(_) => Ok(()),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_fit_together() {
        command().debug_assert();
    }
}
