//! The streams a command talks through.

use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use crate::message::{ERROR, INFO, NONE, OK, Style, WARNING, styled};
use crate::streams::{Input, Output, Sink, Stream, Streams, lock};
use crate::{Action, Failure, OutputFormat, Table, Times};

/// The three standard streams, what they are connected to, and the output format in force. Cheap to clone; clones share
/// the streams.
#[derive(Clone, Debug)]
pub struct Terminal {
    streams: Arc<Streams>,
    format: OutputFormat,
    absolute_times: bool,
}

/// What a captured [`Terminal`] has written.
#[derive(Clone, Debug)]
pub struct Captured {
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
}

impl Captured {
    /// Everything written to stdout so far.
    pub fn stdout(&self) -> String {
        lock(&self.stdout).clone()
    }

    /// Everything written to stderr so far.
    pub fn stderr(&self) -> String {
        lock(&self.stderr).clone()
    }
}

impl Terminal {
    /// The process's own streams.
    pub fn from_process() -> Self {
        Self::on(Streams::from_process())
    }

    /// Pipes with `stdin` as input, for tests.
    pub fn captured(stdin: &str) -> (Self, Captured) {
        Self::captured_as(stdin, [false; 3])
    }

    /// As [`Terminal::captured`], but all three streams claim to be terminals (colours, messages on stdout).
    pub fn captured_tty(stdin: &str) -> (Self, Captured) {
        Self::captured_as(stdin, [true; 3])
    }

    /// As [`Terminal::captured`]; stdin, stdout and stderr, in this order, claim to be terminals or not.
    pub fn captured_as(stdin: &str, terminals: [bool; 3]) -> (Self, Captured) {
        let [stdin_is_terminal, stdout_is_terminal, stderr_is_terminal] = terminals;
        let captured = Captured {
            stdout: Arc::default(),
            stderr: Arc::default(),
        };
        let output = |is_terminal: bool, memory: &Arc<Mutex<String>>| Output {
            is_terminal,
            color: is_terminal,
            screen: is_terminal,
            sink: Sink::Memory(Arc::clone(memory)),
        };
        let streams = Streams::new(
            output(stdout_is_terminal, &captured.stdout),
            output(stderr_is_terminal, &captured.stderr),
            stdin_is_terminal,
            Input::Text(io::Cursor::new(stdin.as_bytes().to_vec())),
        );
        (Self::on(streams), captured)
    }

    fn on(streams: Streams) -> Self {
        Self {
            streams: Arc::new(streams),
            format: OutputFormat::Text,
            absolute_times: false,
        }
    }

    /// The same settings on other streams.
    pub(crate) fn with_streams(&self, streams: Streams) -> Self {
        Self {
            streams: Arc::new(streams),
            ..self.clone()
        }
    }

    /// The same streams with `format` in force, which decides where messages go.
    #[must_use]
    pub fn with_format(&self, format: OutputFormat) -> Self {
        Self { format, ..self.clone() }
    }

    /// The same streams; times in text and TSV tables are RFC 3339 times instead of ages if `absolute` (`--absolute-times`).
    #[must_use]
    pub fn with_absolute_times(&self, absolute: bool) -> Self {
        Self {
            absolute_times: absolute,
            ..self.clone()
        }
    }

    /// The output format in force.
    pub fn format(&self) -> OutputFormat {
        self.format
    }

    /// Whether a person can be asked: stdin is a terminal.
    pub fn is_interactive(&self) -> bool {
        self.streams.stdin_is_terminal
    }

    /// Whether stdout is a terminal.
    pub fn stdout_is_terminal(&self) -> bool {
        self.streams.stdout.is_terminal
    }

    /// Whether nobody reads stdout any more (`| head`): what is written to it is dropped, and a command that goes on and on
    /// may end.
    pub fn stdout_is_closed(&self) -> bool {
        self.streams.stdout_closed()
    }

    /// Data: `text` and nothing else, to stdout.
    pub fn print(&self, text: &str) {
        self.streams.write(Stream::Stdout, text);
    }

