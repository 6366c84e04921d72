//! The command line of `stups-host` itself.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use stups_terminal::Terminal;

use crate::agent::Agent;

/// Every STUPS agent of a machine in one executable
#[derive(Debug, Parser)]
#[command(
    name = "stups-host",
    subcommand_required = true,
    arg_required_else_help = true,
    display_name = "STUPS host",
    version
)]
struct StupsHost {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy an application's credentials from its secret store to local files
    #[command(disable_help_flag = true)]
    Berry(AgentArguments),
}

/// What an agent is called with: all of it is the agent's own business.
#[derive(Debug, clap::Args)]
struct AgentArguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    arguments: Vec<OsString>,
}

/// Runs `stups-host` with `arguments`, program name first.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    let terminal = Terminal::from_process();
    match stups_terminal::parse::<StupsHost>(arguments) {
        Ok(Ok(parsed)) => match parsed.command {
            Command::Berry(agent) => run_agent(Agent::Berry, agent),
        },
        Ok(Err(text)) => {
            terminal.print(&text);
            terminal.finish(Ok(()))
        }
        Err(failure) => terminal.report(&failure),
    }
}

fn run_agent(agent: Agent, arguments: AgentArguments) -> ExitCode {
    let mut all = vec![OsString::from(agent.name())];
    all.extend(arguments.arguments);
    agent.run(all)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn every_agent_is_a_command() {
        let command = StupsHost::command();
        for agent in Agent::ALL {
            assert!(command.find_subcommand(agent.name()).is_some(), "{}", agent.name());
        }
        command.debug_assert();
    }
}
