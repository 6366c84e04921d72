//! Transcripts in Markdown: what a person types and what is shown then, so that a chapter can be run as a test.
//!
//! A fenced block `console` holds commands, each behind `$ `, and what they print. A command that shows nothing may print
//! anything. In what is shown `[..]` stands for any text within a line, and a line `...` for any lines; ages, addresses and
//! ids may be other ones, and so may the number of blanks. A comment before a block says what is special about it:
//!
//! * `<!-- transcript: exit 1 -->`: its commands exit with 1
//! * `<!-- transcript: file app.yaml -->`: it is no transcript but the content of that file, from here on
//!
//! and `<!-- transcript: run senza init -y app.yaml -->` runs a command that a reader does not see.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use fancy_regex::Regex;

/// A command and what it shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Typed {
    /// in the file, from 1
    line: usize,
    command: String,
    exit_code: i32,
    /// lines; none: anything
    shown: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    File { name: String, content: String },
    Command(Typed),
}

/// The commands of a Markdown file, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript(Vec<Step>);

/// What a comment says about the block behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Special {
    exit_code: i32,
    file: Option<String>,
}

impl Special {
    fn read(comment: &str) -> Result<Self, String> {
        match comment.split_once(' ') {
            Some(("exit", code)) => Ok(Self {
                exit_code: code.parse().map_err(|_| format!("no exit code: {code}"))?,
                ..Self::default()
            }),
            Some(("file", name)) => Ok(Self {
                file: Some(name.to_owned()),
                ..Self::default()
            }),
            _ => Err(format!("neither exit nor file nor run: {comment}")),
        }
    }
}

impl Transcript {
    /// Reads Markdown. An error says which line is none of a transcript.
    pub fn read(markdown: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut special = Special::default();
        let mut lines = markdown.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            if let Some(comment) = line
                .strip_prefix("<!-- transcript: ")
                .and_then(|rest| rest.strip_suffix(" -->"))
            {
                if let Some(command) = comment.strip_prefix("run ") {
                    steps.push(Step::Command(Typed {
                        line: number + 1,
                        command: command.to_owned(),
                        exit_code: 0,
                        shown: Vec::new(),
                    }));
                    continue;
                }
                special = Special::read(comment).map_err(|reason| format!("line {}: {reason}", number + 1))?;
                continue;
            }
            let Some(language) = line.strip_prefix("```") else {
                continue;
            };
            let block: Vec<(usize, &str)> = lines
                .by_ref()
                .take_while(|(_, line)| !line.starts_with("```"))
                .collect();
            let Special { exit_code, file } = std::mem::take(&mut special);
            if let Some(name) = file {
                let content = block.iter().flat_map(|(_, line)| [*line, "\n"]).collect();
                steps.push(Step::File { name, content });
            } else if language == "console" {
                steps.extend(commands(&block, exit_code)?.into_iter().map(Step::Command));
            }
        }
        Ok(Self(steps))
    }

    /// Whether there is nothing to run.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Runs it in `directory` with nothing but `environment`. Each command's questions are answered with their defaults.
    /// Returns what went otherwise.
    pub fn run(&self, directory: &Path, environment: &[(String, String)]) -> Vec<String> {
        let mut differences = Vec::new();
        for step in &self.0 {
            match step {
                Step::File { name, content } => {
                    if let Err(error) = fs::write(directory.join(name), content) {
                        differences.push(format!("{name}: {error}"));
                    }
                }
                Step::Command(typed) => differences.extend(typed.run(directory, environment)),
            }
        }
        differences
    }
}

fn commands(block: &[(usize, &str)], exit_code: i32) -> Result<Vec<Typed>, String> {
    let mut commands: Vec<Typed> = Vec::new();
    for (number, line) in block {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push(Typed {
                line: number + 1,
                command: command.to_owned(),
                exit_code,
                shown: Vec::new(),
            });
            continue;
        }
        let Some(last) = commands.last_mut() else {
            return Err(format!("line {}: a transcript begins with a command", number + 1));
        };
        match line.strip_prefix("> ") {
            Some(more) if last.shown.is_empty() && last.command.ends_with('\\') => {
                last.command.push('\n');
                last.command.push_str(more);
            }
            _ => last.shown.push((*line).to_owned()),
        }
    }
    Ok(commands)
}

impl Typed {
    fn run(&self, directory: &Path, environment: &[(String, String)]) -> Option<String> {
        // Standard output and error in the order in which a person sees them, and an empty line for every question.
        let script = format!("yes '' | {{ {}\n}} 2>&1", self.command);
        let ended = Command::new("bash")
            .arg("-c")
            // `yes` ends by a signal when nobody reads it any more; what counts is how the command ends.
            .arg(format!("{script}; exit ${{PIPESTATUS[1]}}"))
            .current_dir(directory)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output();
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) => return Some(format!("line {}: {}: {error}", self.line, self.command)),
        };
        let printed = String::from_utf8_lossy(&ended.stdout).into_owned();
        let is_as_shown = self.shown.is_empty() || matches(&normal(&self.shown.join("\n")), &normal(&printed));
        if ended.status.code() == Some(self.exit_code) && is_as_shown {
            return None;
        }
        Some(format!(
            "line {}: $ {}\n{}, not {} with\n{}\nbut\n{printed}",
            self.line,
            self.command,
            ended.status,
            self.exit_code,
            self.shown.join("\n")
        ))
    }
}