    /// Data: a line, in `style` if stdout has colours.
    pub fn print_line(&self, text: &str, style: Option<Style>) {
        let line = styled(
            text,
            style.unwrap_or(NONE),
            style.is_some() && self.streams.stdout.color,
        );
        self.print(&(line + "\n"));
    }

    /// Data: the table in the format in force, to stdout.
    pub fn print_table(&self, table: &Table) {
        let times = if self.absolute_times {
            Times::Absolute
        } else {
            Times::relative()
        };
        self.print(&table.render_with_times(self.format, self.streams.stdout.color, times));
    }

    /// Clears the screen for the next picture of a watch; nothing on a pipe.
    pub fn clear(&self) {
        if self.streams.stdout.screen {
            self.print("\x1b[2J\x1b[1;1H");
        }
    }

    /// A blue bold message line.
    pub fn info(&self, text: &str) {
        self.message(text, INFO);
    }

    /// A yellow bold message line.
    pub fn warning(&self, text: &str) {
        self.message(text, WARNING);
    }

    /// A red bold message line.
    pub fn error(&self, text: &str) {
        self.message(text, ERROR);
    }

    /// A green bold message line.
    pub fn ok(&self, text: &str) {
        self.message(text, OK);
    }

    /// Opens a progress line: `text` in bold, no newline.
    pub fn action(&self, text: &str) -> Action {
        Action::open(self, text)
    }

    /// Opens a progress line whose text and end are on lines of their own, for steps that write lines themselves.
    pub fn action_on_own_lines(&self, text: &str) -> Action {
        Action::on_own_lines(self, text)
    }

    /// Reports how a command failed (usage line, `Error: ...`, `Aborted!`) on stderr and returns the exit code.
    pub fn report(&self, failure: &Failure) -> ExitCode {
        let mut text = String::new();
        if let Some(usage) = &failure.usage {
            text.push_str(usage.trim_end());
            text.push('\n');
            if !failure.message.is_empty() {
                text.push('\n');
            }
        }
        if failure.is_aborted() {
            text.push_str("Aborted!\n");
        } else if !failure.message.is_empty() {
            text.push_str("Error: ");
            text.push_str(&failure.message);
            text.push('\n');
        }
        self.streams.write(Stream::Stderr, &text);
        ExitCode::from(failure.exit_code)
    }

