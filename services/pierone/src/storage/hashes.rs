use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{self, BoxFuture};
use ring::digest::{Context, SHA256, SHA512};
use tokio::task::JoinError;

use crate::names::{Algorithm, Digest};

/// Hashes of bytes that pass by.
pub(crate) struct Hashes {
    batch: BoxFuture<'static, Result<Contexts, JoinError>>,
}

impl Hashes {
    /// SHA-512 costs as much again, and few ask for it.
    pub(crate) fn new(sha512: bool) -> Self {
        let contexts = Contexts {
            sha256: Context::new(&SHA256),
            sha512: sha512.then(|| Context::new(&SHA512)),
        };
        Self {
            batch: future::ready(Ok(contexts)).boxed(),
        }
    }

    /// Begins to hash what comes next on a thread of its own, beside what else is done with these bytes; returns when that has begun, so
    /// at most one batch is under way.
    pub(crate) async fn update(&mut self, pieces: Vec<Bytes>) -> Result<(), JoinError> {
        let contexts = (&mut self.batch).await?;
        self.batch = tokio::task::spawn_blocking(move || contexts.updated(&pieces)).boxed();
        Ok(())
    }

    /// Hashes what comes next, here and now.
    pub(crate) async fn update_here(&mut self, pieces: &[Bytes]) -> Result<(), JoinError> {
        let contexts = (&mut self.batch).await?.updated(pieces);
        self.batch = future::ready(Ok(contexts)).boxed();
        Ok(())
    }

    /// The digests of all that came.
    pub(crate) async fn finish(self) -> Result<(Digest, Option<Digest>), JoinError> {
        let contexts = self.batch.await?;
        let sha512 = contexts
            .sha512
            .map(|context| Digest::new(Algorithm::Sha512, context.finish().as_ref()));
        let sha256 = Digest::new(Algorithm::Sha256, contexts.sha256.finish().as_ref());
        Ok((sha256, sha512))
    }
}

struct Contexts {
    sha256: Context,
    sha512: Option<Context>,
}

impl Contexts {
    fn updated(mut self, pieces: &[Bytes]) -> Self {
        for piece in pieces {
            self.sha256.update(piece);
            if let Some(sha512) = &mut self.sha512 {
                sha512.update(piece);
            }
        }
        self
    }
}
