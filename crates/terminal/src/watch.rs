//! `--watch`: the same picture again and again.

use std::future::Future;

use crate::{Failure, Terminal};

/// `-w SECS`, `-W`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct WatchArguments {
    /// Auto update the screen every 2 seconds
    #[arg(short = 'W')]
    pub every_two_seconds: bool,
    /// Auto update the screen every X seconds
    #[arg(short = 'w', long = "watch", value_name = "SECS", value_parser = clap::value_parser!(u64).range(1..=300))]
    pub seconds: Option<u64>,
}

/// Runs `picture` once, or, when asked to watch, again and again until Ctrl-C, which restores the terminal and is
/// [`Failure::aborted`]. `picture` writes to the terminal it is given.
pub async fn watch<F, E>(
    terminal: &Terminal,
    arguments: &WatchArguments,
    picture: impl Fn(Terminal) -> F,
) -> Result<(), E>
where
    F: Future<Output = Result<(), E>>,
    E: From<Failure>,
{
    let _ = (terminal, arguments, picture);
    todo!()
}
