//! The answers to a template's questions: given on the command line, or by a person, or the defaults.

use std::collections::HashMap;

use stups_terminal::{Choice, Terminal};

use crate::Error;

/// Whether an answer will do; if not, why.
pub(super) type Check<T> = fn(&str) -> Result<T, String>;

/// What becomes of questions that the command line does not answer: a person is asked, or they take their defaults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unanswered<'a> {
    /// where questions are asked
    pub(crate) terminal: &'a Terminal,
    /// nobody is asked
    pub(crate) takes_defaults: bool,
}

impl Unanswered<'_> {
    fn confirm(&self, question: &str, default: bool) -> Result<bool, Error> {
        if self.takes_defaults {
            return Ok(default);
        }
        Ok(self.terminal.confirm(question, default)?)
    }

    /// One of `choices`.
    pub(crate) fn choice<T: Clone + PartialEq>(
        &self,
        heading: &str,
        choices: &[Choice<T>],
        default: &T,
    ) -> Result<T, Error> {
        if self.takes_defaults {
            return Ok(default.clone());
        }
        Ok(self.terminal.choice(heading, choices, Some(default))?)
    }
}

/// Where a template's variables get their values.
#[derive(Debug)]
pub(crate) struct Answers<'a> {
    unanswered: Unanswered<'a>,
    given: HashMap<String, String>,
}

impl<'a> Answers<'a> {
    /// Answers from `KEY=VAL` words. A key that is none of `variables` is a usage error.
    pub(crate) fn new(unanswered: Unanswered<'a>, words: &[String], variables: &[&str]) -> Result<Self, Error> {
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
        Ok(Self { unanswered, given })
    }

    /// Where progress is shown.
    pub(super) fn terminal(&self) -> &'a Terminal {
        self.unanswered.terminal
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
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Error> {
        if let Some(value) = self.given(variable, &check)? {
            return Ok(value);
        }
        if self.unanswered.takes_defaults {
            let Some(default) = default else {
                return Err(Error::Usage(format!(
                    "\"{variable}\" has no default: give it with --user-variable {variable}=..."
                )));
            };
            return check(default).map_err(|reason| wrong(variable, &reason));
        }
        loop {
            match check(self.terminal().prompt(question, default)?.trim()) {
                Ok(value) => return Ok(value),
                Err(reason) => self.terminal().error(&format!("Error: {reason}")),
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
                    wrong(variable, &format!("\"{given}\" is not one of {}", values.join(", ")))
                });
        }
        let choices: Vec<Choice<&'static str>> = options
            .iter()
            .map(|(value, label)| Choice {
                value: *value,
                label: (*label).to_owned(),
            })
            .collect();
        self.unanswered.choice(heading, &choices, &default)
    }

    /// As [`Answers::value`], for yes or no. The command line may say yes, no, true, false, 1, 0.
    pub(super) fn confirm(&self, variable: &str, question: &str, default: bool) -> Result<bool, Error> {
        let given = self.given(variable, |text| match text.to_lowercase().as_str() {
            "y" | "yes" | "true" | "1" => Ok(true),
            "n" | "no" | "false" | "0" | "" => Ok(false),
            _ => Err(format!("\"{text}\" is neither yes nor no")),
        })?;
        match given {
            Some(given) => Ok(given),
            None => self.unanswered.confirm(question, default),
        }
    }

    /// Whether something may be done that no variable says.
    pub(super) fn agree(&self, question: &str, default: bool) -> Result<bool, Error> {
        self.unanswered.confirm(question, default)
    }

    /// One of `choices` that are only known now and that no variable says.
    pub(super) fn choose<T: Clone + PartialEq>(
        &self,
        heading: &str,
        choices: &[Choice<T>],
        default: &T,
    ) -> Result<T, Error> {
        self.unanswered.choice(heading, choices, default)
    }

    /// As [`Answers::value`], for a secret, which a person types twice without seeing it. No answer takes what `default`
    /// makes.
    pub(super) fn secret(
        &self,
        variable: &str,
        question: &str,
        default: impl FnOnce() -> String,
        check: impl Fn(&str) -> Result<String, String>,
    ) -> Result<String, Error> {
        if let Some(value) = self.given(variable, &check)? {
            return Ok(value);
        }
        if self.unanswered.takes_defaults {
            return Ok(default());
        }
        loop {
            let typed = self.terminal().prompt_hidden(&format!("{question} [random]"))?;
            if typed.is_empty() {
                return Ok(default());
            }
            let secret = match check(&typed) {
                Ok(secret) => secret,
                Err(reason) => {
                    self.terminal().error(&format!("Error: {reason}"));
                    continue;
                }
            };
            if self.terminal().prompt_hidden("Repeat for confirmation")? == typed {
                return Ok(secret);
            }
            self.terminal().error("Error: the two entered values do not match");
        }
    }

    fn given<T>(&self, variable: &str, check: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, Error> {
        let given = self.given.get(variable).map(|given| check(given));
        given.transpose().map_err(|reason| wrong(variable, &reason))
    }
}

