//! The streams a command talks through.

use crate::{Action, Choice, Failure, OutputFormat, Table};

/// The three standard streams, what they are connected to, and the output format in force. Cheap to clone; clones share
/// the streams.
#[derive(Clone, Debug)]
pub struct Terminal {}

/// What a captured [`Terminal`] has written.
#[derive(Clone, Debug)]
pub struct Captured {}

impl Captured {
    /// Everything written to stdout so far.
    pub fn stdout(&self) -> String {
        todo!()
    }

    /// Everything written to stderr so far.
    pub fn stderr(&self) -> String {
        todo!()
    }
}

impl Terminal {
    /// The process's own streams.
    pub fn from_process() -> Self {
        todo!()
    }

    /// Pipes with `stdin` as input, for tests.
    pub fn captured(stdin: &str) -> (Self, Captured) {
        let _ = stdin;
        todo!()
    }

    /// As [`Terminal::captured`], but all three streams claim to be terminals (colours, messages on stdout).
    pub fn captured_tty(stdin: &str) -> (Self, Captured) {
        let _ = stdin;
        todo!()
    }

    /// The same streams with `format` in force, which decides where messages go.
    #[must_use]
    pub fn with_format(&self, format: OutputFormat) -> Self {
        let _ = format;
        todo!()
    }

    /// The output format in force.
    pub fn format(&self) -> OutputFormat {
        todo!()
    }

    /// Whether a person can be asked: stdin is a terminal.
    pub fn is_interactive(&self) -> bool {
        todo!()
    }

    /// Whether stdout is a terminal.
    pub fn stdout_is_terminal(&self) -> bool {
        todo!()
    }

    /// Data: `text` and nothing else, to stdout.
    pub fn print(&self, text: &str) {
        let _ = text;
        todo!()
    }

    /// Data: the table in the format in force, to stdout.
    pub fn print_table(&self, table: &Table) {
        let _ = table;
        todo!()
    }

    /// Clears the screen for the next picture of a watch; nothing on a pipe.
    pub fn clear(&self) {
        todo!()
    }

    /// A blue bold message line.
    pub fn info(&self, text: &str) {
        let _ = text;
        todo!()
    }

    /// A yellow bold message line.
    pub fn warning(&self, text: &str) {
        let _ = text;
        todo!()
    }

    /// A red bold message line.
    pub fn error(&self, text: &str) {
        let _ = text;
        todo!()
    }

    /// A green bold message line.
    pub fn ok(&self, text: &str) {
        let _ = text;
        todo!()
    }

    /// Opens a progress line: `text` in bold, no newline.
    pub fn action(&self, text: &str) -> Action {
        let _ = text;
        todo!()
    }

    /// Asks for a value: `text [default]: `; an empty answer takes the default, without default it is asked again.
    /// The end of input is [`Failure::aborted`].
    pub fn prompt(&self, text: &str, default: Option<&str>) -> Result<String, Failure> {
        let _ = (text, default);
        todo!()
    }

    /// Asks `question [Y/n]: `.
    pub fn confirm(&self, question: &str, default: bool) -> Result<bool, Failure> {
        let _ = (question, default);
        todo!()
    }

    /// Shows `heading` and numbered labels and returns the chosen value. `default` is a value among the choices.
    pub fn choice<T: Clone + PartialEq>(
        &self,
        heading: &str,
        choices: &[Choice<T>],
        default: Option<&T>,
    ) -> Result<T, Failure> {
        let _ = (heading, choices, default);
        todo!()
    }

    /// Reports how a command failed (usage line, `Error: ...`, `Aborted!`) on stderr and returns the exit code.
    pub fn report(&self, failure: &Failure) -> std::process::ExitCode {
        let _ = failure;
        todo!()
    }
}
