//! The clients of `cargo xtask bench pierone`, in an executable of their own: it has no AWS SDK in it, so that a release build,
//! whose own work is a small part of what is measured, is soon made. Every registry gets the same ones.
//!
//! `bytes` makes the file that layers are made of. `push` and `pull` print one JSON line: how many bytes of layers went to or
//! came from the registry, and how many seconds the transfers alone took.

mod client;
mod layers;

use std::future::Future;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde::Serialize;
use url::Url;

use self::client::{Client, in_parallel};
use self::layers::{Image, Layers};

/// Pushes to a registry and pulls from it.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Makes the file that layers are read from
    Bytes {
        /// The file, replaced
        #[arg(long)]
        file: PathBuf,
        /// How many bytes
        #[arg(long)]
        size: u64,
    },
    /// Each client pushes an image of its own
    Push {
        #[command(flatten)]
        registry: Registry,
        /// The file made by `bytes`
        #[arg(long)]
        file: PathBuf,
        #[command(flatten)]
        image: Image,
        /// How many tags each image gets: 1.0, 1.1 and so on
        #[arg(long, default_value_t = 1)]
        tags: usize,
    },
    /// Each client pulls the image that it has pushed
    Pull {
        #[command(flatten)]
        registry: Registry,
    },
}

#[derive(Debug, clap::Args)]
struct Registry {
    /// URL of the registry
    #[arg(long = "registry")]
    url: Url,
    /// How many clients at once
    #[arg(long)]
    clients: usize,
}

/// What was transferred.
#[derive(Serialize)]
struct Transfer {
    bytes: u64,
    seconds: f64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    tokio::runtime::Runtime::new()?.block_on(async {
        let transfer = match arguments.what {
            What::Bytes { file, size } => return Layers::make(&file, size),
            What::Push {
                registry,
                file,
                image,
                tags,
            } => push(&registry, &Layers::open(&file)?, &image, tags).await?,
            What::Pull { registry } => pull(&registry).await?,
        };
        println!("{}", serde_json::to_string(&transfer)?);
        Ok(())
    })
}

async fn push(registry: &Registry, layers: &Layers, image: &Image, tags: usize) -> Result<Transfer> {
    let shape = layers.shaped(image)?;
    let tags: Vec<String> = (0..tags).map(|number| format!("1.{number}")).collect();
    let pushes = in_parallel(registry.clients, |number| {
        let client = Client::new(&registry.url, number);
        let (layers, tags) = (shape.of(number), tags.clone());
        async move { client?.push_image(&layers, &tags).await }
    });
    measured(pushes).await
}

async fn pull(registry: &Registry) -> Result<Transfer> {
    let pulls = in_parallel(registry.clients, |number| {
        let client = Client::new(&registry.url, number);
        async move { client?.pull_image("1.0").await }
    });
    measured(pulls).await
}

/// The time of transfers that are ready to start, and the sum of their bytes.
async fn measured(transfers: impl Future<Output = Result<Vec<u64>>>) -> Result<Transfer> {
    let start = Instant::now();
    let bytes = transfers.await?.iter().sum();
    let seconds = start.elapsed().as_secs_f64();
    Ok(Transfer { bytes, seconds })
}
