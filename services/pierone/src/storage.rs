//! Bytes: written once while they are hashed, read in ranges, never in memory as a whole (contract pierone 5.9).

mod hashes;
mod parts;
mod read;
mod receive;
mod role;

use std::sync::Arc;
use std::time::Duration;

use stups_store::objects::Presigner;
use stups_store::objects::object_store::path::Path;
use stups_store::objects::object_store::{self, ObjectStore, ObjectStoreExt as _};
use tokio::sync::Semaphore;
use url::Url;

pub(crate) use parts::LARGEST_OBJECT;
use parts::Parts;
pub(crate) use receive::{Broken, Incoming, Received};
pub(crate) use role::bucket_of;

use crate::names::Digest;

/// How long a signed URL is good for.
const SIGNED_FOR: Duration = Duration::from_mins(15);

/// How many pushes at a time may take memory for large parts; a hundred that did would take more than all the rest.
const ROOMY: usize = 2;

/// What S3 copies in one call.
const LARGEST_COPY: u64 = 5 << 30;

/// Where content is.
#[derive(Clone)]
pub(crate) struct Storage {
    objects: Arc<dyn ObjectStore>,
    /// The same, for those who may remove something.
    remover: Arc<dyn ObjectStore>,
    presigner: Option<Presigner>,
    parts: Parts,
    /// Places for pushes whose parts may grow.
    roomy: Arc<Semaphore>,
    /// How many bytes an object may have to be copied in one call; nothing where objects are renamed.
    largest_copy: Option<u64>,
}

impl Storage {
    /// In a directory, or in S3.
    pub(crate) fn new(objects: Arc<dyn ObjectStore>, directory: bool, presigner: Option<Presigner>) -> Self {
        Self {
            remover: objects.clone(),
            objects,
            presigner,
            parts: if directory {
                Parts::of_files()
            } else {
                Parts::of_objects()
            },
            roomy: Arc::new(Semaphore::new(ROOMY)),
            largest_copy: (!directory).then_some(LARGEST_COPY),
        }
    }

    /// The same with somebody else who removes: where content is kept for ever, others may not.
    pub(crate) fn with_remover(self, remover: Option<Arc<dyn ObjectStore>>) -> Self {
        Self {
            remover: remover.unwrap_or(self.remover),
            ..self
        }
    }

    /// Where verified content is.
    pub(crate) fn blob(digest: &str) -> Path {
        let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
        Path::from(format!("blobs/sha256/{}/{hex}", hex.get(..2).unwrap_or("00")))
    }

    /// Where the parts of uploads are.
    pub(crate) fn uploads() -> Path {
        Path::from("uploads")
    }

    /// A place for a part of an upload, used once. Not in a directory of its own, which would stay when the upload is gone.
    pub(crate) fn part_of(upload: &str) -> Path {
        Path::from(format!("uploads/{upload}.{}", uuid::Uuid::new_v4().simple()))
    }

    /// How many bytes an object has; nothing when it is not there.
    pub(crate) async fn size(&self, object: &Path) -> Result<Option<u64>, object_store::Error> {
        match self.objects.head(object).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the storage answers. One that says that it may not be asked has answered.
    pub(crate) async fn answers(&self) -> Result<(), object_store::Error> {
        match self.size(&Self::uploads().join("ready")).await {
            Ok(_) | Err(object_store::Error::PermissionDenied { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Moves a part to where its content belongs. One that is gone may have been moved by an attempt that died afterwards:
    /// that content is there is what counts.
    pub(crate) async fn settle(&self, part: &Path, size: u64, digest: &str) -> Result<(), object_store::Error> {
        let blob = Self::blob(digest);
        let moved = match self.largest_copy {
            None => self.objects.rename(part, &blob).await,
            Some(largest) if size <= largest => self.objects.copy(part, &blob).await,
            Some(_) => self.copy_streaming(part, &blob, size).await,
        };
        match moved {
            Err(object_store::Error::NotFound { .. }) if self.size(&blob).await? == Some(size) => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                // The garbage collection finds a copy that is left.
                if self.largest_copy.is_some()
                    && let Err(error) = self.remove(part).await
                {
                    tracing::warn!(%error, %part, "a part of an upload stays in the storage");
                }
                Ok(())
            }
        }
    }

    /// For what is too large for one copy in S3.
    async fn copy_streaming(&self, from: &Path, to: &Path, size: u64) -> Result<(), object_store::Error> {
        let mut bytes = Incoming::new(self.read(from, 0..size).await?);
        self.receive(to, &mut bytes, Some(size), size, false)
            .await
            .map_err(|broken| match broken {
                Broken::Storage(error) => error,
                Broken::TooLarge | Broken::Body(..) => object_store::Error::Generic {
                    store: "copy",
                    source: "the source changed".into(),
                },
            })?;
        Ok(())
    }

    /// Removes an object; one that is not there is removed already.
    pub(crate) async fn remove(&self, object: &Path) -> Result<(), object_store::Error> {
        match self.remover.delete(object).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            removed => removed,
        }
    }

    /// What lies under a prefix.
    pub(crate) fn list(
        &self,
        prefix: &Path,
    ) -> futures::stream::BoxStream<'static, Result<object_store::ObjectMeta, object_store::Error>> {
        self.objects.list(Some(prefix))
    }

    /// Where a client may fetch a blob itself, if downloads are redirected.
    pub(crate) async fn signed(&self, digest: &Digest) -> Result<Option<Url>, object_store::Error> {
        match &self.presigner {
            Some(presigner) => Ok(Some(presigner.url(&Self::blob(digest.as_str()), SIGNED_FOR).await?)),
            None => Ok(None),
        }
    }
}
