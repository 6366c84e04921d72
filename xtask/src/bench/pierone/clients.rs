//! The clients, in a process of their own: the executable `registry-clients`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::NamedTempFile;

use super::registry::Registry;
use super::sizes::Image;
use crate::cargo::shown;

/// The executable, and the file whose bytes it pushes. Dropping it removes the file.
pub(super) struct Clients {
    executable: PathBuf,
    file: NamedTempFile,
    size: u64,
}

impl Clients {
    /// Makes the file, once for all pushes.
    pub(super) fn with_bytes(executable: PathBuf, directory: &Path, size: u64) -> Result<Self> {
        let clients = Self {
            executable: std::path::absolute(executable)?,
            file: NamedTempFile::new_in(directory)?,
            size,
        };
        let mut bytes = clients.command("bytes");
        said_by(
            bytes
                .arg("--file")
                .arg(clients.file.path())
                .arg(format!("--size={size}")),
        )?;
        Ok(clients)
    }

    /// How many MB/s of the file `openssl` hashes, once it is in memory.
    pub(super) fn hashed_by(&self, openssl: &Path) -> Result<f64> {
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            let start = Instant::now();
            said_by(Command::new(openssl).args(["dgst", "-sha256"]).arg(self.file.path()))?;
            best = best.min(start.elapsed().as_secs_f64());
        }
        Ok(self.size as f64 / 1e6 / best)
    }

    /// So many clients push an image of their own each, with so many tags; in MB/s together.
    pub(super) fn push(&self, registry: &Registry, image: &Image, clients: usize, tags: usize) -> Result<f64> {
        let mut push = self.command("push");
        push.arg(format!("--registry={}", registry.url()))
            .arg(format!("--clients={clients}"))
            .arg("--file")
            .arg(self.file.path())
            .arg(format!("--layers={}", image.layers))
            .arg(format!("--size={}", image.size))
            .arg(format!("--tags={tags}"));
        rate(&said_by(&mut push)?, image.bytes() * clients as u64)
    }

    /// The clients pull what they have pushed; in MB/s together.
    pub(super) fn pull(&self, registry: &Registry, image: &Image, clients: usize) -> Result<f64> {
        let mut pull = self.command("pull");
        pull.arg(format!("--registry={}", registry.url()))
            .arg(format!("--clients={clients}"));
        rate(&said_by(&mut pull)?, image.bytes() * clients as u64)
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new(&self.executable);
        command.arg(what);
        command
    }
}

/// Standard output of a command that succeeds.
fn said_by(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("Can't run {}", shown(command)))?;
    ensure!(output.status.success(), "{}: {}", shown(command), output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// MB/s of a transfer that has to have had so many bytes.
fn rate(said: &str, expected: u64) -> Result<f64> {
    let transfer: Value = serde_json::from_str(said).with_context(|| format!("the clients said: {said}"))?;
    let bytes = transfer["bytes"].as_u64();
    ensure!(bytes == Some(expected), "not {expected} bytes were transferred: {said}");
    let seconds = transfer["seconds"].as_f64().context("no seconds")?;
    Ok(expected as f64 / 1e6 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_of_other_bytes_has_no_rate() {
        let told = rate("{\"bytes\":3000000,\"seconds\":1.5}\n", 3_000_000);
        assert_eq!(told.unwrap().to_string(), "2");
        assert!(rate("{\"bytes\":2999999,\"seconds\":1.5}\n", 3_000_000).is_err());
        assert!(rate("", 3_000_000).is_err());
    }
}
