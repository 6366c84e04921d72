//! The three standard streams: where they lead, and whether a progress line is open on one of them.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One of the two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// Where an output stream leads.
#[derive(Clone, Debug)]
pub(crate) enum Sink {
    Stdout,
    Stderr,
    Memory(Arc<Mutex<String>>),
}

/// What is known of an output stream.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) is_terminal: bool,
    pub(crate) color: bool,
    /// whether the cursor can be moved
    pub(crate) screen: bool,
    pub(crate) sink: Sink,
}

/// Where answers come from.
#[derive(Debug)]
pub(crate) enum Input {
    Process,
    Text(io::Cursor<Vec<u8>>),
}

/// A progress line whose end is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OpenLine {
    action: u64,
    stream: Stream,
}

#[derive(Debug, Default)]
struct State {
    open: Option<OpenLine>,
    actions: u64,
    /// the reader of stdout has gone away
    stdout_closed: bool,
    stderr_closed: bool,
    /// why data for stdout was lost
    lost: Option<String>,
}

/// The streams that all clones of a terminal share.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    pub(crate) stdin_is_terminal: bool,
    input: Mutex<Input>,
    state: Mutex<State>,
}

/// The longest answer to a prompt, in bytes.
const LONGEST_ANSWER: u64 = 1 << 20;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is guarded stays usable when another thread panicked while it held the lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Streams {
    pub(crate) fn new(stdout: Output, stderr: Output, stdin_is_terminal: bool, input: Input) -> Self {
        Self {
            stdout,
            stderr,
            stdin_is_terminal,
            input: Mutex::new(input),
            state: Mutex::new(State::default()),
        }
    }

    /// The process's own streams, coloured as the environment asks.
    pub(crate) fn from_process() -> Self {
        let environment = |name: &str| std::env::var(name).ok();
        let dumb = environment("TERM").is_some_and(|term| term == "dumb");
        let output = |is_terminal: bool, sink: Sink| Output {
            is_terminal,
            color: color(is_terminal, environment),
            screen: is_terminal && !dumb,
            sink,
        };
        Self::new(
            output(io::stdout().is_terminal(), Sink::Stdout),
            output(io::stderr().is_terminal(), Sink::Stderr),
            io::stdin().is_terminal(),
            Input::Process,
        )
    }

    pub(crate) fn output(&self, stream: Stream) -> &Output {
        match stream {
            Stream::Stdout => &self.stdout,
            Stream::Stderr => &self.stderr,
        }
    }

    /// Writes `text`; a progress line that is open on the same screen is broken first.
    pub(crate) fn write(&self, stream: Stream, text: &str) {
        let mut state = lock(&self.state);
        self.break_line(&mut state, stream);
        self.put(&mut state, stream, text);
    }

    /// A number for a new progress line.
    pub(crate) fn next_action(&self) -> u64 {
        let mut state = lock(&self.state);
        state.actions += 1;
        state.actions
    }

    /// Writes `text` on the progress line `action`. When something else came in between (or nothing was written yet),
    /// `beginning` is written first. The line stays open if `open`.
    pub(crate) fn write_on_line(&self, action: u64, stream: Stream, beginning: &str, text: &str, open: bool) {
        let mut state = lock(&self.state);
        let line = OpenLine { action, stream };
        if state.open != Some(line) {
            self.break_line(&mut state, stream);
            self.put(&mut state, stream, beginning);
        }
        self.put(&mut state, stream, text);
        state.open = open.then_some(line);
    }

    /// Ends the progress line `action` if it is still open.
    pub(crate) fn end_line(&self, action: u64) {
        let mut state = lock(&self.state);
        if let Some(line) = state.open
            && line.action == action
        {
            self.break_line(&mut state, line.stream);
        }
    }

    /// One line of input without its end; `None` at the end of input. Bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn read_line(&self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        match &mut *lock(&self.input) {
            Input::Process => io::stdin().lock().take(LONGEST_ANSWER).read_until(b'\n', &mut line)?,
            Input::Text(text) => text.take(LONGEST_ANSWER).read_until(b'\n', &mut line)?,
        };
        if line.is_empty() {
            return Ok(None);
        }
        if line.ends_with(b"\n") {
            line.pop();
            if line.ends_with(b"\r") {
                line.pop();
            }
        }
        Ok(Some(String::from_utf8_lossy(&line).into_owned()))
    }

    /// Whether a person at the process's own keyboard is asked.
    pub(crate) fn reads_keyboard(&self) -> bool {
        self.stdin_is_terminal && matches!(*lock(&self.input), Input::Process)
    }

    /// Whether nobody reads stdout any more.
    pub(crate) fn stdout_closed(&self) -> bool {
        lock(&self.state).stdout_closed
    }

    /// Why data for stdout was lost (a full disk), if it was. A reader that went away loses nothing.
    pub(crate) fn lost(&self) -> Option<String> {
        lock(&self.state).lost.clone()
    }

    fn break_line(&self, state: &mut State, stream: Stream) {
        let Some(line) = state.open else { return };
        // Two streams on terminals share a screen.
        if line.stream == stream || (self.stdout.is_terminal && self.stderr.is_terminal) {
            state.open = None;
            self.put(state, line.stream, "\n");
        }
    }

    fn put(&self, state: &mut State, stream: Stream, text: &str) {
        if text.is_empty() {
            return;
        }
        let closed = match stream {
            Stream::Stdout => state.stdout_closed,
            Stream::Stderr => state.stderr_closed,
        };
        if closed {
            return;
        }
        let Err(error) = self.output(stream).sink.write(text) else {
            return;
        };
        match stream {
            Stream::Stdout => {
                state.stdout_closed = true;
                if error.kind() != io::ErrorKind::BrokenPipe {
                    state.lost = Some(error.to_string());
                }
            }
            Stream::Stderr => state.stderr_closed = true,
        }
    }
}

impl Sink {
    fn write(&self, text: &str) -> io::Result<()> {
        fn all(mut to: impl Write, text: &str) -> io::Result<()> {
            to.write_all(text.as_bytes())?;
            to.flush()
        }
        match self {
            Self::Stdout => all(io::stdout().lock(), text),
            Self::Stderr => all(io::stderr().lock(), text),
            Self::Memory(memory) => {
                lock(memory).push_str(text);
                Ok(())
            }
        }
    }
}

/// Whether a stream gets ANSI styles: terminals do, pipes do not. `NO_COLOR` (not empty) says never, then `CLICOLOR_FORCE`
/// (not `0`) always, then `CLICOLOR=0` and `TERM=dumb` never.
fn color(is_terminal: bool, environment: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| environment(name).filter(|value| !value.is_empty());
    if set("NO_COLOR").is_some() {
        return false;
    }
    if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    is_terminal && set("CLICOLOR").is_none_or(|value| value != "0") && set("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colored(is_terminal: bool, variables: &[(&str, &str)]) -> bool {
        color(is_terminal, |name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn terminals_are_coloured_and_pipes_are_not() {
        assert!(colored(true, &[]));
        assert!(colored(true, &[("TERM", "xterm")]));
        assert!(!colored(false, &[]));
    }

    #[test]
    fn the_environment_decides_about_colours() {
        assert!(!colored(true, &[("NO_COLOR", "1")]));
        assert!(colored(true, &[("NO_COLOR", "")]));
        assert!(!colored(true, &[("TERM", "dumb")]));
        assert!(!colored(true, &[("CLICOLOR", "0")]));
        assert!(colored(false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!colored(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(colored(false, &[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")]));
        assert!(!colored(true, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    }
}