/// The lines of `text` without what may be otherwise.
fn normal(text: &str) -> Vec<String> {
    let replaced = [
        (r"\b\d+[smhd] ago", "<age>"),
        (r"\b(sg|i|ami|vpc|subnet|lt|igw|nat)-[0-9a-f]{8,17}\b", "$1-<id>"),
        (r"\b\d{1,3}(\.\d{1,3}){3}\b", "<address>"),
        (r"\b\d{12}\b", "<account>"),
        (r" +", " "),
        (r"(?m) $", ""),
    ]
    .into_iter()
    .fold(text.trim_end().to_owned(), |text, (pattern, replacement)| {
        let pattern = Regex::new(pattern).expect("it is a regular expression");
        pattern.replace_all(&text, replacement).into_owned()
    });
    replaced.lines().map(str::to_owned).collect()
}

/// Whether `printed` is what `shown` stands for.
fn matches(shown: &[String], printed: &[String]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "..." => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        (Some((first, rest)), Some((line, others))) => line_matches(first, line) && matches(rest, others),
        _ => false,
    }
}

fn line_matches(shown: &str, line: &str) -> bool {
    let mut parts = shown.split("[..]");
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(position) = rest.find(part) else {
            return false;
        };
        rest = &rest[position + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(markdown: &str) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let path = std::env::var("PATH").unwrap();
        Transcript::read(markdown)
            .unwrap()
            .run(directory.path(), &[("PATH".to_owned(), path)])
    }

    #[test]
    fn what_is_shown_is_what_happens() {
        let markdown = "# A chapter\n\n    $ never run\n\n```console\n$ echo one; echo two >&2\none\ntwo\n$ pwd\n\
                        $ read answer; echo \"took $answer.\"\ntook .\n$ echo \\\n> three\nthree\n```\n\
                        <!-- transcript: file a.yaml -->\n```yaml\na:\n  b\n```\n```console\n$ cat a.yaml\na:\n b\n```\n<!-- transcript: run rm a.yaml -->\n\
                        <!-- transcript: exit 3 -->\n```console\n$ exit 3\n```\n";
        assert_eq!(ran(markdown), Vec::<String>::new());
    }

    #[test]
    fn what_is_otherwise_is_told() {
        for (markdown, expected) in [
            ("```console\n$ echo one\ntwo\n```", "line 2: $ echo one\n"),
            ("```console\n$ false\n```", "exit status: 1, not 0"),
            (
                "\n<!-- transcript: exit 1 -->\n```console\n$ true\n```",
                "exit status: 0, not 1",
            ),
            ("```console\n$ echo one; echo two\none\n```", "but\none\ntwo\n"),
        ] {
            let differences = ran(markdown);
            assert_eq!(differences.len(), 1, "{markdown}");
            assert!(differences[0].contains(expected), "{}", differences[0]);
        }
    }

    #[test]
    fn what_is_no_transcript_is_an_error() {
        for (markdown, expected) in [
            ("```console\nhello\n```", "line 2: a transcript begins with a command"),
            ("<!-- transcript: exit x -->", "line 1: no exit code: x"),
            (
                "<!-- transcript: skip -->",
                "line 1: neither exit nor file nor run: skip",
            ),
        ] {
            assert_eq!(Transcript::read(markdown), Err(expected.to_owned()));
        }
        assert!(Transcript::read("```yaml\na: b\n```\n").unwrap().is_empty());
    }

    #[test]
    fn ages_and_ids_may_be_others_and_lines_left_out() {
        for (shown, printed, expected) in [
            ("a  6m ago b", "a 12s ago b", true),
            ("i-0123456789abcdef0 RUNNING", "i-00000000000000000 RUNNING", true),
            ("10.0.0.1", "172.31.0.99", true),
            ("a [..] d", "a b c d", true),
            ("a [..] d", "a b c e", false),
            ("a[..]b[..]c", "a1b2c", true),
            ("a[..]b[..]c", "a1c", false),
            ("a\n...\nd", "a\nb\nc\nd", true),
            ("a\n...", "a", true),
            ("a\n...\nd", "a\nb", false),
            ("a\nb", "a", false),
            ("a", "a\nb", false),
            ("a", "a\n\n", true),
        ] {
            assert_eq!(
                matches(&normal(shown), &normal(printed)),
                expected,
                "{shown:?} {printed:?}"
            );
        }
    }
}
