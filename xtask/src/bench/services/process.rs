//! What a service is measured beside.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use tempfile::NamedTempFile;

/// A handler that returns the same bytes to everybody. Dropping it ends it.
pub(crate) struct Bare {
    process: Child,
    _body: NamedTempFile,
    pub(crate) url: String,
}

impl Bare {
    pub(crate) fn start(executable: &Path, bytes: &[u8]) -> Result<Self> {
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
