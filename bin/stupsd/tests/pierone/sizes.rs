//! Layers of one byte and of one gibibyte: bytes pass through the registry, they are not held.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::LazyLock;

use ring::digest::{Context, SHA256};

use crate::registry::{Registry, digest_of, sha256};

const PIECE: usize = 1 << 20;
const PIECES: usize = 1 << 10;

/// Far less than a layer, far more than what lies between reading and writing.
const MEMORY: u64 = 200 << 20;

/// A piece like no other: its number is in it.
fn piece(number: usize) -> Vec<u8> {
    static ALIKE: LazyLock<Vec<u8>> = LazyLock::new(|| (0..PIECE).map(|place| (place * 31 % 251) as u8).collect());
    let mut piece = ALIKE.clone();
    piece[..8].copy_from_slice(&(number as u64).to_le_bytes());
    piece
}

/// Sends the head of a request whose body follows.
fn request(registry: &Registry, method: &str, path: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(&registry.address).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// The status of an answer; what is left of it is its body.
fn status(answer: &mut BufReader<TcpStream>) -> u16 {
    let mut status = String::new();
    answer.read_line(&mut status).unwrap();
    let mut line = String::new();
    while answer.read_line(&mut line).unwrap() > 2 {
        line.clear();
    }
    status.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The most memory that the registry has had, in bytes.
fn memory(registry: &Registry) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", registry.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn a_layer_of_one_byte() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::start(directory.path());
    let push = format!("/v2/stups/app/blobs/uploads/?digest={}", sha256(b"1"));
    assert_eq!(registry.send("POST", &push, "", b"1", || {}).unwrap().status, 201);
    assert_eq!(
        registry.get(&format!("/v2/stups/app/blobs/{}", sha256(b"1"))).body,
        b"1"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_layer_of_a_gibibyte() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::start(directory.path());
    let mut hash = Context::new(&SHA256);
    (0..PIECES).for_each(|number| hash.update(&piece(number)));
    let digest = digest_of(hash.finish().as_ref());

    let push = format!("/v2/stups/app/blobs/uploads/?digest={digest}");
    let mut stream = request(&registry, "POST", &push, PIECE * PIECES);
    for number in 0..PIECES {
        stream.write_all(&piece(number)).unwrap();
    }
    assert_eq!(status(&mut BufReader::new(stream)), 201);

    let path = format!("/v2/stups/app/blobs/{digest}");
    let mut answer = BufReader::new(request(&registry, "GET", &path, 0));
    assert_eq!(status(&mut answer), 200);
    let mut found = vec![0; PIECE];
    for number in 0..PIECES {
        answer.read_exact(&mut found).unwrap();
        assert!(found == piece(number), "piece {number}");
    }
    assert_eq!(answer.read(&mut found).unwrap(), 0);

    // A range beyond what 31 bits count.
    let range = format!("range: bytes={}-{}\r\n", PIECE * (PIECES - 1), PIECE * (PIECES - 1) + 7);
    let last = registry.send("GET", &path, &range, b"", || {}).unwrap();
    assert_eq!(
        (last.status, last.body),
        (206, (PIECES as u64 - 1).to_le_bytes().to_vec())
    );
    let memory = memory(&registry);
    assert!(memory < MEMORY, "{memory} bytes of memory");
}
