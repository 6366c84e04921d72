//! `cargo xtask bench pierone`: the registry beside Debian's `docker-registry`, on one disk, and beside what `openssl` hashes.
//!
//! Both run without authentication and keep blobs in a directory. All clients are in this process; its own work is part of
//! what is measured, the same for both: `cargo run --release --package xtask -- bench pierone` keeps it small.

mod client;
mod goals;
mod layers;
mod registry;
mod sizes;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use stups_testkit::container_tool;

use self::client::{Client, in_parallel};
use self::goals::{Figures, Side};
use self::layers::{Layers, Shape};
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
    /// Measure the `stupsd` in this directory instead of a release build made now
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
    let peer = container_tool("docker-registry")?;
    container_tool("wrk")?;
    let openssl = container_tool("openssl")?;
    let disk = arguments.disk.clone().unwrap_or_else(std::env::temp_dir);
    let sizes = if arguments.quick { sizes::QUICK } else { sizes::FULL };
    let seconds = if arguments.quick { 1 } else { arguments.seconds };
    if cfg!(debug_assertions) {
        println!("The clients are a debug build: they slow both down.");
    }
    tokio::runtime::Runtime::new()?.block_on(async {
        let layers = Layers::make(&disk, sizes.largest())?;
        let mut figures = Figures {
            openssl: layers.hashed_by(&openssl)?,
            ..Figures::default()
        };
        println!("{:<34}{:>14}{:>18}", "", "stupsd", "docker-registry");
        for image in sizes.images {
            let shape = layers.shaped(image)?;
            for &clients in sizes.clients {
                let registry = Registry::stupsd(&stupsd, &disk)?;
                let ours = transfer(&registry, &shape, image, clients).await?;
                drop(registry);
                let registry = Registry::docker_registry(&peer, &disk)?;
                let peer = transfer(&registry, &shape, image, clients).await?;
                for (what, ours, peer) in [("push", ours.push, peer.push), ("pull", ours.pull, peer.pull)] {
                    row(&format!("{what} {image}, {}", counted(clients)), ours, peer, "MB/s");
                }
                figures.transfers.push(goals::Transfer { clients, ours, peer });
            }
        }
        let registry = Registry::stupsd(&stupsd, &disk)?;
        let ours = answers(&registry, &layers, &sizes, seconds).await?;
        drop(registry);
        let registry = Registry::docker_registry(&peer, &disk)?;
        let theirs = answers(&registry, &layers, &sizes, seconds).await?;
        drop(registry);
        row("manifest GET, 64 connections", ours.0, theirs.0, "/s");
        row(
            &format!("list of {} tags, 64 connections", sizes.tags),
            ours.1,
            theirs.1,
            "/s",
        );
        figures.manifests = Side::of(ours.0, theirs.0);
        let ours = memory(&Registry::stupsd(&stupsd, &disk)?, &layers, &sizes).await?;
        let theirs = memory(&Registry::docker_registry(&peer, &disk)?, &layers, &sizes).await?;
        row(
            &format!("peak memory, {} pushes at once", sizes.pushes),
            ours,
            theirs,
            "MB",
        );
        figures.memory = Side::of(ours, theirs);
        println!("{:<34}{:>9.0} MB/s", "openssl dgst -sha256", figures.openssl);
        println!();
        for goal in figures.goals() {
            println!("{goal}");
        }
        if arguments.quick {
            println!("\nA quick run: none of these figures means anything.");
        }
        Ok(())
    })
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

/// So many clients push an image of their own, then pull it, in MB/s together.
async fn transfer(registry: &Registry, shape: &Shape, image: &Image, clients: usize) -> Result<goals::Rates> {
    let megabytes = (image.bytes() * clients as u64) as f64 / 1e6;
    let push = in_parallel(clients, |number| {
        let client = Client::new(registry.url(), number);
        let layers = shape.of(number);
        async move { client?.push_image(&layers, &["1.0"]).await }
    });
    let start = Instant::now();
    push.await?;
    let push = megabytes / start.elapsed().as_secs_f64();
    let pull = in_parallel(clients, |number| {
        let client = Client::new(registry.url(), number);
        async move { client?.pull_image("1.0").await }
    });
    let start = Instant::now();
    let pulled: u64 = pull.await?.iter().sum();
    let elapsed = start.elapsed().as_secs_f64();
    anyhow::ensure!(pulled == image.bytes() * clients as u64, "{pulled} bytes were pulled");
    Ok(goals::Rates {
        push,
        pull: megabytes / elapsed,
    })
}

/// Manifests and lists of tags per second.
async fn answers(registry: &Registry, layers: &Layers, sizes: &Sizes, seconds: u64) -> Result<(f64, f64)> {
    let client = Client::new(registry.url(), 0)?;
    let tags: Vec<String> = (0..sizes.tags).map(|number| format!("1.{number}")).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    client.push_image(&layers.shaped(&sizes::SMALL)?.of(0), &tags).await?;
    let mut rates = [0.0; 2];
    for (rate, path) in rates.iter_mut().zip(["manifests/1.0", "tags/list"]) {
        let url = client.url(path)?;
        let loaded = load(url.as_str(), ACCEPT, seconds)?;
        anyhow::ensure!(loaded.failed == 0, "{url}: {} answers failed", loaded.failed);
        *rate = loaded.rate;
    }
    Ok((rates[0], rates[1]))
}

/// The peak of the process's memory while so many push at once, in MB.
async fn memory(registry: &Registry, layers: &Layers, sizes: &Sizes) -> Result<f64> {
    let shape = layers.shaped(&sizes.pushed)?;
    let pushed = in_parallel(sizes.pushes, |number| {
        let client = Client::new(registry.url(), number);
        let layers = shape.of(number);
        async move { client?.push_image(&layers, &["1.0"]).await }
    });
    pushed.await?;
    Ok(registry.peak_memory()? as f64 / 1e6)
}
