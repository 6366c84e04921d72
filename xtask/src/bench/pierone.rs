//! `cargo xtask bench pierone`: the registry beside Debian's `docker-registry`, on one disk, and beside what `openssl` hashes.
//!
//! Both run without authentication and keep blobs in a directory. All clients are in one process, a release build like ours
//! (`benches/registry-clients`); its own work is part of what is measured, the same for both.

mod clients;
mod goals;
mod registry;
mod sizes;

use std::path::PathBuf;

use anyhow::Result;
use stups_testkit::container_tool;

use self::clients::Clients;
use self::goals::{Figures, Rates, Side, Transfer};
use self::registry::Registry;
use self::sizes::{Image, Sizes};
use super::wrk::load;
use crate::cargo::release;
use crate::setup;

/// What clients accept; `docker-registry` has no manifest for who does not say so.
const ACCEPT: &str = "Accept: application/vnd.oci.image.manifest.v1+json";

/// Arguments of `cargo xtask bench pierone`.
#[derive(Debug, clap::Args)]
pub(crate) struct PierOneArguments {
    /// Measure the `stupsd` in this directory with the `registry-clients` there, instead of release builds made now
    #[arg(long, value_name = "DIR")]
    executables: Option<PathBuf>,
    /// Where both keep what is pushed, and the clients what they push; the directory for temporary files by default
    #[arg(long, value_name = "DIR")]
    disk: Option<PathBuf>,
    /// How long each load with wrk lasts
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// A few megabytes instead of gigabytes: shows that it runs, measures nothing
    #[arg(long)]
    quick: bool,
}

/// Prints a table, and which goals are reached.
pub(crate) fn run(arguments: &PierOneArguments) -> Result<()> {
    if arguments.executables.is_none() {
        setup::ensure(setup::BASICS)?;
    }
    let stupsd = release("stupsd", arguments.executables.as_deref())?;
    let clients = release("registry-clients", arguments.executables.as_deref())?;
    let peer = container_tool("docker-registry")?;
    container_tool("wrk")?;
    let openssl = container_tool("openssl")?;
    let disk = arguments.disk.clone().unwrap_or_else(std::env::temp_dir);
    let sizes = if arguments.quick { sizes::QUICK } else { sizes::FULL };
    let seconds = if arguments.quick { 1 } else { arguments.seconds };
    let ours = || Registry::stupsd(&stupsd, &disk);
    let peer = || Registry::docker_registry(&peer, &disk);

    let clients = Clients::with_bytes(clients, &disk, sizes.largest())?;
    let mut figures = Figures {
        openssl: clients.hashed_by(&openssl)?,
        ..Figures::default()
    };
    println!("{:<34}{:>14}{:>18}", "", "stupsd", "docker-registry");
    for image in sizes.images {
        for &count in sizes.clients {
            let rounds = if count == 1 { sizes.rounds } else { sizes.rounds_of_many };
            let title = |what| format!("{what} {image}, {}", counted(count));
            let mut measured = Vec::new();
            for round in 1..=rounds {
                let theirs = transfer(&clients, &peer()?, image, count)?;
                let ours = transfer(&clients, &ours()?, image, count)?;
                if rounds > 1 {
                    row(&format!("  push, round {round}"), ours.push, theirs.push, "MB/s");
                    row(
                        &format!("  first pull, round {round}"),
                        ours.first_pull,
                        theirs.first_pull,
                        "MB/s",
                    );
                    row(&format!("  pull again, round {round}"), ours.pull, theirs.pull, "MB/s");
                }
                measured.push((ours, theirs));
            }
            let transfer = Transfer::of_rounds(*image, count, &measured);
            row(&title("push"), transfer.ours.push, transfer.peer.push, "MB/s");
            row(
                &title("first pull"),
                transfer.ours.first_pull,
                transfer.peer.first_pull,
                "MB/s",
            );
            row(&title("pull again"), transfer.ours.pull, transfer.peer.pull, "MB/s");
            figures.transfers.push(transfer);
        }
    }
    println!(
        "(One client: the median of {} rounds, many: of {}, each with a new registry. A client has five layers on their way up at once, \
         and three down, as docker has.)",
        sizes.rounds, sizes.rounds_of_many
    );
    let theirs = answers(&clients, &peer()?, &sizes, seconds)?;
    let own = answers(&clients, &ours()?, &sizes, seconds)?;
    row("manifest GET, 64 connections", own.0, theirs.0, "/s");
    row(
        &format!("list of {} tags, 64 connections", sizes.tags),
        own.1,
        theirs.1,
        "/s",
    );
    figures.manifests = Side::of(own.0, theirs.0);
    let theirs = memory(&clients, &peer()?, &sizes)?;
    let own = memory(&clients, &ours()?, &sizes)?;
    row(
        &format!("peak memory, {} pushes at once", sizes.pushes),
        own,
        theirs,
        "MB",
    );
    figures.memory = Side::of(own, theirs);
    println!("{:<34}{:>9.0} MB/s", "openssl dgst -sha256", figures.openssl);
    println!();
    for goal in figures.goals() {
        println!("{goal}");
    }
    if arguments.quick {
        println!("\nA quick run: none of these figures means anything.");
    }
    Ok(())
}

fn row(title: &str, ours: f64, peer: f64, unit: &str) {
    println!("{title:<34}{ours:>9.0} {unit:<4}{peer:>13.0} {unit}");
}

fn counted(clients: usize) -> String {
    if clients == 1 {
        "1 client".to_owned()
    } else {
        format!("{clients} clients")
    }
}

/// So many clients push an image of their own, then pull it twice, in MB/s together.
fn transfer(clients: &Clients, registry: &Registry, image: &Image, count: usize) -> Result<Rates> {
    Ok(Rates {
        push: clients.push(registry, image, count, 1)?,
        first_pull: clients.pull(registry, image, count)?,
        pull: clients.pull(registry, image, count)?,
    })
}

/// Manifests and lists of tags per second.
fn answers(clients: &Clients, registry: &Registry, sizes: &Sizes, seconds: u64) -> Result<(f64, f64)> {
    clients.push(registry, &sizes::SMALL, 1, sizes.tags)?;
    let mut rates = [0.0; 2];
    for (rate, path) in rates.iter_mut().zip(["manifests/1.0", "tags/list"]) {
        let url = registry.url().join("v2/bench/app-0/")?.join(path)?;
        let loaded = load(url.as_str(), ACCEPT, seconds)?;
        anyhow::ensure!(loaded.failed == 0, "{url}: {} answers failed", loaded.failed);
        *rate = loaded.rate;
    }
    Ok((rates[0], rates[1]))
}

/// The peak of the process's memory while so many push at once, in MB.
fn memory(clients: &Clients, registry: &Registry, sizes: &Sizes) -> Result<f64> {
    clients.push(registry, &sizes.pushed, sizes.pushes, 1)?;
    Ok(registry.peak_memory()? as f64 / 1e6)
}
