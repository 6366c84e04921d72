//! The two registries, each with a directory of its own on the same disk.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use url::Url;

/// How long one may take to start.
const STARTING_LIMIT: Duration = Duration::from_secs(30);

/// A running registry. Dropping it ends it and removes what was pushed.
pub(super) struct Registry {
    process: Child,
    url: Url,
    directory: TempDir,
}

impl Registry {
    /// Ours, with SQLite and a directory.
    pub(super) fn stupsd(executable: &Path, disk: &Path) -> Result<Self> {
        let directory = tempfile::tempdir_in(disk)?;
        let log = std::fs::File::create(directory.path().join("log"))?;
        let process = Command::new(std::path::absolute(executable)?)
            .args(["pierone", "--insecure-no-auth", "--listen", "127.0.0.1:0"])
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("Can't run {}", executable.display()))?;
        let mut registry = Self {
            process,
            url: Url::parse("http://127.0.0.1/")?,
            directory,
        };
        let mut lines = BufReader::new(registry.process.stdout.take().context("its pipe is missing")?).lines();
        let line = lines.next().context("stupsd does not start")??;
        let address = line.rsplit("//").next().unwrap_or_default();
        registry.url = Url::parse(&format!("http://{address}/"))?;
        std::thread::spawn(move || lines.count());
        Ok(registry)
    }

    /// Debian's, with its own settings but for the place, and without a line of log for each request.
    pub(super) fn docker_registry(executable: &Path, disk: &Path) -> Result<Self> {
        let directory = tempfile::tempdir_in(disk)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let settings = format!(
            "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  cache:\n    blobdescriptor: \
             inmemory\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
            directory.path().join("data").display()
        );
        let file = directory.path().join("config.yml");
        std::fs::write(&file, settings)?;
        let log = std::fs::File::create(directory.path().join("log"))?;
        let process = Command::new(executable)
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("Can't run {}", executable.display()))?;
        let mut registry = Self {
            process,
            url: Url::parse(&format!("http://{address}/"))?,
            directory,
        };
        let deadline = Instant::now() + STARTING_LIMIT;
        while TcpStream::connect(address).is_err() {
            if Instant::now() > deadline || registry.process.try_wait()?.is_some() {
                let said = std::fs::read_to_string(registry.directory.path().join("log"))?;
                bail!("docker-registry does not start: {said}");
            }
            std::thread::yield_now();
        }
        Ok(registry)
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The largest resident set that the process has had, in bytes.
    pub(super) fn peak_memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .context("no VmHWM")?;
        let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kibibytes * 1024)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
