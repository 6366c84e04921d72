//! `stupsd`: every STUPS service in one executable.
//!
//! `stupsd` runs all of them in one process on loopback, `stupsd kio` one of them.

mod cli;
mod config;
mod documents;
mod encrypted_variables;
mod environment_variables;
mod listen;
mod pierone_variables;
mod run;
mod service;
mod spelling;
mod welcome;

use std::process::ExitCode;

use clap::Parser as _;

/// Each request allocates on one thread what another one frees: the C library's allocator makes them wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::Arguments::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {}", one_line(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

/// The message without line breaks: it is one line, whatever a library put into it.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
