//! The answers to a template's questions: given on the command line, or by a person.

use std::collections::HashMap;

use stups_terminal::{Choice, Terminal};

use crate::Error;

/// Whether an answer will do; if not, why.
pub(super) type Check<T> = fn(&str) -> Result<T, String>;

/// Where a template's variables get their values.
#[derive(Debug)]
pub(crate) struct Answers<'a> {
    terminal: &'a Terminal,
    given: HashMap<String, String>,
}

impl<'a> Answers<'a> {
    /// Answers from `KEY=VAL` words; other questions go to `terminal`. A key that is none of `variables` is a usage error.
    pub(crate) fn new(terminal: &'a Terminal, words: &[String], variables: &[&str]) -> Result<Self, Error> {
        let mut given = HashMap::new();
        for word in words {
            let Some((key, value)) = word.split_once('=') else {
                return Err(Error::Usage(format!(
                    "invalid key value parameter \"{word}\" (must be KEY=VAL)"
                )));
            };
            if !variables.contains(&key) {
                return Err(Error::Usage(format!(
                    "Unknown user variable \"{key}\". This template has: {}",
                    variables.join(", ")
                )));
            }
            given.insert(key.to_owned(), value.to_owned());
        }
        Ok(Self { terminal, given })
    }

    /// Where questions are asked and progress is shown.
    pub(super) fn terminal(&self) -> &Terminal {
        self.terminal
    }

    /// Whether the command line has a value for `variable`.
    pub(super) fn has(&self, variable: &str) -> bool {
        self.given.contains_key(variable)
    }

    /// The value of `variable`: as given (a wrong one is a usage error), else as a person answers `question`, who is asked
    /// again after a wrong answer.
    pub(super) fn value<T>(
        &self,
        variable: &str,
        question: &str,
        default: Option<&str>,
        check: Check<T>,
    ) -> Result<T, Error> {
        if let Some(given) = self.given.get(variable) {
            return check(given).map_err(|reason| Error::Usage(format!("Invalid value for \"{variable}\": {reason}")));
        }
        loop {
            match check(self.terminal.prompt(question, default)?.trim()) {
                Ok(value) => return Ok(value),
                Err(reason) => self.terminal.error(&format!("Error: {reason}")),
            }
        }
    }

    /// As [`Answers::value`], for one of a few values, which are pairs of value and label.
    pub(super) fn choice(
        &self,
        variable: &str,
        heading: &str,
        options: &[(&'static str, &str)],
        default: &'static str,
    ) -> Result<&'static str, Error> {
        if let Some(given) = self.given.get(variable) {
            return options
                .iter()
                .map(|(value, _)| *value)
                .find(|value| value == given)
                .ok_or_else(|| {
                    let values: Vec<&str> = options.iter().map(|(value, _)| *value).collect();
                    Error::Usage(format!(
                        "Invalid value for \"{variable}\": \"{given}\" is not one of {}",
                        values.join(", ")
                    ))
                });
        }
        let choices: Vec<Choice<&'static str>> = options
            .iter()
            .map(|(value, label)| Choice {
                value: *value,
                label: (*label).to_owned(),
            })
            .collect();
        Ok(self.terminal.choice(heading, &choices, Some(&default))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn even(text: &str) -> Result<u8, String> {
        text.parse()
            .ok()
            .filter(|number| number % 2 == 0)
            .ok_or_else(|| "not an even number".to_owned())
    }

    #[test]
    fn given_values_are_checked_and_nobody_is_asked() {
        let (terminal, captured) = Terminal::captured("");
        let answers = Answers::new(&terminal, &words(&["n=4", "s=b", "e=x=y"]), &["n", "s", "e"]).unwrap();
        assert_eq!(answers.value("n", "Number", None, even).unwrap(), 4);
        assert_eq!(
            answers.value("e", "Text", None, |text| Ok(text.to_owned())).unwrap(),
            "x=y"
        );
        assert_eq!(
            answers.choice("s", "Which", &[("a", "A"), ("b", "B")], "a").unwrap(),
            "b"
        );
        assert_eq!(captured.stdout() + &captured.stderr(), "");
    }

    #[test]
    fn wrong_words_and_values_are_usage_errors() {
        let (terminal, _) = Terminal::captured("");
        for (word, expected) in [
            ("n", "invalid key value parameter \"n\" (must be KEY=VAL)"),
            ("m=1", "Unknown user variable \"m\". This template has: n, s"),
        ] {
            let error = Answers::new(&terminal, &words(&[word]), &["n", "s"]).unwrap_err();
            assert!(matches!(&error, Error::Usage(text) if text == expected), "{error}");
        }
        let answers = Answers::new(&terminal, &words(&["n=3", "s=c"]), &["n", "s"]).unwrap();
        let error = answers.value("n", "Number", None, even).unwrap_err();
        assert_eq!(error.to_string(), "Invalid value for \"n\": not an even number");
        let error = answers
            .choice("s", "Which", &[("a", "A"), ("b", "B")], "a")
            .unwrap_err();
        assert_eq!(error.to_string(), "Invalid value for \"s\": \"c\" is not one of a, b");
    }

    #[test]
    fn a_person_is_asked_again_after_a_wrong_answer() {
        let (terminal, captured) = Terminal::captured("3\n\n");
        let answers = Answers::new(&terminal, &[], &[]).unwrap();
        assert_eq!(answers.value("n", "Number", Some("2"), even).unwrap(), 2);
        assert_eq!(captured.stdout(), "Number [2]: Number [2]: ");
        assert_eq!(captured.stderr(), "Error: not an even number\n");
    }

    #[test]
    fn the_end_of_the_answers_aborts() {
        let (terminal, _) = Terminal::captured("3\n");
        let answers = Answers::new(&terminal, &[], &[]).unwrap();
        let error = answers.value("n", "Number", None, even).unwrap_err();
        assert!(matches!(error, Error::Terminal(failure) if failure.is_aborted()));
    }
}
