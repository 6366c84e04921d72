use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use stups_store::objects::object_store::path::Path;
use stups_store::objects::object_store::{self, MultipartUpload, ObjectStoreExt as _, PutPayload};
use tokio::task::{JoinError, JoinSet};

use super::Storage;
use super::hashes::Hashes;
use crate::names::Digest;

/// How long a sender may be silent.
const IDLE: Duration = Duration::from_mins(1);

/// How many parts S3 takes.
const MOST_PARTS: u64 = 9_000;

/// What was written, durably.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) size: u64,
    pub(crate) sha256: Digest,
    pub(crate) sha512: Option<Digest>,
}

/// Why not everything was written.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The sender went away or fell silent. What had arrived before is kept.
    Body(String, Option<Received>),
    /// More came than is allowed. Nothing is kept.
    TooLarge,
    /// Nothing is kept.
    Storage(object_store::Error),
}

impl From<object_store::Error> for Broken {
    fn from(error: object_store::Error) -> Self {
        Self::Storage(error)
    }
}

impl Storage {
    /// Writes a stream to an object that is visible only when it is whole, and hashes it on the way.
    ///
    /// `length` is what the sender announced, `limit` what it may send at most.
    pub(crate) async fn receive<E: std::fmt::Display>(
        &self,
        to: &Path,
        body: impl Stream<Item = Result<Bytes, E>> + Send,
        length: Option<u64>,
        limit: u64,
        sha512: bool,
    ) -> Result<Received, Broken> {
        if length.is_some_and(|length| length > limit) {
            return Err(Broken::TooLarge);
        }
        let part = self.part_size(length.unwrap_or(limit));
        let mut writer = Writer::new(self, to, part, sha512);
        let mut size: u64 = 0;
        let mut body = std::pin::pin!(body);
        let broken = loop {
            match tokio::time::timeout(IDLE, body.next()).await {
                Ok(Some(Ok(bytes))) => {
                    size += bytes.len() as u64;
                    if size > limit {
                        writer.abort().await;
                        return Err(Broken::TooLarge);
                    }
                    writer.write(bytes).await?;
                }
                Ok(Some(Err(error))) => break Some(error.to_string()),
                Ok(None) => break None,
                Err(_) => break Some("the sender fell silent".to_owned()),
            }
        };
        if size == 0
            && let Some(reason) = broken
        {
            writer.abort().await;
            return Err(Broken::Body(reason, None));
        }
        let (sha256, sha512) = writer.finish().await?;
        let received = Received { size, sha256, sha512 };
        match broken {
            Some(reason) => Err(Broken::Body(reason, Some(received))),
            None => Ok(received),
        }
    }

    /// All parts are equal, as some S3 clones demand, and there are never too many of them. `length`: what the sender announced,
    /// else the most that it may send; the default limit of a blob makes no part larger than usual.
    fn part_size(&self, length: u64) -> usize {
        let least = usize::try_from(length.div_ceil(MOST_PARTS)).unwrap_or(usize::MAX);
        if self.parallel == 1 {
            self.part
        } else {
            self.part.max(least)
        }
    }
}

/// Collects bytes into parts of one size, each of which is hashed while it is written and the next one arrives.
struct Writer<'a> {
    storage: &'a Storage,
    to: &'a Path,
    part: usize,
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    hashes: Hashes,
    /// None while everything fits into one part.
    upload: Option<Box<dyn MultipartUpload>>,
    writing: JoinSet<Result<(), object_store::Error>>,
}

impl<'a> Writer<'a> {
    fn new(storage: &'a Storage, to: &'a Path, part: usize, sha512: bool) -> Self {
        Self {
            storage,
            to,
            part,
            waiting: Vec::new(),
            waiting_bytes: 0,
            hashes: Hashes::new(sha512),
            upload: None,
            writing: JoinSet::new(),
        }
    }

    async fn write(&mut self, mut bytes: Bytes) -> Result<(), object_store::Error> {
        while self.waiting_bytes + bytes.len() >= self.part {
            let rest = bytes.split_off(self.part - self.waiting_bytes);
            self.keep(bytes);
            let written = self.write_part().await;
            if written.is_err() {
                self.abort_upload().await;
                return written;
            }
            bytes = rest;
        }
        self.keep(bytes);
        Ok(())
    }

    fn keep(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.waiting_bytes += bytes.len();
            self.waiting.push(bytes);
        }
    }

    /// What waits, as the next part; its bytes are being hashed.
    async fn payload(&mut self) -> Result<PutPayload, object_store::Error> {
        self.waiting_bytes = 0;
        let pieces = std::mem::take(&mut self.waiting);
        self.hashes.update(pieces.clone()).await.map_err(died)?;
        Ok(pieces.into_iter().collect())
    }

    async fn write_part(&mut self) -> Result<(), object_store::Error> {
        let payload = self.payload().await?;
        let upload = match &mut self.upload {
            Some(upload) => upload,
            None => self.upload.insert(self.storage.objects.put_multipart(self.to).await?),
        };
        let part = upload.put_part(payload);
        self.writing.spawn(part);
        while self.writing.len() > self.storage.parallel {
            self.one_written().await?;
        }
        Ok(())
    }

    async fn one_written(&mut self) -> Result<(), object_store::Error> {
        match self.writing.join_next().await {
            Some(Ok(written)) => written,
            Some(Err(source)) => Err(died(source)),
            None => Ok(()),
        }
    }

    async fn finish(mut self) -> Result<(Digest, Option<Digest>), object_store::Error> {
        if self.upload.is_none() {
            let payload = self.payload().await?;
            self.storage.objects.put(self.to, payload).await?;
        } else if let Err(error) = self.complete().await {
            self.abort_upload().await;
            return Err(error);
        }
        self.hashes.finish().await.map_err(died)
    }

    async fn complete(&mut self) -> Result<(), object_store::Error> {
        if self.waiting_bytes > 0 {
            self.write_part().await?;
        }
        while !self.writing.is_empty() {
            self.one_written().await?;
        }
        match &mut self.upload {
            Some(upload) => upload.complete().await.map(|_| ()),
            None => Ok(()),
        }
    }

    async fn abort(mut self) {
        self.abort_upload().await;
    }

    /// What cannot be removed now is found by the garbage collection, or by the bucket's own rule.
    async fn abort_upload(&mut self) {
        self.writing.shutdown().await;
        if let Some(mut upload) = self.upload.take()
            && let Err(error) = upload.abort().await
        {
            tracing::warn!(%error, "an unfinished upload stays in the storage");
        }
    }
}

/// The thread that was to do it did not end as it should.
fn died(source: JoinError) -> object_store::Error {
    object_store::Error::JoinError { source }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use stups_store::objects::object_store::memory::InMemory;

    use super::*;

    /// S3 takes 5 TiB as one object, in parts of 5 MiB (but for the last) to 5 GiB, and 10,000 of them.
    const LARGEST: u64 = 5 << 40;

    proptest! {
        #[test]
        fn every_object_fits_into_the_parts_that_s3_takes(length in 0..=LARGEST) {
            let storage = Storage::new(Arc::new(InMemory::new()), false, None);
            let part = storage.part_size(length) as u64;
            prop_assert!((5 << 20..=5 << 30).contains(&part), "{part}");
            prop_assert!(length.div_ceil(part) <= 10_000, "{part}");
        }

        #[test]
        fn pieces_of_a_file_are_small_whatever_is_sent(length in 0..=LARGEST) {
            let storage = Storage::new(Arc::new(InMemory::new()), true, None);
            prop_assert_eq!(storage.part_size(length), 256 << 10);
        }
    }
}
