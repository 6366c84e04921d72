//! Questions to a person.

use crate::interrupt::while_not_interrupted;
use crate::message::{NONE, styled};
use crate::streams::Stream;
use crate::{Failure, Terminal};

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
    /// The end of input is [`Failure::aborted`].
    pub fn prompt(&self, text: &str, default: Option<&str>) -> Result<String, Failure> {
        let question = question(text, default);
        loop {
            let answer = self.ask(Stream::Stdout, &question)?;
            if !answer.is_empty() {
                return Ok(answer);
            }
            if let Some(default) = default {
                return Ok(default.to_owned());
            }
        }
    }

    /// Asks `question [Y/n]: `, or `question [y/N]: ` if the default is no; any other answer than y, yes, n, no is asked again.
    /// The end of input is [`Failure::aborted`].
    pub fn confirm(&self, question: &str, default: bool) -> Result<bool, Failure> {
        let question = format!("{question} [{}]: ", if default { "Y/n" } else { "y/N" });
        loop {
            match self.ask(Stream::Stdout, &question)?.trim().to_lowercase().as_str() {
                "" => return Ok(default),
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.streams().write(Stream::Stdout, "Error: invalid input\n"),
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

    /// Writes `question` and reads a line. Nothing is echoed: on a terminal the keyboard's echo is there, in a pipe it is not
    /// wanted.
    fn ask(&self, stream: Stream, question: &str) -> Result<String, Failure> {
        let streams = self.streams();
        streams.write(stream, question);
        let answer = if streams.reads_keyboard() {
            let terminal = self.clone();
            while_not_interrupted(move || terminal.streams().read_line())
        } else {
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
