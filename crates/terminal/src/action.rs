//! Progress lines: `Doing x.. OK`.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::message::{ACTION, ERROR, NONE, OK, Style, WARNING};
use crate::{Failure, Terminal};

/// An open progress line. Ends with ` OK` unless an error or a warning was noted on it, or it failed.
///
/// When something else is written in between, that starts on a new line, and the action's text is repeated before what it
/// still has to say. One that is dropped without an end (a `?` on the way) ends its line, so that the error starts on a new one.
#[derive(Debug)]
pub struct Action {
    terminal: Terminal,
    id: u64,
    /// the text in its style, repeated when the line was interrupted
    beginning: String,
    /// an error or warning was written on it
    noted: AtomicBool,
}

impl Action {
    /// Opens a line.
    pub(crate) fn open(terminal: &Terminal, text: &str) -> Self {
        let action = Self {
            terminal: terminal.clone(),
            id: terminal.streams().next_action(),
            beginning: terminal.message_styled(text, ACTION),
            noted: AtomicBool::new(false),
        };
        action.write("", true);
        action
    }

    /// Writes the text on a line of its own; what follows is on lines of its own, too.
    pub(crate) fn on_own_lines(terminal: &Terminal, text: &str) -> Self {
        terminal.message(text, ACTION);
        Self {
            terminal: terminal.clone(),
            id: terminal.streams().next_action(),
            beginning: String::new(),
            noted: AtomicBool::new(false),
        }
    }

    /// ` .`: still at it.
    pub fn progress(&self) {
        self.write(&self.terminal.message_styled(" .", NONE), true);
    }

    /// Notes a warning: ` <text>` in yellow and a newline; the line then ends without OK.
    pub fn warning(&self, text: &str) {
        self.note(text, WARNING);
    }

    /// Notes an error: ` <text>` in red and a newline; the line then ends without OK.
    pub fn error(&self, text: &str) {
        self.note(text, ERROR);
    }

    /// Ends the line with ` <text>` in green instead of ` OK`.
    pub fn done(self, text: &str) {
        if !self.is_noted() {
            self.line(text, OK);
        }
    }

    /// Ends the line: ` OK` unless something was noted.
    pub fn ok(self) {
        self.done("OK");
    }

    /// Ends the line with ` EXCEPTION OCCURRED: <text>` in red.
    pub fn exception(self, text: &str) {
        self.line(&format!("EXCEPTION OCCURRED: {text}"), ERROR);
    }

    /// Ends the line with ` <text>` in red, for a failure that the text explains in full (follow with `Failure::silent`).
    pub fn fatal(self, text: &str) {
        self.line(text, ERROR);
    }

    /// Ends the line as [`Action::fatal`] does and is the failure to return: exit code 1 and no further word.
    #[must_use]
    pub fn fail(self, text: &str) -> Failure {
        self.fatal(text);
        Failure::silent()
    }

    /// Runs `work` under this line: OK when it succeeds, `EXCEPTION OCCURRED` when it does not; the result is handed on.
    pub async fn during<T, E: std::fmt::Display>(self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        match work.await {
            Ok(value) => {
                self.ok();
                Ok(value)
            }
            Err(error) => {
                self.exception(&error.to_string());
                Err(error)
            }
        }
    }

    fn is_noted(&self) -> bool {
        self.noted.load(Ordering::Relaxed)
    }

    fn note(&self, text: &str, style: Style) {
        self.line(text, style);
        self.noted.store(true, Ordering::Relaxed);
    }

    /// A blank, the text, and the end of the line.
    fn line(&self, text: &str, style: Style) {
        let text = self.terminal.message_styled(&format!(" {text}"), style);
        self.write(&(text + "\n"), false);
    }

    fn write(&self, text: &str, open: bool) {
        let beginning = if self.is_noted() { "" } else { &self.beginning };
        self.terminal
            .streams()
            .write_on_line(self.id, self.terminal.message_stream(), beginning, text, open);
    }
}

impl Drop for Action {
    fn drop(&mut self) {
        self.terminal.streams().end_line(self.id);
    }
}
