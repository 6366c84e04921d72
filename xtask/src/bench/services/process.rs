//! The processes that are measured.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use tempfile::{NamedTempFile, TempDir};

/// A running `stupsd` with identity and Kio. Dropping it ends it.
pub(super) struct Stupsd {
    process: Child,
    _directory: TempDir,
    pub(super) identity: String,
    pub(super) kio: String,
    /// the administrator's user name and password
    pub(super) administrator: (String, String),
}

impl Stupsd {
    /// On SQLite files, or on these PostgreSQL databases of identity and Kio.
    pub(super) fn start(executable: &Path, databases: Option<&[String; 2]>) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let line = |key: &str, index: usize| {
            databases
                .and_then(|urls| urls.get(index))
                .map(|url| format!("{key} = \"{url}\"\n"))
                .unwrap_or_default()
        };
        let settings = format!(
            "[identity]\nfirst_party_clients = [\"/employees/ztoken\"]\n{}[kio]\nadmin_users = \"/services/bench-0\"\n{}",
            line("database", 0),
            line("database", 1)
        );
        let file = directory.path().join("stups.toml");
        std::fs::write(&file, settings)?;
        let log = std::fs::File::create(directory.path().join("log"))?;
        let mut process = Command::new(executable)
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(directory.path().join("data"))
            .arg("--config")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("Can't run stupsd")?;
        let mut lines = BufReader::new(process.stdout.take().context("its pipe is missing")?).lines();
        let mut found = Vec::new();
        while let Some(Ok(line)) = lines.next() {
            let administrator = line.starts_with("Administrator");
            found.push(line);
            if administrator {
                break;
            }
        }
        std::thread::spawn(move || lines.count());
        let url = |service: &str| {
            let line = found
                .iter()
                .find(|line| line.split_whitespace().next() == Some(service))?;
            line.split_whitespace().nth(1).map(str::to_owned)
        };
        let administrator = found.last().and_then(|line| {
            let after = |word: &str| line.split_once(word)?.1.split([',', ' ']).next().map(str::to_owned);
            Some((after("user ")?, after("password ")?))
        });
        let (Some(identity), Some(kio), Some(administrator)) = (url("identity"), url("kio"), administrator) else {
            let said = std::fs::read_to_string(directory.path().join("log"))?;
            let _ = process.kill();
            bail!("stupsd does not start: {said}");
        };
        Ok(Self {
            process,
            _directory: directory,
            identity,
            kio,
            administrator,
        })
    }

    /// The resident set now, in bytes.
    pub(super) fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("no VmRSS")?;
        let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kibibytes * 1024)
    }
}

impl Drop for Stupsd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A handler that returns the same bytes to everybody. Dropping it ends it.
pub(super) struct Bare {
    process: Child,
    _body: NamedTempFile,
    pub(super) url: String,
}

impl Bare {
    pub(super) fn start(executable: &Path, bytes: &[u8]) -> Result<Self> {
        let mut body = NamedTempFile::new()?;
        body.write_all(bytes)?;
        let mut process = Command::new(executable)
            .arg(body.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("Can't run the bare handler")?;
        let mut url = String::new();
        BufReader::new(process.stdout.take().context("its pipe is missing")?).read_line(&mut url)?;
        Ok(Self {
            process,
            _body: body,
            url: url.trim().to_owned(),
        })
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
