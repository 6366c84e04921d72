//! A registry as a process of its own, and requests to it over plain sockets.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ring::digest::{SHA256, digest};

/// A running registry. Killed when dropped.
pub(crate) struct Registry {
    pub(crate) child: Child,
    pub(crate) address: String,
}

impl Registry {
    pub(crate) fn start(directory: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stupsd"))
            .args(["pierone", "--insecure-no-auth", "--listen", "127.0.0.1:0"])
            .current_dir(directory)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let address = line.rsplit("//").next().unwrap().to_owned();
        Self { child, address }
    }

    /// Sends a request, its body in pieces, with a look at `on` before each; what was answered, unless it was killed meanwhile.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
        mut step: impl FnMut(),
    ) -> Option<Answer> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        step();
        for piece in body.chunks(100_000) {
            stream.write_all(piece).ok()?;
            step();
        }
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        step();
        let answer = Answer::parse(&bytes)?;
        read.ok().map(|_| answer)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", b"", || {}).unwrap()
    }

    /// No farewell: as when the machine loses its power, as far as the process is concerned.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        Some(Self {
            status: head.split(' ').nth(1)?.parse().ok()?,
            head,
            body: bytes[end + 4..].to_vec(),
        })
    }

    pub(crate) fn location(&self) -> String {
        let line = self.head.lines().find(|line| line.starts_with("location: ")).unwrap();
        line["location: ".len()..].to_owned()
    }
}

/// The digest of bytes, as the registry names it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    digest_of(digest(&SHA256, bytes).as_ref())
}

/// A SHA-256 as the registry writes it.
pub(crate) fn digest_of(hash: &[u8]) -> String {
    hash.iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
