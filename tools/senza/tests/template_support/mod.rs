//! Runs commands in an account of the test AWS API.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::PathBuf;

use stups_terminal::Terminal;
use stups_testkit::Account;
use tempfile::TempDir;

/// How a command ended and what it wrote.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit_code: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// The outcome, which must be a success.
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        assert_eq!(self.exit_code, 0, "{self:?}");
        self
    }

    /// The outcome, which must have this exit code and say `message` on stderr.
    #[track_caller]
    pub(crate) fn failure(self, exit_code: u8, message: &str) -> Self {
        assert_eq!(self.exit_code, exit_code, "{self:?}");
        assert!(self.stderr.contains(message), "{message}\n{}", self.stderr);
        self
    }

    /// What was printed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        match serde_json::from_str(&self.stdout) {
            Ok(json) => json,
            Err(error) => panic!("{error}: {self:?}"),
        }
    }
}

/// Runs `senza` with `arguments` in the account.
pub(crate) async fn senza(account: &Account, arguments: &[&str]) -> Outcome {
    let (terminal, captured) = Terminal::captured("");
    let words = ["senza"].iter().chain(arguments).map(Into::into).collect();
    let result = senza::run_in(&terminal, &account.session(), words).await;
    if let Err(failure) = &result {
        let _ = terminal.report(failure);
    }
    Outcome {
        exit_code: result.map_or_else(|failure| failure.exit_code, |()| 0),
        stdout: captured.stdout(),
        stderr: captured.stderr(),
    }
}

/// A directory with files in it.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes the file and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}
