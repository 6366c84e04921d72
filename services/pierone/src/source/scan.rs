//! Looking through a layer for `scm-source.json`: streaming, and bounded whatever the layer is.

use std::io::{self, BufReader, Read};

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _};
use stups_api::pierone::ScmSource;
use stups_store::objects::object_store;
use tokio::sync::mpsc;

use super::told;

/// How many unpacked bytes are looked through.
const MOST_BYTES: u64 = 256 << 20;

/// How many files are.
const MOST_ENTRIES: usize = 100_000;

/// How large the file may be.
const LARGEST_FILE: u64 = 1 << 20;

/// What a layer has, plain or packed with gzip or zstd. What cannot be unpacked has nothing.
pub(super) async fn scan(
    mut layer: BoxStream<'static, Result<Bytes, object_store::Error>>,
) -> Result<Option<ScmSource>, String> {
    let (sender, receiver) = mpsc::channel(4);
    let found = tokio::task::spawn_blocking(move || {
        let packed = Packed {
            receiver,
            rest: Bytes::new(),
        };
        look(packed, MOST_BYTES)
    });
    while let Some(bytes) = layer.next().await {
        let bytes = bytes.map_err(|error| error.to_string())?;
        // Nobody receives any more: it was found, or the bound is reached.
        if sender.send(bytes).await.is_err() {
            break;
        }
    }
    drop(sender);
    found.await.map_err(|error| error.to_string())
}

/// The layer's bytes, as they come out of the storage.
struct Packed {
    receiver: mpsc::Receiver<Bytes>,
    rest: Bytes,
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            match self.receiver.blocking_recv() {
                Some(bytes) => self.rest = bytes,
                None => return Ok(0),
            }
        }
        let length = self.rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.rest.split_to(length));
        Ok(length)
    }
}

fn look(packed: impl Read, most: u64) -> Option<ScmSource> {
    let packed = BufReader::with_capacity(64 << 10, packed);
    let unpacked = stups_layer::unpacked(packed).ok()?;
    // A layer that is no archive, or ends too early, is somebody else's concern.
    in_tar(unpacked.take(most)).ok().flatten()
}

/// Entries are taken as they are: what an archive says of the next one in front of it (long names, extended attributes) would be
/// read into memory, however large it claims to be. The file that is looked for needs none of that.
fn in_tar(unpacked: impl Read) -> io::Result<Option<ScmSource>> {
    let mut archive = tar::Archive::new(unpacked);
    let mut files = 0;
    for entry in archive.entries()?.raw(true) {
        let entry = entry?;
        let kind = entry.header().entry_type();
        if kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions()
        {
            continue;
        }
        files += 1;
        if files > MOST_ENTRIES {
            break;
        }
        let name = entry.path_bytes();
        let is_source = matches!(&*name, b"scm-source.json" | b"./scm-source.json" | b"/scm-source.json");
        if is_source && kind.is_file() && entry.size() <= LARGEST_FILE {
            let mut bytes = Vec::new();
            entry.take(LARGEST_FILE).read_to_end(&mut bytes)?;
            return Ok(told::file(&bytes));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const SOURCE: &[u8] = br#"{"url":"git:x","revision":"1","author":"jdoe","status":""}"#;

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn the_file_is_found_however_the_layer_is_packed() {
        let layer = tar(&[("bin/sh", b"#!"), ("scm-source.json", SOURCE)]);
        // One frame a piece, as layers are written whose files can be fetched one by one.
        let pieces: Vec<u8> = layer.chunks(700).flat_map(zstd).collect();
        for packed in [layer.clone(), gzip(&layer), zstd(&layer), pieces] {
            assert_eq!(look(&packed[..], MOST_BYTES).unwrap().url, "git:x");
        }
    }

    #[test]
    fn what_is_no_source_is_none() {
        let elsewhere = tar(&[("app/scm-source.json", SOURCE)]);
        let broken = tar(&[("scm-source.json", b"{")]);
        let cut = &gzip(&tar(&[("scm-source.json", SOURCE)]))[..20];
        for layer in [
            &elsewhere[..],
            &broken,
            b"",
            b"not a layer",
            cut,
            &[0x28, 0xb5, 0x2f, 0xfd, 0],
        ] {
            assert_eq!(look(layer, MOST_BYTES), None);
        }
    }

    #[test]
    fn a_bomb_is_not_unpacked_to_its_end() {
        // Zeros in front of the file, packed to almost nothing.
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let size: u64 = 4 << 20;
        let mut header = tar::Header::new_gnu();
        header.set_path("zeros").unwrap();
        header.set_size(size);
        header.set_cksum();
        encoder.write_all(header.as_bytes()).unwrap();
        io::copy(&mut io::repeat(0).take(size), &mut encoder).unwrap();
        encoder.write_all(&tar(&[("scm-source.json", SOURCE)])).unwrap();
        let bomb = encoder.finish().unwrap();
        assert_eq!(look(&bomb[..], 1 << 20), None);
        assert!(look(&bomb[..], 8 << 20).is_some());
    }

    #[test]
    fn long_names_and_attributes_are_passed_over() {
        let mut builder = tar::Builder::new(Vec::new());
        let attribute = vec![b'x'; 10_000];
        builder
            .append_pax_extensions([("SCHILY.xattr.user.x", &attribute[..])])
            .unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(0);
        builder
            .append_data(&mut header, "d/".repeat(100) + "f", &b""[..])
            .unwrap();
        builder
            .append_pax_extensions([("mtime", &b"1700000000.5"[..])])
            .unwrap();
        header.set_size(SOURCE.len() as u64);
        builder.append_data(&mut header, "scm-source.json", SOURCE).unwrap();
        let layer = builder.into_inner().unwrap();
        assert_eq!(look(&layer[..], MOST_BYTES).unwrap().url, "git:x");
    }

    /// What remembers the largest piece that was wanted at once.
    struct Measured<R>(R, std::rc::Rc<std::cell::Cell<usize>>);

    impl<R: Read> Read for Measured<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1.set(self.1.get().max(buffer.len()));
            self.0.read(buffer)
        }
    }

    #[test]
    fn a_name_that_is_larger_than_a_layer_is_not_kept() {
        for kind in [b'L', b'K', b'x', b'g'] {
            let size = 64 << 20;
            let mut header = tar::Header::new_gnu();
            header.set_path("long").unwrap();
            header.set_entry_type(tar::EntryType::new(kind));
            header.set_size(size);
            header.set_cksum();
            let layer = header
                .as_bytes()
                .chain(io::repeat(b'x').take(size))
                .chain(io::Cursor::new(tar(&[("scm-source.json", SOURCE)])));
            let largest = std::rc::Rc::default();
            let found = in_tar(Measured(layer, std::rc::Rc::clone(&largest))).unwrap();
            assert_eq!(found.unwrap().url, "git:x");
            assert!(largest.get() <= 64 << 10, "{}", largest.get());
        }
    }
}
