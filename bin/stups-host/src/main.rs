//! `stups-host`: every STUPS agent of a machine in one executable.
//!
//! `stups-host berry /meta/credentials` runs berry, and so does `berry /meta/credentials` through a link named `berry`.

// The futures of the AWS SDK are nested deeper than the compiler looks by itself.
#![recursion_limit = "256"]

mod agent;
mod cli;

use std::env;
use std::process::ExitCode;

use agent::Agent;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().collect();
    match arguments.first().and_then(|program| Agent::from_program_name(program)) {
        Some(agent) => agent.run(arguments),
        None => cli::run(&arguments),
    }
}
