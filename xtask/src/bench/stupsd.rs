//! A `stupsd` that is measured.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use super::measure::{cpu_time, memory};

/// A running `stupsd`. Dropping it ends it.
pub(super) struct Stupsd {
    process: Child,
    directory: TempDir,
    lines: Vec<String>,
}

/// Which `stupsd`.
pub(super) struct Wanted<'a> {
    pub(super) executable: &'a Path,
    /// What runs in it.
    pub(super) services: &'a [&'a str],
    /// The text of its `stups.toml`.
    pub(super) settings: &'a str,
    /// Beside the environment of this process.
    pub(super) environment: &'a [(&'a str, &'a str)],
    /// Whether it is a first start, which says who administers it.
    pub(super) is_first: bool,
}

impl Stupsd {
    /// Starts it, each service on a free port of this machine's, and waits until it says where they are.
    pub(super) fn start(wanted: &Wanted<'_>) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("stups.toml");
        std::fs::write(&file, wanted.settings)?;
        let log = std::fs::File::create(directory.path().join("log"))?;
        let mut process = Command::new(std::path::absolute(wanted.executable)?)
            .args(wanted.services)
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(directory.path().join("data"))
            .arg("--config")
            .arg(&file)
            .envs(wanted.environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("Can't run {}", wanted.executable.display()))?;
        let mut output = BufReader::new(process.stdout.take().context("its pipe is missing")?).lines();
        let mut stupsd = Self {
            process,
            directory,
            lines: Vec::new(),
        };
        while !stupsd.has_said_all(wanted) {
            let Some(Ok(line)) = output.next() else {
                let said = std::fs::read_to_string(stupsd.directory.path().join("log"))?;
                bail!("stupsd does not start: {said}");
            };
            stupsd.lines.push(line);
        }
        std::thread::spawn(move || output.count());
        Ok(stupsd)
    }

    fn has_said_all(&self, wanted: &Wanted<'_>) -> bool {
        wanted.services.iter().all(|service| self.url(service).is_ok())
            && (!wanted.is_first || self.administrator().is_ok())
    }

    /// Where a service is, without a slash at the end.
    pub(super) fn url(&self, service: &str) -> Result<&str> {
        let lines = self.lines.iter();
        let mut words = lines.map(|line| line.split_whitespace());
        words
            .find_map(|mut words| (words.next() == Some(service)).then(|| words.next()).flatten())
            .with_context(|| format!("stupsd does not say where {service} is"))
    }

    /// The administrator's user name and password.
    pub(super) fn administrator(&self) -> Result<(String, String)> {
        let mut lines = self.lines.iter().filter(|line| line.starts_with("Administrator"));
        let line = lines.next().context("stupsd names no administrator")?;
        let after = |word: &str| line.split_once(word)?.1.split([',', ' ']).next().map(str::to_owned);
        after("user ")
            .zip(after("password "))
            .context("stupsd names no password")
    }

    /// The resident set now, in bytes.
    pub(super) fn memory(&self) -> Result<u64> {
        memory(self.process.id(), "VmRSS")
    }

    /// For how long it has kept a processor busy since its start.
    pub(super) fn cpu_time(&self) -> Result<Duration> {
        cpu_time(self.process.id())
    }
}

impl Drop for Stupsd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