fn wrong(variable: &str, reason: &str) -> Error {
    Error::Usage(format!("Invalid value for \"{variable}\": {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers<'a>(terminal: &'a Terminal, words: &[&str], variables: &[&str]) -> Result<Answers<'a>, Error> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let unanswered = Unanswered {
            terminal,
            takes_defaults: false,
        };
        Answers::new(unanswered, &words, variables)
    }

    fn even(text: &str) -> Result<u8, String> {
        text.parse()
            .ok()
            .filter(|number| number % 2 == 0)
            .ok_or_else(|| "not an even number".to_owned())
    }

    fn short(text: &str) -> Result<String, String> {
        (text.len() < 10)
            .then(|| text.to_owned())
            .ok_or_else(|| "too long".to_owned())
    }

    #[test]
    fn given_values_are_checked_and_nobody_is_asked() {
        let (terminal, captured) = Terminal::captured("");
        let answers = answers(
            &terminal,
            &["n=4", "s=b", "e=x=y", "c=Yes", "d="],
            &["n", "s", "e", "c", "d"],
        )
        .unwrap();
        assert_eq!(answers.value("n", "Number", None, even).unwrap(), 4);
        assert_eq!(answers.value("e", "Text", None, short).unwrap(), "x=y");
        assert_eq!(
            answers.choice("s", "Which", &[("a", "A"), ("b", "B")], "a").unwrap(),
            "b"
        );
        assert!(answers.confirm("c", "Sure?", false).unwrap());
        assert!(!answers.confirm("d", "Sure?", true).unwrap());
        assert_eq!(answers.secret("e", "Word", String::new, short).unwrap(), "x=y");
        assert_eq!(captured.stdout() + &captured.stderr(), "");
    }

    #[test]
    fn wrong_words_and_values_are_usage_errors() {
        let (terminal, _) = Terminal::captured("");
        for (word, expected) in [
            ("n", "invalid key value parameter \"n\" (must be KEY=VAL)"),
            ("m=1", "Unknown user variable \"m\". This template has: n, s"),
        ] {
            let error = answers(&terminal, &[word], &["n", "s"]).unwrap_err();
            assert!(matches!(&error, Error::Usage(text) if text == expected), "{error}");
        }
        let answers = answers(&terminal, &["n=3", "s=c"], &["n", "s"]).unwrap();
        let error = answers.value("n", "Number", None, even).unwrap_err();
        assert_eq!(error.to_string(), "Invalid value for \"n\": not an even number");
        let error = answers
            .choice("s", "Which", &[("a", "A"), ("b", "B")], "a")
            .unwrap_err();
        assert_eq!(error.to_string(), "Invalid value for \"s\": \"c\" is not one of a, b");
        let error = answers.confirm("n", "Sure?", true).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Invalid value for \"n\": \"3\" is neither yes nor no"
        );
    }

    #[test]
    fn a_person_is_asked_again_after_a_wrong_answer() {
        let (terminal, captured) = Terminal::captured("3\n\n");
        let answers = answers(&terminal, &[], &[]).unwrap();
        assert_eq!(answers.value("n", "Number", Some("2"), even).unwrap(), 2);
        assert_eq!(captured.stdout(), "Number [2]: Number [2]: ");
        assert_eq!(captured.stderr(), "Error: not an even number\n");
    }

    #[test]
    fn secrets_are_typed_twice() {
        let (terminal, captured) = Terminal::captured("much too long\na\nb\nlong\nlong\n\n");
        let answers = answers(&terminal, &[], &[]).unwrap();
        assert_eq!(answers.secret("s", "Word", String::new, short).unwrap(), "long");
        assert_eq!(
            answers.secret("s", "Word", || "made".to_owned(), short).unwrap(),
            "made"
        );
        assert_eq!(
            captured.stderr(),
            "Error: too long\nError: the two entered values do not match\n"
        );
    }

    #[test]
    fn nobody_is_asked_where_defaults_will_do() {
        let (terminal, captured) = Terminal::captured("");
        let unanswered = Unanswered {
            terminal: &terminal,
            takes_defaults: true,
        };
        let answers = Answers::new(unanswered, &[], &["n"]).unwrap();
        assert_eq!(answers.value("n", "Number", Some("2"), even).unwrap(), 2);
        assert!(answers.agree("Sure?", true).unwrap());
        assert!(!answers.confirm("c", "Sure?", false).unwrap());
        assert_eq!(
            answers.choice("s", "Which", &[("a", "A"), ("b", "B")], "b").unwrap(),
            "b"
        );
        assert_eq!(answers.secret("s", "Word", || "x".to_owned(), short).unwrap(), "x");
        let error = answers.value("n", "Number", None, even).unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"n\" has no default: give it with --user-variable n=..."
        );
        assert_eq!(captured.stdout() + &captured.stderr(), "");
    }

    #[test]
    fn the_end_of_the_answers_aborts() {
        let (terminal, _) = Terminal::captured("3\n");
        let answers = answers(&terminal, &[], &[]).unwrap();
        let error = answers.value("n", "Number", None, even).unwrap_err();
        assert!(matches!(error, Error::Terminal(failure) if failure.is_aborted()));
    }
}