    /// The exit code of a command that ended with `result`: a failure is reported, and so is data that could not be written
    /// (a full disk). A reader of stdout that went away is no failure.
    pub fn finish(&self, result: Result<(), Failure>) -> ExitCode {
        let lost = self.streams.lost();
        match (result, lost) {
            (Err(failure), _) => self.report(&failure),
            (Ok(()), Some(reason)) => {
                self.report(&Failure::application(format!("Could not write the output: {reason}")))
            }
            (Ok(()), None) => ExitCode::SUCCESS,
        }
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Where messages go: to stdout only if a person looks at it and the format is text.
    pub(crate) fn message_stream(&self) -> Stream {
        if self.streams.stdout.is_terminal && self.format == OutputFormat::Text {
            Stream::Stdout
        } else {
            Stream::Stderr
        }
    }

    /// `text` in `style`, if the stream that messages go to has colours.
    pub(crate) fn message_styled(&self, text: &str, style: Style) -> String {
        styled(text, style, self.streams.output(self.message_stream()).color)
    }

    /// A message line.
    pub(crate) fn message(&self, text: &str, style: Style) {
        let line = self.message_styled(text, style) + "\n";
        self.streams.write(self.message_stream(), &line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Column;

    #[test]
    fn threads_may_share_it() {
        fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
        shared(&Terminal::captured("").0);
    }

    #[test]
    fn messages_go_to_stdout_only_for_a_person_reading_text() {
        for (stdout_is_terminal, format, on_stdout) in [
            (true, OutputFormat::Text, true),
            (true, OutputFormat::Json, false),
            (true, OutputFormat::Tsv, false),
            (false, OutputFormat::Text, false),
            (false, OutputFormat::Json, false),
        ] {
            let (terminal, captured) = Terminal::captured_as("", [true, stdout_is_terminal, false]);
            terminal.with_format(format).warning("careful");
            let (stdout, stderr) = if on_stdout {
                ("\u{1b}[33m\u{1b}[1mcareful\u{1b}[0m\n", "")
            } else {
                ("", "careful\n")
            };
            assert_eq!(captured.stdout(), stdout);
            assert_eq!(captured.stderr(), stderr);
        }
    }

    #[test]
    fn each_kind_of_message_has_its_style() {
        let (terminal, captured) = Terminal::captured_tty("");
        terminal.info("i");
        terminal.warning("w");
        terminal.error("e");
        terminal.ok("o");
        assert_eq!(
            captured.stdout(),
            "\u{1b}[34m\u{1b}[1mi\u{1b}[0m\n\u{1b}[33m\u{1b}[1mw\u{1b}[0m\n\
             \u{1b}[31m\u{1b}[1me\u{1b}[0m\n\u{1b}[32m\u{1b}[1mo\u{1b}[0m\n"
        );
    }

    #[test]
    fn a_table_with_a_warning_beside_it() {
        let (terminal, captured) = Terminal::captured("");
        let table = Table {
            columns: vec![Column::new("a"), Column::new("b")],
            rows: vec![crate::Row::new(), crate::Row::new()],
            ..Table::default()
        };
        terminal.print_table(&table);
        terminal.warning("careful");
        assert_eq!(captured.stdout(), "A│B\n    \n    \n");
        assert_eq!(captured.stderr(), "careful\n");
    }

    #[test]
    fn times_are_absolute_when_asked() {
        let (terminal, captured) = Terminal::captured("");
        let mut row = crate::Row::new();
        row.insert("start_time".to_owned(), 1_500_000_000.into());
        let table = Table {
            columns: vec![Column::new("start_time")],
            rows: vec![row],
            ..Table::default()
        };
        terminal
            .with_absolute_times(true)
            .with_format(OutputFormat::Tsv)
            .print_table(&table);
        terminal
            .with_absolute_times(true)
            .with_format(OutputFormat::Json)
            .print_table(&table);
        assert_eq!(
            captured.stdout(),
            "start_time\n2017-07-14T02:40:00Z\n[{\"start_time\": 1500000000}]\n"
        );
    }

    #[test]
    fn failures_are_reported_on_stderr_with_their_exit_codes() {
        for (failure, text, code) in [
            (Failure::application("no such stack"), "Error: no such stack\n", 1),
            (Failure::usage("missing region"), "Error: missing region\n", 2),
            (Failure::aborted(), "Aborted!\n", 1),
            (Failure::silent(), "", 1),
            (
                Failure {
                    usage: Some("Usage: kio list\nTry 'kio list --help' for help.".to_owned()),
                    ..Failure::usage("bad")
                },
                "Usage: kio list\nTry 'kio list --help' for help.\n\nError: bad\n",
                2,
            ),
        ] {
            let (terminal, captured) = Terminal::captured_tty("");
            let exit_code = terminal.finish(Err(failure));
            assert_eq!(captured.stderr(), text);
            assert_eq!(captured.stdout(), "");
            assert_eq!(exit_code, ExitCode::from(code));
        }
        let (terminal, captured) = Terminal::captured("");
        assert_eq!(terminal.finish(Ok(())), ExitCode::SUCCESS);
        assert_eq!(captured.stderr(), "");
    }

    #[test]
    fn a_line_of_data_has_its_style_on_a_terminal() {
        let bold = Some(Style {
            color: None,
            bold: true,
        });
        let (terminal, captured) = Terminal::captured_tty("");
        terminal.print_line("title", bold);
        terminal.print_line("plain", None);
        assert_eq!(captured.stdout(), "\u{1b}[1mtitle\u{1b}[0m\nplain\n");
        let (terminal, captured) = Terminal::captured("");
        terminal.print_line("title", bold);
        assert_eq!(captured.stdout(), "title\n");
    }

    #[test]
    fn only_a_screen_is_cleared() {
        let (terminal, captured) = Terminal::captured("");
        terminal.clear();
        assert_eq!(captured.stdout(), "");
        let (terminal, captured) = Terminal::captured_tty("");
        terminal.clear();
        assert_eq!(captured.stdout(), "\u{1b}[2J\u{1b}[1;1H");
    }
}
