//! The project's own commands: `cargo xtask demo`, `cargo xtask test`, `cargo xtask ci`, `cargo xtask bench senza`,
//! `cargo xtask bench identity kio`, `cargo xtask bench pierone`.

mod bench;
mod cargo;
mod ci;
mod demo;
mod setup;
mod steps;
mod style;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the main job from end to end: a definition becomes a running stack that carries traffic
    Demo(demo::DemoArguments),
    /// Run all tests
    Test(test::TestArguments),
    /// Run what every change must pass: format, lints, tests, documentation, the demo
    Ci,
    /// Measure side by side with the originals
    Bench(bench::BenchArguments),
    /// Install what the other commands need
    Setup,
}

fn main() -> ExitCode {
    let outcome = match Xtask::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Ci => ci::run(),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Setup => setup::ensure(setup::ALL),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} {error:#}", style::failed("Error:"));
            ExitCode::FAILURE
        }
    }
}
