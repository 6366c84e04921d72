//! Container tools as Debian ships them, and a docker daemon of one's own.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::debian;

/// How long the daemon may take to start: it takes a second.
const STARTING_LIMIT: Duration = Duration::from_mins(1);

/// Where a container tool is: `skopeo`, `buildah`, `podman`. Installs the Debian package of its name when it is missing.
pub fn container_tool(name: &str) -> Result<PathBuf> {
    installed(name, name)
}

fn installed(program: &str, package: &str) -> Result<PathBuf> {
    if let Some(path) = find(program) {
        return Ok(path);
    }
    debian::install(package, program)?;
    find(program).ok_or_else(|| Error::other(format!("the package {package} is installed, but there is no {program}")))
}

/// Debian's own come before what else is in the path.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    ["/usr/bin", "/usr/sbin"]
        .iter()
        .map(PathBuf::from)
        .chain(std::env::split_paths(&path))
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
}

/// A docker daemon with images of its own, without a network. Dropping it ends it.
#[derive(Debug)]
pub struct Docker {
    daemon: Child,
    directory: TempDir,
    client: PathBuf,
}

impl Docker {
    /// Starts one and waits until it answers. Only root can.
    pub fn start() -> Result<Self> {
        let client = installed("docker", "docker.io")?;
        let program = installed("dockerd", "docker.io")?;
        // Short: a socket's path has at most 107 bytes.
        let directory = tempfile::Builder::new().prefix("stups-docker-").tempdir()?;
        let path = |name: &str| directory.path().join(name);
        let log = std::fs::File::create(path("log"))?;
        let daemon = Command::new(program)
            .arg("--host")
            .arg(format!("unix://{}", path("docker.sock").display()))
            .arg("--data-root")
            .arg(path("data"))
            .arg("--exec-root")
            .arg(path("exec"))
            .arg("--pidfile")
            .arg(path("pid"))
            .args(["--iptables=false", "--bridge=none", "--storage-driver=vfs"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut docker = Self {
            daemon,
            directory,
            client,
        };
        docker.wait()?;
        Ok(docker)
    }

    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + STARTING_LIMIT;
        loop {
            let answered = self
                .command(&["version"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()?;
            if answered.success() {
                return Ok(());
            }
            if Instant::now() > deadline || self.daemon.try_wait()?.is_some() {
                let log = std::fs::read_to_string(self.directory.path().join("log"))?;
                return Err(Error::other(format!("dockerd does not start: {log}")));
            }
            std::thread::yield_now();
        }
    }

    /// The client with these arguments, talking to this daemon, with a configuration of its own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.client);
        command
            .arg("--host")
            .arg(format!(
                "unix://{}",
                self.directory.path().join("docker.sock").display()
            ))
            .args(arguments)
            .env("DOCKER_CONFIG", self.config())
            .stdin(Stdio::null());
        command
    }

    /// Where the client keeps credentials.
    pub fn config(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // Asked to end, it ends the containerd that it has started too.
        let asked = Command::new("kill")
            .args(["-TERM", &self.daemon.id().to_string()])
            .status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.daemon.kill();
        }
        let _ = self.daemon.wait();
    }
}
