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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OutputFormat;

    fn stderr(work: impl FnOnce(&Terminal)) -> String {
        let (terminal, captured) = Terminal::captured("");
        work(&terminal);
        assert_eq!(captured.stdout(), "");
        captured.stderr()
    }

    fn screen(work: impl FnOnce(&Terminal)) -> String {
        let (terminal, captured) = Terminal::captured_tty("");
        work(&terminal);
        assert_eq!(captured.stderr(), "");
        captured.stdout()
    }

    #[test]
    fn a_step_that_succeeds_is_ok() {
        assert_eq!(stderr(|terminal| terminal.action("Doing x..").ok()), "Doing x.. OK\n");
        assert_eq!(
            screen(|terminal| terminal.action("Doing x..").ok()),
            "\u{1b}[1mDoing x..\u{1b}[0m\u{1b}[32m\u{1b}[1m OK\u{1b}[0m\n"
        );
    }

    #[test]
    fn the_caller_may_give_the_ending() {
        assert_eq!(
            stderr(|terminal| terminal.action("Doing x..").done("great")),
            "Doing x.. great\n"
        );
    }

    #[test]
    fn ticks_show_progress() {
        let output = screen(|terminal| {
            let action = terminal.action("Waiting..");
            action.progress();
            action.progress();
            action.ok();
        });
        assert_eq!(
            output,
            "\u{1b}[1mWaiting..\u{1b}[0m .\u{1b}[0m .\u{1b}[0m\u{1b}[32m\u{1b}[1m OK\u{1b}[0m\n"
        );
    }

    #[test]
    fn a_noted_error_or_warning_takes_the_place_of_ok() {
        let output = stderr(|terminal| {
            let action = terminal.action("Doing x..");
            action.error("bad");
            action.warning("odd");
            action.ok();
        });
        assert_eq!(output, "Doing x.. bad\n odd\n");
        let output = screen(|terminal| {
            let action = terminal.action("Doing x..");
            action.warning("odd");
            action.done("great");
        });
        assert_eq!(output, "\u{1b}[1mDoing x..\u{1b}[0m\u{1b}[33m\u{1b}[1m odd\u{1b}[0m\n");
    }

    #[test]
    fn a_step_that_fails_says_why() {
        assert_eq!(
            stderr(|terminal| terminal.action("Doing x..").exception("no disk")),
            "Doing x.. EXCEPTION OCCURRED: no disk\n"
        );
        let output = stderr(|terminal| {
            let failure = terminal.action("Doing x..").fail("not possible");
            terminal.report(&failure);
        });
        assert_eq!(output, "Doing x.. not possible\n");
    }

    #[tokio::test]
    async fn a_future_ends_its_line() {
        let (terminal, captured) = Terminal::captured("");
        let result: Result<i32, String> = terminal.action("One..").during(async { Ok(1) }).await;
        assert_eq!(result, Ok(1));
        let work = async { Err::<i32, _>("broken".to_owned()) };
        let result = terminal.action("Two..").during(work).await;
        assert_eq!(result, Err("broken".to_owned()));
        assert_eq!(captured.stderr(), "One.. OK\nTwo.. EXCEPTION OCCURRED: broken\n");
    }

    #[test]
    fn the_error_behind_a_dropped_line_starts_on_a_new_one() {
        let output = stderr(|terminal| {
            drop(terminal.action("Doing x.."));
            terminal.report(&Failure::application("no"));
        });
        assert_eq!(output, "Doing x..\nError: no\n");
        let output = stderr(|terminal| {
            let action = terminal.action("Doing x..");
            action.error("bad");
            drop(action);
        });
        assert_eq!(output, "Doing x.. bad\n");
    }

    #[test]
    fn messages_in_between_have_lines_of_their_own() {
        let output = stderr(|terminal| {
            let action = terminal.action("Doing x..");
            terminal.info("by the way");
            terminal.info("and");
            action.ok();
        });
        assert_eq!(output, "Doing x..\nby the way\nand\nDoing x.. OK\n");
    }

    #[test]
    fn data_breaks_a_line_only_on_the_same_screen() {
        let (terminal, captured) = Terminal::captured("");
        let action = terminal.action("Doing x..");
        terminal.print("data\n");
        action.ok();
        assert_eq!(captured.stdout(), "data\n");
        assert_eq!(captured.stderr(), "Doing x.. OK\n");

        let (terminal, captured) = Terminal::captured_tty("");
        let terminal = terminal.with_format(OutputFormat::Json);
        let action = terminal.action("Doing x..");
        terminal.print("data\n");
        drop(action);
        assert_eq!(captured.stdout(), "data\n");
        assert_eq!(captured.stderr(), "\u{1b}[1mDoing x..\u{1b}[0m\n");
    }

    #[test]
    fn each_of_two_actions_at_once_ends_its_own_line() {
        let output = stderr(|terminal| {
            let one = terminal.action("One..");
            let two = terminal.action("Two..");
            one.ok();
            two.ok();
        });
        assert_eq!(output, "One..\nTwo..\nOne.. OK\nTwo.. OK\n");
    }

    #[test]
    fn an_action_on_own_lines() {
        let output = stderr(|terminal| {
            let action = terminal.action_on_own_lines("Doing x..");
            terminal.info("step");
            action.ok();
        });
        assert_eq!(output, "Doing x..\nstep\n OK\n");
    }

    #[test]
    fn braces_and_text_beyond_ascii_are_text() {
        assert_eq!(
            stderr(|terminal| terminal.action("Più {name}..").ok()),
            "Più {name}.. OK\n"
        );
    }
}
