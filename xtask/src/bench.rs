//! `cargo xtask bench`: measurements side by side with the originals.

mod measure;
mod mint;
mod pierone;
mod senza;
mod services;
mod stupsd;
mod wrk;

use anyhow::Result;
use clap::Subcommand;

/// Arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArguments {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, Subcommand)]
enum Subject {
    /// Senza and stups-senza 2.1.143: time, memory and AWS calls of the commands used daily
    Senza(senza::SenzaArguments),
    /// Identity and Kio under load, beside a bare handler that returns the same bytes
    #[command(visible_alias = "kio")]
    Identity(services::ServicesArguments),
    /// mint: applications rotated per minute by one worker and by four, a cycle with nothing to do, and berry's memory
    Mint(mint::MintArguments),
    /// Pier One and Debian's docker-registry: pushes, pulls, manifests, lists of tags and memory on one disk
    Pierone(pierone::PierOneArguments),
}

/// Measures and prints.
pub(crate) fn run(arguments: &BenchArguments) -> Result<()> {
    match &arguments.subject {
        Subject::Senza(arguments) => senza::run(arguments),
        Subject::Identity(arguments) => services::run(arguments),
        Subject::Mint(arguments) => mint::run(arguments),
        Subject::Pierone(arguments) => pierone::run(arguments),
    }
}
