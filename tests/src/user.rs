//! A person at a command line, with a home directory of their own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use crate::home;

const BROWSER: &str = include_str!("browser.py");

/// No command here takes long; this only keeps a test that fails from hanging.
const PATIENCE: Duration = Duration::from_mins(2);

/// A person with an empty home directory and a browser that logs in by itself. Dropping it removes the directory.
#[derive(Debug)]
pub struct User {
    directory: TempDir,
    environment: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// exit code; -1 after a signal
    pub code: i32,
    /// what it wrote to stdout
    pub stdout: String,
    /// what it wrote to stderr
    pub stderr: String,
}

impl Ended {
    /// What it wrote to stdout, once it has succeeded; else a panic with what it said.
    pub fn succeeded(self) -> String {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stdout
    }

    /// What it wrote to stderr, once it has failed with this exit code; else a panic with what it said.
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stderr
    }
}

impl Default for User {
    fn default() -> Self {
        Self::new()
    }
}

impl User {
    /// A person who has never used any of this.
    pub fn new() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let browser = directory.path().join("browser.py");
        std::fs::write(&browser, BROWSER).expect("the temporary directory can be written");
        std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        let mut user = Self {
            directory,
            environment: Vec::new(),
        };
        user.set("BROWSER", &format!("{} %s &", browser.display()));
        user.set("BROWSER_LOG", &user.path("browser.log").display().to_string());
        user
    }

    /// Sets an environment variable of everything that this person runs.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Removes an environment variable.
    pub fn unset(&mut self, name: &str) {
        self.environment.retain(|(known, _)| known != name);
    }

    /// A path below the home directory.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// A path below `~/.config`.
    pub fn config(&self, path: &str) -> PathBuf {
        self.path(".config").join(path)
    }

    /// Writes a file, with its directories.
    pub fn write(&self, path: &Path, content: &str) {
        std::fs::create_dir_all(path.parent().expect("a path of a file"))
            .expect("the temporary directory can be written");
        std::fs::write(path, content).expect("the temporary directory can be written");
    }

    /// The text of a file; empty if there is none.
    pub fn read(&self, path: &Path) -> String {
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// What the browser has seen, a line for each page. It runs beside the command that opened it and may end after it:
    /// this waits for that.
    pub async fn browsed(&self) -> Vec<String> {
        let log = self.path("browser.log");
        let through = || async { self.read(&log).ends_with("END\n") };
        stups_testkit::until("the end of the browser", through).await;
        let log = self.read(&log);
        log.lines().filter(|line| *line != "END").map(str::to_owned).collect()
    }

    /// A program with arguments, in the home directory; stdin is closed.
    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(home(self.directory.path()))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs a program to its end.
    pub async fn run(&self, program: &Path, arguments: &[&str]) -> Ended {
        let mut command = self.command(program, arguments);
        let output = tokio::time::timeout(PATIENCE, command.output())
            .await
            .unwrap_or_else(|_| panic!("{} {arguments:?} does not end", program.display()))
            .unwrap_or_else(|error| panic!("{} cannot be run: {error}", program.display()));
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
