//! What clients push: bytes that are made once into a file, and a few of each layer's own behind them.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures::{Stream, stream};
use ring::digest::{Context, SHA256};

/// How many bytes are sent at once.
const PIECE: usize = 1 << 20;

/// How many bytes of a layer are its own.
const OWN: u64 = 32;

/// An image of so many layers of one size.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Image {
    /// How many layers an image has
    #[arg(long)]
    layers: usize,
    /// Bytes of each layer
    #[arg(long)]
    size: u64,
}

/// The bytes of all layers.
pub(crate) struct Layers {
    file: File,
    size: u64,
}

/// Different from every other in its last bytes, so that a registry has to take and hash all of them.
#[derive(Clone)]
pub(crate) struct Layer {
    common: Bytes,
    own: Bytes,
    pub(crate) size: u64,
    /// `sha256:<hex>`
    pub(crate) digest: String,
}

impl Layers {
    /// Makes the file, of at least so many bytes.
    pub(crate) fn make(path: &Path, size: u64) -> Result<()> {
        let file = File::create(path).with_context(|| format!("Can't write {}", path.display()))?;
        let mut writer = BufWriter::with_capacity(PIECE, &file);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..size.div_ceil(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            writer.write_all(&state.to_le_bytes())?;
        }
        writer.flush()?;
        // What the kernel has still to write would be part of what is measured first.
        file.sync_all()?;
        Ok(())
    }

    /// The layers that are made of this file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("Can't read {}", path.display()))?;
        Ok(Self {
            size: file.metadata()?.len(),
            file,
        })
    }

    /// The layers of images of this shape. What they have in common is read and hashed here, once: a client that did so while it
    /// sends would be what is measured.
    pub(crate) fn shaped(&self, image: &Image) -> Result<Shape> {
        ensure!(
            image.size > OWN && image.size <= self.size,
            "no layer of {} bytes",
            image.size
        );
        let mut common = vec![0; usize::try_from(image.size - OWN)?];
        self.file.read_exact_at(&mut common, 0)?;
        let mut hash = Context::new(&SHA256);
        hash.update(&common);
        Ok(Shape {
            common: common.into(),
            image: *image,
            hash,
        })
    }
}

/// Layers of one size.
pub(crate) struct Shape {
    /// all bytes but a layer's own
    common: Bytes,
    image: Image,
    /// of these
    hash: Context,
}

impl Shape {
    /// The layers of one client's image.
    pub(crate) fn of(&self, client: usize) -> Vec<Layer> {
        let layer = |number: usize| {
            let own = Bytes::from(format!("{:<32}", format!("{client} {number}")));
            let mut hash = self.hash.clone();
            hash.update(&own);
            Layer {
                common: self.common.clone(),
                own,
                size: self.image.size,
                digest: sha256(hash),
            }
        };
        (0..self.image.layers).map(layer).collect()
    }
}

impl Layer {
    /// Its bytes, piece by piece.
    pub(crate) fn bytes(&self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
        let (mut rest, own) = (self.common.clone(), self.own.clone());
        let pieces = std::iter::from_fn(move || (!rest.is_empty()).then(|| rest.split_to(PIECE.min(rest.len()))));
        stream::iter(pieces.chain(std::iter::once(own)).map(Ok))
    }
}

/// `sha256:<hex>` of what was hashed.
pub(crate) fn sha256(hash: Context) -> String {
    let mut text = "sha256:".to_owned();
    for byte in hash.finish().as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;

    use super::*;

    #[test]
    fn a_layer_is_what_its_digest_says_and_like_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let size = 3 << 19;
        let file = directory.path().join("bytes");
        Layers::make(&file, size).unwrap();
        let layers = Layers::open(&file).unwrap();
        let shape = layers.shaped(&Image { layers: 2, size }).unwrap();
        let all: Vec<Layer> = (0..2).flat_map(|client| shape.of(client)).collect();
        let digests: std::collections::BTreeSet<&str> = all.iter().map(|layer| layer.digest.as_str()).collect();
        assert_eq!(digests.len(), 4);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        for layer in &all {
            let mut hash = Context::new(&SHA256);
            let mut read = 0;
            let pieces: Vec<Bytes> = runtime.block_on(layer.bytes().try_collect()).unwrap();
            for piece in pieces {
                hash.update(&piece);
                read += piece.len() as u64;
            }
            assert_eq!((read, sha256(hash)), (size, layer.digest.clone()));
        }
    }
}
