//! `--watch`: the same picture again and again.

use std::fmt::Display;
use std::future::Future;
use std::ops::ControlFlow;
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
    let picture = |canvas: Terminal| {
        let picture = picture(canvas);
        async { picture.await.map(ControlFlow::Continue) }
    };
    watch_until(terminal, arguments, picture).await
}

/// As [`watch()`]; a picture that says [`ControlFlow::Break`] is the last one.
pub async fn watch_until<F, E>(
    terminal: &Terminal,
    arguments: &WatchArguments,
    picture: impl Fn(Terminal) -> F,
) -> Result<(), E>
where
    F: Future<Output = Result<ControlFlow<()>, E>>,
    E: From<Failure> + Display,
{
    match arguments.interval() {
        None => picture(terminal.clone()).await.map(drop),
        Some(interval) => until_interrupted(repeat(terminal, interval, picture)).await,
    }
}

async fn repeat<F, E>(terminal: &Terminal, interval: Duration, picture: impl Fn(Terminal) -> F) -> Result<(), E>
where
    F: Future<Output = Result<ControlFlow<()>, E>>,
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
        let drawn = picture(canvas.clone()).await;
        if let Err(error) = &drawn {
            if first {
                terminal.print(&lock(&buffer));
                return drawn.map(drop);
            }
            canvas.streams().write(Stream::Stderr, &format!("Error: {error}\n"));
        }
        if let Some(screen) = &screen {
            screen.draw(&lock(&buffer), first);
        }
        if matches!(drawn, Ok(ControlFlow::Break(()))) {
            break;
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Parser)]
    struct Tool {
        #[command(flatten)]
        watch: WatchArguments,
    }

    fn interval(options: &[&str]) -> Option<u64> {
        let words = std::iter::once(&"tool").chain(options);
        let tool = crate::parse::<Tool>(&words.map(Into::into).collect::<Vec<_>>())
            .unwrap()
            .unwrap();
        tool.watch.interval().map(|interval| interval.as_secs())
    }

    /// Watches without a pause until `pictures` were drawn (nothing) or the watch has ended by itself; errors of pictures are
    /// given by number.
    async fn watched(terminal: &Terminal, pictures: usize, errors: &[usize]) -> Option<Result<(), Failure>> {
        let drawn = &AtomicUsize::new(0);
        let enough = &tokio::sync::Notify::new();
        let picture = |canvas: Terminal| async move {
            let number = drawn.fetch_add(1, Ordering::Relaxed) + 1;
            if number > pictures {
                enough.notify_one();
                std::future::pending::<()>().await;
            }
            canvas.print(&format!("picture {number}\n"));
            if errors.contains(&number) {
                return Err(Failure::application("hiccup"));
            }
            Ok(ControlFlow::Continue(()))
        };
        tokio::select! {
            ended = repeat(terminal, Duration::ZERO, picture) => Some(ended),
            () = enough.notified() => None,
        }
    }

    #[test]
    fn seconds_win_over_every_two_seconds() {
        assert_eq!(interval(&[]), None);
        assert_eq!(interval(&["-W"]), Some(2));
        assert_eq!(interval(&["-w", "7"]), Some(7));
        assert_eq!(interval(&["-W", "--watch=300"]), Some(300));
        for wrong in ["0", "301", "x"] {
            let words = ["tool", "-w", wrong].map(Into::into).to_vec();
            assert_eq!(crate::parse::<Tool>(&words).err().unwrap().exit_code, 2);
        }
    }

    #[tokio::test]
    async fn without_watching_there_is_one_picture() {
        let (terminal, captured) = Terminal::captured_tty("");
        let once = WatchArguments::default();
        let picture = |canvas: Terminal| async move {
            canvas.print("one\n");
            Ok::<(), Failure>(())
        };
        watch(&terminal, &once, picture).await.unwrap();
        assert_eq!(captured.stdout(), "one\n");
    }

    #[tokio::test]
    async fn on_a_pipe_pictures_follow_each_other() {
        let (terminal, captured) = Terminal::captured("");
        assert_eq!(watched(&terminal, 3, &[2]).await, None);
        assert_eq!(captured.stdout(), "picture 1\npicture 2\npicture 3\n");
        assert_eq!(captured.stderr(), "Error: hiccup\n");
    }

    #[tokio::test]
    async fn on_a_terminal_pictures_replace_each_other_and_the_cursor_comes_back() {
        let (terminal, captured) = Terminal::captured_tty("");
        assert_eq!(watched(&terminal, 2, &[2]).await, None);
        assert_eq!(
            captured.stdout(),
            "\u{1b}[?25l\
             \u{1b}[2J\u{1b}[Hpicture 1\u{1b}[K\n\u{1b}[J\
             \u{1b}[Hpicture 2\u{1b}[K\nError: hiccup\u{1b}[K\n\u{1b}[J\
             \u{1b}[0m\u{1b}[?25h"
        );
        assert_eq!(captured.stderr(), "");
    }

    #[tokio::test]
    async fn an_error_of_the_first_picture_ends_it() {
        let (terminal, captured) = Terminal::captured_tty("");
        let ended = watched(&terminal, 3, &[1]).await;
        assert_eq!(ended, Some(Err(Failure::application("hiccup"))));
        assert_eq!(captured.stdout(), "\u{1b}[?25lpicture 1\n\u{1b}[0m\u{1b}[?25h");
    }

    #[tokio::test]
    async fn a_picture_may_be_the_last_one() {
        let (terminal, captured) = Terminal::captured_tty("");
        let drawn = &AtomicUsize::new(0);
        let picture = |canvas: Terminal| async move {
            let number = drawn.fetch_add(1, Ordering::Relaxed) + 1;
            canvas.print(&format!("picture {number}\n"));
            Ok::<_, Failure>(if number == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        };
        repeat(&terminal, Duration::ZERO, picture).await.unwrap();
        assert_eq!(
            captured.stdout(),
            "\u{1b}[?25l\
             \u{1b}[2J\u{1b}[Hpicture 1\u{1b}[K\n\u{1b}[J\
             \u{1b}[Hpicture 2\u{1b}[K\n\u{1b}[J\
             \u{1b}[0m\u{1b}[?25h"
        );
        let once = WatchArguments::default();
        watch_until(&terminal, &once, picture).await.unwrap();
        assert_eq!(drawn.load(Ordering::Relaxed), 3);
    }
}
