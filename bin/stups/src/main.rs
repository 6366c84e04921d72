//! `stups`: every STUPS command line tool in one executable.
//!
//! `stups senza list` runs Senza, and so does `senza list` through a link named `senza` (`stups link DIR` makes it).

mod cli;
mod link;
mod tool;

use std::env;
use std::process::ExitCode;

use tool::Tool;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().collect();
    match arguments.first().and_then(|program| Tool::from_program_name(program)) {
        Some(tool) => tool.run(arguments),
        None => cli::run(&arguments),
    }
}
