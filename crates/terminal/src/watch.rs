//! `--watch`: the same picture again and again.

use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::interrupt::until_interrupted;
use crate::streams::{Input, Output, Sink, Stream, Streams, lock};
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

impl WatchArguments {
    /// How long to wait between two pictures; nothing if there is to be only one. `-w` wins over `-W`.
    pub fn interval(&self) -> Option<Duration> {
        self.seconds
            .or_else(|| self.every_two_seconds.then_some(2))
            .map(Duration::from_secs)
    }
}

/// Runs `picture` once, or, when asked to watch, again and again until Ctrl-C, which restores the terminal and is
/// [`Failure::aborted`]. `picture` writes to the terminal it is given.
///
/// An error of the first picture ends the watch; later ones (a server that hiccups) are shown, and it goes on. On a terminal
/// each picture replaces the one before it in place; on a pipe it follows it. It also ends when nobody reads stdout any more.
pub async fn watch<F, E>(
    terminal: &Terminal,
    arguments: &WatchArguments,
    picture: impl Fn(Terminal) -> F,
) -> Result<(), E>
where
    F: Future<Output = Result<(), E>>,
    E: From<Failure> + Display,
{
    match arguments.interval() {
        None => picture(terminal.clone()).await,
        Some(interval) => until_interrupted(repeat(terminal, interval, picture)).await,
    }
}

async fn repeat<F, E>(terminal: &Terminal, interval: Duration, picture: impl Fn(Terminal) -> F) -> Result<(), E>
where
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let screen = terminal.streams().stdout.screen.then(|| Screen::open(terminal));
    let mut first = true;
    while !terminal.stdout_is_closed() {
        let (canvas, buffer) = if screen.is_some() {
            buffered(terminal)
        } else {
            (terminal.clone(), Arc::default())
        };
        if let Err(error) = picture(canvas.clone()).await {
            if first {
                terminal.print(&lock(&buffer));
                return Err(error);
            }
            canvas.streams().write(Stream::Stderr, &format!("Error: {error}\n"));
        }
        if let Some(screen) = &screen {
            screen.draw(&lock(&buffer), first);
        }
        first = false;
        tokio::time::sleep(interval).await;
    }
    Ok(())
}

/// A terminal that looks like `terminal` but collects what is meant for the screen.
fn buffered(terminal: &Terminal) -> (Terminal, Arc<Mutex<String>>) {
    let streams = terminal.streams();
    let buffer: Arc<Mutex<String>> = Arc::default();
    let collect = |output: &Output| Output {
        sink: if output.is_terminal {
            Sink::Memory(Arc::clone(&buffer))
        } else {
            output.sink.clone()
        },
        ..output.clone()
    };
    let buffered = Streams::new(
        collect(&streams.stdout),
        collect(&streams.stderr),
        false,
        Input::Text(std::io::Cursor::default()),
    );
    (terminal.with_streams(buffered), buffer)
}

/// The screen while it is watched: its cursor is hidden, and comes back when this is dropped.
struct Screen<'a> {
    terminal: &'a Terminal,
}

impl<'a> Screen<'a> {
    fn open(terminal: &'a Terminal) -> Self {
        terminal.print("\x1b[?25l");
        Self { terminal }
    }

    /// Writes over the last picture line by line, so that nothing flickers, and erases what is left of it.
    fn draw(&self, picture: &str, first: bool) {
        let start = if first { "\x1b[2J\x1b[H" } else { "\x1b[H" };
        let lines = picture.replace('\n', "\x1b[K\n");
        self.terminal.print(&format!("{start}{lines}\x1b[J"));
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        self.terminal.print("\x1b[0m\x1b[?25h");
    }
}
