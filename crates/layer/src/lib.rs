//! Layers of images, unpacked as they are read: plain, or packed with gzip or zstd (OCI image 1.1, "Image Layer Filesystem
//! Changeset").

#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::io::{self, BufRead, Cursor, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The last three bytes of what begins a frame that carries no content; the first is 0x50 to 0x5f.
const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];

/// A layer's bytes, however it is packed: its first bytes tell. Memory is bounded, whatever is sent: by the window of zstd, at most
/// 100 MiB. How much comes out is for the caller to bound.
///
/// # Errors
/// What reading ends with; what is packed wrongly is an error while it is read.
pub fn unpacked<'a>(mut packed: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut start = Vec::with_capacity(ZSTD.len());
    packed.by_ref().take(ZSTD.len() as u64).read_to_end(&mut start)?;
    let gzip = start.starts_with(&GZIP);
    let zstd = start == ZSTD || (start.ends_with(&SKIPPABLE) && start.first().is_some_and(|first| first >> 4 == 5));
    let packed = Cursor::new(start).chain(packed);
    Ok(if gzip {
        Box::new(flate2::bufread::MultiGzDecoder::new(packed))
    } else if zstd {
        Box::new(Frames {
            packed,
            decoder: FrameDecoder::new(),
            open: false,
        })
    } else {
        Box::new(packed)
    })
}

/// One frame of zstd after the other, as layers are written whose files can be fetched one by one.
struct Frames<R> {
    packed: R,
    decoder: FrameDecoder,
    /// Whether a frame is begun and not at its end.
    open: bool,
}

impl<R: BufRead> Frames<R> {
    /// Begins the next frame with content; false at the end.
    fn next(&mut self) -> io::Result<bool> {
        while !self.packed.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.packed) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut self.packed.by_ref().take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.open && !self.next()? {
                return Ok(0);
            }
            self.open = true;
            while self.decoder.can_collect() < buffer.len() && !self.decoder.is_finished() {
                let wanted = BlockDecodingStrategy::UptoBytes(buffer.len() - self.decoder.can_collect());
                let decoded = self.decoder.decode_blocks(&mut self.packed, wanted);
                decoded.map_err(io::Error::other)?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            self.open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn skipped(first: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        [&[first], &SKIPPABLE[..], &length, bytes].concat()
    }

    fn all(packed: &[u8]) -> io::Result<Vec<u8>> {
        // As bytes come from a network: few at once.
        let mut few = io::BufReader::with_capacity(3, packed);
        let mut bytes = Vec::new();
        unpacked(&mut few)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn a_layer_is_the_same_however_it_is_packed() {
        let content: Vec<u8> = (0..300_000_u32).map(|place| (place / 7 % 251) as u8).collect();
        let (first, second) = content.split_at(100_000);
        for packed in [
            content.clone(),
            gzip(&content),
            [gzip(first), gzip(second)].concat(),
            zstd(&content),
            [zstd(first), zstd(b""), zstd(second)].concat(),
            [
                skipped(0x50, b"front"),
                zstd(first),
                skipped(0x5f, b""),
                zstd(second),
                skipped(0x51, b"a table"),
            ]
            .concat(),
        ] {
            assert!(all(&packed).unwrap() == content);
        }
        for short in [&b""[..], b"a", b"\x1f", b"\x28\xb5\x2f"] {
            assert_eq!(all(short).unwrap(), short);
        }
    }

    #[test]
    fn what_ends_early_or_is_packed_wrongly_is_an_error() {
        let (gzip, zstd) = (gzip(&[7; 10_000]), zstd(&[7; 10_000]));
        for packed in [
            &gzip[..gzip.len() - 9],
            &zstd[..zstd.len() - 1],
            &ZSTD,
            &[&zstd[..], b"garbage"].concat(),
            &[&skipped(0x50, b"")[..], b"garbage"].concat(),
        ] {
            assert!(all(packed).is_err(), "{packed:x?}");
        }
    }
}
