//! Questions to a person.

use crate::interrupt::while_not_interrupted;
use crate::message::{NONE, styled};
use crate::streams::Stream;
use crate::{Failure, OutputFormat, Terminal};

/// One line of a numbered choice.
#[derive(Clone, Debug)]
pub struct Choice<T> {
    /// what is returned when this one is chosen
    pub value: T,
    /// what is shown
    pub label: String,
}

impl Choice<String> {
    /// A choice that is shown as it is.
    pub fn plain(value: &str) -> Self {
        Self {
            value: value.to_owned(),
            label: value.to_owned(),
        }
    }
}

impl Terminal {
    /// Asks for a value: `text [default]: `; an empty answer takes the default, without default it is asked again.
    /// Questions are on stdout, or on stderr if the output format in force is not text: then stdout is for other programs.
    /// The end of input is [`Failure::aborted`].
    pub fn prompt(&self, text: &str, default: Option<&str>) -> Result<String, Failure> {
        let question = question(text, default);
        let stream = self.question_stream();
        loop {
            let answer = self.ask(stream, &question)?;
            if !answer.is_empty() {
                return Ok(answer);
            }
            if let Some(default) = default {
                return Ok(default.to_owned());
            }
        }
    }

    /// As [`Terminal::prompt`], for a secret: nothing is shown while it is typed. An empty answer is returned as it is. Without
    /// a terminal it is a line of stdin.
    pub fn prompt_hidden(&self, text: &str) -> Result<String, Failure> {
        let question = question(text, None);
        if !self.streams().reads_keyboard() {
            return self.ask(self.question_stream(), &question);
        }
        rpassword::prompt_password(question).map_err(|_| Failure::aborted())
    }

    /// Asks `question [Y/n]: `, or `question [y/N]: ` if the default is no; any other answer than y, yes, n, no is asked again.
    /// The end of input is [`Failure::aborted`].
    pub fn confirm(&self, question: &str, default: bool) -> Result<bool, Failure> {
        let question = format!("{question} [{}]: ", if default { "Y/n" } else { "y/N" });
        let stream = self.question_stream();
        loop {
            match self.ask(stream, &question)?.trim().to_lowercase().as_str() {
                "" => return Ok(default),
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.streams().write(stream, "Error: invalid input\n"),
            }
        }
    }

    /// Shows `heading` and numbered labels and returns the chosen value. `default` is a value among the choices; one that is
    /// not is as good as none. The end of input is [`Failure::aborted`]; no choices at all are an error.
    pub fn choice<T: Clone + PartialEq>(
        &self,
        heading: &str,
        choices: &[Choice<T>],
        default: Option<&T>,
    ) -> Result<T, Failure> {
        if choices.is_empty() {
            return Err(Failure::application(format!(
                "{heading}: there is nothing to choose from"
            )));
        }
        let stream = if self.stdout_is_terminal() {
            Stream::Stdout
        } else {
            Stream::Stderr
        };
        let color = self.streams().output(stream).color;
        let mut menu = styled(heading, NONE, color) + "\n";
        for (index, choice) in choices.iter().enumerate() {
            menu.push_str(&styled(&format!("{}) {}", index + 1, choice.label), NONE, color));
            menu.push('\n');
        }
        self.streams().write(stream, &menu);

        let default = default.and_then(|value| choices.iter().position(|choice| choice.value == *value));
        let number = default.map(|index| (index + 1).to_string());
        let question = question(&format!("Please select (1-{})", choices.len()), number.as_deref());
        loop {
            let answer = self.ask(stream, &question)?;
            let index = match (answer.trim(), default) {
                ("", None) => continue,
                ("", Some(index)) => Some(index),
                // 0 and negative numbers are numbers of no choice.
                (number, _) => number.parse().ok().and_then(|number: usize| number.checked_sub(1)),
            };
            if let Some(choice) = index.and_then(|index| choices.get(index)) {
                return Ok(choice.value.clone());
            }
            let error = format!("Error: '{answer}' is not a number from 1 to {}.\n", choices.len());
            self.streams().write(stream, &error);
        }
    }

    /// Where questions about a value and about yes or no are.
    fn question_stream(&self) -> Stream {
        match self.format() {
            OutputFormat::Text => Stream::Stdout,
            _ => Stream::Stderr,
        }
    }

    /// Writes `question` and reads a line. Nothing is echoed: on a terminal the keyboard's echo is there, in a pipe it is not
    /// wanted.
    fn ask(&self, stream: Stream, question: &str) -> Result<String, Failure> {
        let streams = self.streams();
        let answer = if streams.reads_keyboard() {
            let (terminal, question) = (self.clone(), question.to_owned());
            while_not_interrupted(move || {
                terminal.streams().write(stream, &question);
                terminal.streams().read_line()
            })
        } else {
            streams.write(stream, question);
            Some(streams.read_line())
        };
        match answer {
            Some(Ok(Some(answer))) => Ok(answer),
            Some(Ok(None)) | None => {
                streams.write(stream, "\n");
                Err(Failure::aborted())
            }
            Some(Err(error)) => {
                streams.write(stream, "\n");
                Err(Failure::application(format!("Could not read the answer: {error}")))
            }
        }
    }
}

