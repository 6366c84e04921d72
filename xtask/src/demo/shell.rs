//! A shell in which the demo types its commands, shows what they print, and looks at the outcome.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead as _, IsTerminal, Read, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::style;

/// A working directory, a PATH and an AWS account.
#[derive(Debug)]
pub(crate) struct Shell {
    directory: PathBuf,
    home: PathBuf,
    path: OsString,
    environment: Vec<(String, String)>,
}

/// PATH with `directory` in front.
pub(crate) fn path_with(directory: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(
        std::iter::once(directory.to_owned()).chain(env::split_paths(&path)),
    )?)
}

impl Shell {
    /// A shell in `directory` that finds programs in `bin` first and works in the AWS account of `environment`.
    pub(crate) fn new(directory: &Path, bin: &Path, environment: Vec<(String, String)>) -> Result<Self> {
        let home = directory.join("home");
        fs::create_dir(&home)?;
        Ok(Self {
            directory: directory.to_owned(),
            home,
            path: path_with(bin)?,
            environment,
        })
    }

    /// Reads a file of the working directory.
    pub(crate) fn read(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.directory.join(name)).with_context(|| format!("Can't read {name}"))
    }

    /// Writes a file of the working directory.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<()> {
        fs::write(self.directory.join(name), content).with_context(|| format!("Can't write {name}"))
    }

    /// Types `line`, which asks nothing, and shows what it prints.
    pub(crate) fn run(&self, line: &str) -> Result<Outcome> {
        self.converse(line, &[])
    }

    /// Types `line` and answers what it asks: a prompt that contains the first of a pair gets the second, any other
    /// one an empty line, which takes the default.
    pub(crate) fn converse(&self, line: &str, answers: &[(&str, &str)]) -> Result<Outcome> {
        println!("\n{}", style::typed(&format!("$ {line}")));
        let (mut reader, writer) = io::pipe()?;
        let mut command = self.command(line);
        command.stdin(Stdio::piped()).stdout(writer.try_clone()?).stderr(writer);
        if stdout().is_terminal() {
            // The pipe in between is ours; the output ends on a terminal.
            command.env("CLICOLOR_FORCE", "1");
        }
        let mut child = command.spawn().with_context(|| format!("Can't run {line}"))?;
        // The command holds the pipe's writing end; our copies must go for its end to be seen.
        drop(command);
        let mut stdin = child.stdin.take();

        let mut output = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let length = reader.read(&mut buffer)?;
            if length == 0 {
                break;
            }
            show(&buffer[..length])?;
            output.extend_from_slice(&buffer[..length]);
            if let Some(prompt) = pending_prompt(&output)
                && let Some(stdin) = &mut stdin
            {
                let answer = answers
                    .iter()
                    .find(|(part, _)| prompt.contains(part))
                    .map_or("", |(_, answer)| answer);
                let echo = format!("{answer}\n");
                // A command that ended meanwhile reads no answer: its exit code tells.
                if stdin.write_all(echo.as_bytes()).is_ok() {
                    show(echo.as_bytes())?;
                    output.extend_from_slice(echo.as_bytes());
                }
            }
        }
        drop(stdin);
        let status = child.wait()?;
        Ok(Outcome {
            line: line.to_owned(),
            exit_code: status.code(),
            output: without_styles(&String::from_utf8_lossy(&output)),
        })
    }

    /// Types `line`, shows the first `lines` lines that it prints on stdout, and returns stdout as JSON.
    pub(crate) fn run_json(&self, line: &str, lines: usize) -> Result<Value> {
        println!("\n{}", style::typed(&format!("$ {line}")));
        let output = self
            .command(line)
            .output()
            .with_context(|| format!("Can't run {line}"))?;
        show(&output.stderr)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let shown: Vec<_> = text.lines().take(lines).collect();
        println!("{}", shown.join("\n"));
        let rest = text.lines().count().saturating_sub(lines);
        if rest > 0 {
            println!("{}", style::remark(&format!("# ... and {rest} lines more")));
        }
        parse(line, &output)
    }

    /// Runs `line` unseen and returns its stdout as JSON: to check what the shown commands did.
    pub(crate) fn query(&self, line: &str) -> Result<Value> {
        let output = self
            .command(line)
            .output()
            .with_context(|| format!("Can't run {line}"))?;
        parse(line, &output)
    }

    /// Sets a variable of everything that is typed from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Types `line`, which goes on in the background, and shows what it prints until a line is the last that is waited for.
    pub(crate) fn start(&self, line: &str, is_last: impl Fn(&str) -> bool) -> Result<(Background, Vec<String>)> {
        println!("\n{}", style::typed(&format!("$ {line} &")));
        let mut command = self.command(&format!("exec {line}"));
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(fs::File::create(self.directory.join("stderr"))?)
            .spawn()
            .with_context(|| format!("Can't run {line}"))?;
        let stdout = child.stdout.take().context("its output is piped")?;
        let background = Background(child);
        let mut lines = Vec::new();
        for read in io::BufReader::new(stdout).lines() {
            let read = read?;
            println!("{read}");
            let is_last = is_last(&read);
            lines.push(read);
            if is_last {
                return Ok((background, lines));
            }
        }
        bail!("`{line}` ended: {}", self.read("stderr")?.trim())
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(line)
            .current_dir(&self.directory)
            .stdin(Stdio::null());
        // Whatever the person at this machine has configured is not part of the demo.
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy();
            if ["AWS_", "SENZA_", "CLICOLOR", "STUPS_", "OAUTH2_", "CREDENTIALS_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
            {
                command.env_remove(&*name);
            }
        }
        command
            .env("PATH", &self.path)
            .env("HOME", &self.home)
            .env("XDG_CONFIG_HOME", self.home.join(".config"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

fn show(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// The line that waits for an answer: an unfinished last line that ends like a prompt.
fn pending_prompt(output: &[u8]) -> Option<String> {
    let last = output.rsplit(|byte| *byte == b'\n').next()?;
    last.ends_with(b": ")
        .then(|| String::from_utf8_lossy(last).into_owned())
}

/// `text` without ANSI styles (`ESC [ ... m`).
fn without_styles(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain
}

fn parse(line: &str, output: &Output) -> Result<Value> {
    ensure!(
        output.status.success(),
        "`{line}`: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    serde_json::from_slice(&output.stdout).with_context(|| format!("`{line}` did not print JSON"))
}

/// A command in the background. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a typed command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    line: String,
    exit_code: Option<i32>,
    output: String,
}

impl Outcome {
    /// It must have exited with 0.
    pub(crate) fn succeeds(&self) -> Result<&Self> {
        self.exits_with(0)
    }

    /// It must have exited with `code`.
    pub(crate) fn exits_with(&self, code: i32) -> Result<&Self> {
        match self.exit_code {
            Some(actual) if actual == code => Ok(self),
            Some(actual) => bail!("`{}`: exit code {code} expected, got {actual}", self.line),
            None => bail!("`{}`: exit code {code} expected, ended by a signal", self.line),
        }
    }

    /// It must have printed `text`.
    pub(crate) fn says(&self, text: &str) -> Result<&Self> {
        ensure!(
            self.output.contains(text),
            "`{}`: \"{text}\" expected in its output",
            self.line
        );
        Ok(self)
    }

    /// It must have printed a table with these column titles.
    pub(crate) fn has_columns(&self, titles: &[&str]) -> Result<&Self> {
        let header = titles.join("│");
        let is_header = |line: &str| line.split('│').map(str::trim_end).eq(titles.iter().copied());
        ensure!(
            self.output.lines().any(is_header),
            "`{}`: a table {header} expected",
            self.line
        );
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(directory: &Path) -> Shell {
        Shell::new(directory, directory, Vec::new()).unwrap()
    }

    #[test]
    fn prompts_get_their_answers_and_others_the_default() {
        let directory = tempfile::tempdir().unwrap();
        let line = r#"printf 'Name [x]: '; read a; printf 'Size: '; read b; echo "got $a/$b""#;
        let outcome = shell(directory.path()).converse(line, &[("Size", "3")]).unwrap();
        outcome
            .succeeds()
            .unwrap()
            .says("Name [x]: \nSize: 3\ngot /3\n")
            .unwrap();
    }

    #[test]
    fn an_outcome_other_than_expected_is_an_error_that_names_the_command() {
        let directory = tempfile::tempdir().unwrap();
        let outcome = shell(directory.path()).run("echo 'A │B'; exit 3").unwrap();
        outcome.exits_with(3).unwrap().has_columns(&["A", "B"]).unwrap();
        for error in [
            outcome.succeeds(),
            outcome.says("C"),
            outcome.has_columns(&["A"]),
            outcome.has_columns(&["A", "C"]),
        ] {
            let message = error.unwrap_err().to_string();
            assert!(message.starts_with("`echo"), "{message}");
        }
    }

    #[test]
    fn styles_are_not_text() {
        assert_eq!(
            without_styles("\x1b[1mDoing..\x1b[0m\x1b[32m\x1b[1m OK\x1b[0m\n"),
            "Doing.. OK\n"
        );
        assert_eq!(without_styles("plain m"), "plain m");
    }

    #[test]
    fn json_is_stdout_alone() {
        let directory = tempfile::tempdir().unwrap();
        let shell = shell(directory.path());
        assert_eq!(
            shell.query("echo note >&2; echo '[1]'").unwrap(),
            serde_json::json!([1])
        );
        assert!(shell.query("echo '[1]'; exit 1").is_err());
        assert!(shell.run_json("echo '['", 1).is_err());
    }
}
