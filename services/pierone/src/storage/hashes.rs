use ring::digest::{Context, SHA256, SHA512};

use crate::names::{Algorithm, Digest};

/// Hashes of bytes that pass by.
pub(crate) struct Hashes {
    sha256: Context,
    sha512: Option<Context>,
}

impl Hashes {
    /// SHA-512 costs as much again, and few ask for it.
    pub(crate) fn new(sha512: bool) -> Self {
        Self {
            sha256: Context::new(&SHA256),
            sha512: sha512.then(|| Context::new(&SHA512)),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(bytes);
        }
    }

    pub(crate) fn finish(self) -> (Digest, Option<Digest>) {
        let sha512 = self
            .sha512
            .map(|context| Digest::new(Algorithm::Sha512, context.finish().as_ref()));
        (Digest::new(Algorithm::Sha256, self.sha256.finish().as_ref()), sha512)
    }
}
