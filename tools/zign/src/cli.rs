//! The command line of `zign`.

use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use stups_terminal::{CompletionArguments, Failure, OutputFormat, Terminal, until_interrupted, write_completion};

use crate::commands::{credential_helper, delete, exec, info, list, login, logout, revoke, token};

#[derive(Debug, Parser)]
#[command(
    name = "zign",
    display_name = "zign",
    about = "OAuth tokens for people at the command line",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    args_override_self = true,
    disable_help_subcommand = true
)]
struct Zign {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a completion script for a shell
    Completion(CompletionArguments),
    CredentialHelper(credential_helper::CredentialHelperArguments),
    Delete(delete::DeleteArguments),
    Exec(exec::ExecArguments),
    Info(info::InfoArguments),
    List(list::ListArguments),
    Login(login::LoginArguments),
    Logout(logout::LogoutArguments),
    Revoke(revoke::RevokeArguments),
    Token(token::TokenArguments),
}

impl Command {
    /// The output format in force. Where stdout is a token's alone, everything else is on stderr, also on a terminal.
    fn format(&self) -> OutputFormat {
        match self {
            Self::List(arguments) => arguments.output,
            Self::Info(arguments) => arguments.output,
            Self::Token(_) | Self::Exec(_) | Self::CredentialHelper(_) => OutputFormat::Json,
            _ => OutputFormat::Text,
        }
    }
}

/// The whole command tree, for help, completions and documentation.
pub fn command() -> clap::Command {
    Zign::command()
}

/// Runs `zign` with `arguments`, program name first, on the process's terminal.
pub async fn run(arguments: Vec<OsString>) -> ExitCode {
    let terminal = Terminal::from_process();
    if let Some(script) = stups_terminal::completion_from_environment("zign", command()) {
        terminal.print(&script);
        return terminal.finish(Ok(()));
    }
    let command = match stups_terminal::parse::<Zign>(&arguments) {
        Ok(Ok(parsed)) => parsed.command,
        Ok(Err(text)) => {
            terminal.print(&text);
            return terminal.finish(Ok(()));
        }
        Err(failure) => return terminal.report(&failure),
    };
    let terminal = terminal.with_format(command.format());
    let outcome = finish(dispatch(&terminal, command)).await;
    terminal.finish(outcome)
}

/// Runs a command until it ends or Ctrl-C comes.
pub(crate) async fn finish(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    Box::pin(until_interrupted(work)).await
}

async fn dispatch(terminal: &Terminal, command: Command) -> Result<(), Failure> {
    match command {
        Command::Completion(arguments) => {
            terminal.print(&write_completion(self::command(), "zign", &arguments));
            Ok(())
        }
        Command::CredentialHelper(arguments) => credential_helper::run(terminal, &arguments).await,
        Command::Delete(arguments) => delete::run(terminal, &arguments).await,
        Command::Exec(arguments) => exec::run(terminal, arguments).await,
        Command::Info(arguments) => info::run(terminal, &arguments),
        Command::List(arguments) => list::run(terminal, &arguments),
        Command::Login(arguments) => login::run(terminal, &arguments).await,
        Command::Logout(arguments) => logout::run(terminal, &arguments).await,
        Command::Revoke(arguments) => revoke::run(terminal, &arguments).await,
        Command::Token(arguments) => token::run(terminal, arguments).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        stups_terminal::conventional(command()).debug_assert();
    }

    #[test]
    fn commands_may_be_abbreviated() {
        let parsed = |words: &[&str]| {
            let words = std::iter::once("zign").chain(words.iter().copied()).map(OsString::from);
            stups_terminal::parse::<Zign>(&words.collect::<Vec<_>>())
        };
        assert!(matches!(
            parsed(&["tok", "uid"]).unwrap().unwrap().command,
            Command::Token(_)
        ));
        assert!(matches!(
            parsed(&["li", "-o", "json"]).unwrap().unwrap().command,
            Command::List(_)
        ));
        let failure = parsed(&["lo"]).unwrap_err();
        assert_eq!(
            (failure.exit_code, failure.message.as_str()),
            (2, "Too many matches: login, logout")
        );
        assert_eq!(parsed(&["x"]).unwrap_err().exit_code, 2);
        assert_eq!(
            parsed(&["-V"]).unwrap().unwrap_err(),
            format!("zign {}\n", env!("CARGO_PKG_VERSION"))
        );
    }
}