fn question(text: &str, default: Option<&str>) -> String {
    match default {
        Some(default) => format!("{text} [{default}]: "),
        None => format!("{text}: "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices() -> Vec<Choice<String>> {
        vec![Choice::plain("one"), Choice::plain("two"), Choice::plain("three")]
    }

    const MENU: &str = "Which?\n1) one\n2) two\n3) three\n";

    #[test]
    fn a_value_is_taken_as_it_is_typed() {
        let (terminal, captured) = Terminal::captured("example.org\r\nnext");
        assert_eq!(terminal.prompt("Domain", None).unwrap(), "example.org");
        assert_eq!(terminal.prompt("More", Some("x")).unwrap(), "next");
        assert_eq!(captured.stdout(), "Domain: More [x]: ");
        assert_eq!(captured.stderr(), "");
    }

    #[test]
    fn an_empty_answer_takes_the_default_or_is_asked_again() {
        let (terminal, captured) = Terminal::captured("\n\nx\n");
        assert_eq!(terminal.prompt("Port", Some("8080")).unwrap(), "8080");
        assert_eq!(terminal.prompt("Name", None).unwrap(), "x");
        assert_eq!(captured.stdout(), "Port [8080]: Name: Name: ");
    }

    #[test]
    fn the_end_of_input_aborts() {
        let (terminal, captured) = Terminal::captured("");
        assert!(terminal.prompt("Name", Some("x")).unwrap_err().is_aborted());
        assert!(terminal.confirm("Sure?", true).unwrap_err().is_aborted());
        assert!(terminal.choice("Which?", &choices(), None).unwrap_err().is_aborted());
        assert_eq!(captured.stdout(), "Name [x]: \nSure? [Y/n]: \n");
        assert_eq!(captured.stderr(), format!("{MENU}Please select (1-3): \n"));
    }

    #[test]
    fn a_secret_is_a_line_of_a_pipe() {
        let (terminal, captured) = Terminal::captured("hush \n\n");
        assert_eq!(terminal.prompt_hidden("Password").unwrap(), "hush ");
        assert_eq!(terminal.prompt_hidden("Again").unwrap(), "");
        assert!(terminal.prompt_hidden("More").unwrap_err().is_aborted());
        assert_eq!(captured.stdout(), "Password: Again: More: \n");
    }

    #[test]
    fn yes_or_no() {
        for (answer, default, expected) in [
            ("\n", true, true),
            ("\n", false, false),
            ("y\n", false, true),
            (" YES \n", false, true),
            ("n\n", true, false),
            ("No\n", true, false),
        ] {
            let (terminal, _) = Terminal::captured(answer);
            assert_eq!(terminal.confirm("Sure?", default).unwrap(), expected, "{answer}");
        }
        let (terminal, captured) = Terminal::captured("maybe\ny\n");
        assert!(terminal.confirm("Sure?", false).unwrap());
        assert_eq!(captured.stdout(), "Sure? [y/N]: Error: invalid input\nSure? [y/N]: ");
    }

    #[test]
    fn questions_leave_stdout_to_other_programs() {
        let (terminal, captured) = Terminal::captured("x\ny\n");
        let terminal = terminal.with_format(OutputFormat::Json);
        terminal.prompt("Name", None).unwrap();
        terminal.confirm("Sure?", false).unwrap();
        assert_eq!(captured.stdout(), "");
        assert_eq!(captured.stderr(), "Name: Sure? [y/N]: ");
    }

    #[test]
    fn a_choice_by_number() {
        let (terminal, captured) = Terminal::captured("2\n");
        assert_eq!(terminal.choice("Which?", &choices(), None).unwrap(), "two");
        assert_eq!(captured.stderr(), format!("{MENU}Please select (1-3): "));
        assert_eq!(captured.stdout(), "");
    }

    #[test]
    fn on_a_terminal_a_choice_is_on_stdout() {
        let (terminal, captured) = Terminal::captured_tty("3\n");
        assert_eq!(terminal.choice("Which?", &choices(), None).unwrap(), "three");
        assert!(captured.stdout().ends_with("3) three\u{1b}[0m\nPlease select (1-3): "));
        assert_eq!(captured.stderr(), "");
    }

    #[test]
    fn enter_takes_the_default_choice_whose_number_is_shown() {
        let (terminal, captured) = Terminal::captured("\n\n1\n");
        let default = "two".to_owned();
        assert_eq!(terminal.choice("Which?", &choices(), Some(&default)).unwrap(), "two");
        assert!(captured.stderr().ends_with("Please select (1-3) [2]: "));
        let unknown = "four".to_owned();
        assert_eq!(terminal.choice("Which?", &choices(), Some(&unknown)).unwrap(), "one");
        assert!(
            captured
                .stderr()
                .ends_with("Please select (1-3): Please select (1-3): ")
        );
    }

    #[test]
    fn numbers_of_no_choice_are_asked_again() {
        for wrong in ["0", "-1", "4", "x", "1.5", "99999999999999999999"] {
            let (terminal, captured) = Terminal::captured(&format!("{wrong}\n1\n"));
            assert_eq!(terminal.choice("Which?", &choices(), None).unwrap(), "one");
            let error = format!("Error: '{wrong}' is not a number from 1 to 3.\n");
            assert!(captured.stderr().contains(&error), "{wrong}");
        }
    }

    #[test]
    fn labels_may_differ_from_values() {
        let choices = [
            Choice {
                value: 8080,
                label: "the usual".to_owned(),
            },
            Choice {
                value: 80,
                label: "HTTP".to_owned(),
            },
        ];
        let (terminal, captured) = Terminal::captured("2\n");
        assert_eq!(terminal.choice("Port", &choices, Some(&8080)).unwrap(), 80);
        assert!(captured.stderr().starts_with("Port\n1) the usual\n2) HTTP\n"));
    }

    #[test]
    fn no_choices_are_an_error() {
        let (terminal, _) = Terminal::captured("1\n");
        let failure = terminal.choice::<String>("Which?", &[], None).unwrap_err();
        assert_eq!(failure.message, "Which?: there is nothing to choose from");
    }
}
