//! The command line of `stups` itself.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use stups_configure::ConfigureArguments;
use stups_terminal::{CompletionArguments, Failure, Terminal, until_interrupted, write_completion};

use crate::link::{self, LinkArguments};
use crate::tool::{self, Tool};

/// Every STUPS command line tool in one executable
#[derive(Debug, Parser)]
#[command(
    name = "stups",
    subcommand_required = true,
    arg_required_else_help = true,
    display_name = "STUPS",
    version
)]
struct Stups {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register applications, their versions and approvals
    #[command(disable_help_flag = true)]
    Kio(ToolArguments),
    /// Images of the registry: their tags, sources, contents and approvals
    #[command(disable_help_flag = true, name = "pierone")]
    PierOne(ToolArguments),
    /// Tell docker and its kin the credentials of the registry
    #[command(disable_help_flag = true, hide = true)]
    DockerCredentialPierone(ToolArguments),
    /// Deploy immutable, versioned application stacks and route traffic to them
    #[command(disable_help_flag = true)]
    Senza(ToolArguments),
    /// OAuth tokens for people at the command line
    #[command(disable_help_flag = true)]
    Zign(ToolArguments),
    /// Print a token of your login
    #[command(disable_help_flag = true)]
    Ztoken(ToolArguments),
    /// Configure all tools for an organisation
    Configure(ConfigureArguments),
    /// Check and read the audit trails that services keep
    #[command(disable_help_flag = true)]
    Audit(ToolArguments),
    /// Manage users, teams, accounts and OAuth clients
    #[command(disable_help_flag = true)]
    Identity(ToolArguments),
    /// Scopes and secrets of applications
    #[command(disable_help_flag = true)]
    Mint(ToolArguments),
    /// Make links to this executable: stups, and one named like each tool
    Link(LinkArguments),
    /// Print a shell's completion script
    Completion(CompletionArguments),
}

/// What a tool is called with: all of it is the tool's own business.
#[derive(Debug, clap::Args)]
struct ToolArguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    arguments: Vec<OsString>,
}

/// Runs `stups` with `arguments`, program name first.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    let terminal = Terminal::from_process();
    let command = match stups_terminal::parse::<Stups>(arguments) {
        Ok(Ok(parsed)) => parsed.command,
        Ok(Err(text)) => {
            terminal.print(&text);
            return terminal.finish(Ok(()));
        }
        Err(failure) => return terminal.report(&failure),
    };
    match command {
        Command::Kio(tool) => run_tool(Tool::Kio, tool),
        Command::PierOne(tool) => run_tool(Tool::PierOne, tool),
        Command::DockerCredentialPierone(tool) => run_tool(Tool::DockerCredentialPierone, tool),
        Command::Senza(tool) => run_tool(Tool::Senza, tool),
        Command::Zign(tool) => run_tool(Tool::Zign, tool),
        Command::Ztoken(tool) => run_tool(Tool::Ztoken, tool),
        Command::Configure(arguments) => terminal.finish(configure(&terminal, &arguments)),
        Command::Audit(tool) => run_tool(Tool::Audit, tool),
        Command::Identity(tool) => run_tool(Tool::Identity, tool),
        Command::Mint(tool) => run_tool(Tool::Mint, tool),
        Command::Completion(arguments) => {
            terminal.print(&write_completion(whole_command(), "stups", &arguments));
            terminal.finish(Ok(()))
        }
        Command::Link(arguments) => terminal.finish(link::run(&terminal, &arguments)),
    }
}

fn configure(terminal: &Terminal, arguments: &ConfigureArguments) -> Result<(), Failure> {
    tool::runtime()?.block_on(until_interrupted(stups_configure::run(terminal, arguments)))
}

fn run_tool(tool: Tool, arguments: ToolArguments) -> ExitCode {
    let mut all = vec![OsString::from(tool.name())];
    all.extend(arguments.arguments);
    tool.run(all)
}

/// `stups` with the commands of every tool below it.
fn whole_command() -> clap::Command {
    let add = |command: clap::Command, tool: &Tool| command.mut_subcommand(tool.name(), |_| tool.command());
    Tool::ALL.iter().fold(Stups::command(), add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_a_command() {
        let command = Stups::command();
        for tool in Tool::ALL {
            assert!(command.find_subcommand(tool.name()).is_some(), "{}", tool.name());
        }
        command.debug_assert();
    }

    #[test]
    fn the_whole_command_reaches_into_the_tools() {
        let whole = whole_command();
        let tool = whole.find_subcommand("senza").expect("senza is listed");
        assert!(tool.find_subcommand("traffic").is_some());
    }
}
