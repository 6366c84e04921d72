use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use stups_store::objects::InPlace;
use stups_store::objects::object_store::path::Path;
use stups_store::objects::object_store::{
    self, Extensions, MultipartUpload, PutMultipartOptions, PutOptions, PutPayload,
};
use tokio::sync::SemaphorePermit;
use tokio::task::{JoinError, JoinSet};

use super::Storage;
use super::hashes::Hashes;
use super::parts::Parts;
use crate::names::Digest;

/// How long a sender may be silent.
const IDLE: Duration = Duration::from_mins(1);

/// How many bytes may be hashed on the thread that serves other requests too: it takes a fraction of a millisecond.
const HASHED_HERE: usize = 256 << 10;

/// What was written, durably.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) size: u64,
    pub(crate) sha256: Digest,
    pub(crate) sha512: Option<Digest>,
    /// Whether the object is full and there is more to come.
    pub(crate) more: bool,
}

/// What a sender sends, into one object after the other.
pub(crate) struct Incoming<S> {
    stream: Pin<Box<S>>,
    /// What did not fit into the last object.
    rest: Option<Bytes>,
}

impl<S, E> Incoming<S>
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: std::fmt::Display,
{
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream: Box::pin(stream),
            rest: None,
        }
    }

    /// What comes next; nothing at the end, else why it broke off.
    async fn next(&mut self) -> Option<Result<Bytes, String>> {
        if let Some(rest) = self.rest.take() {
            return Some(Ok(rest));
        }
        match tokio::time::timeout(IDLE, self.stream.next()).await {
            Ok(next) => next.map(|piece| piece.map_err(|error| error.to_string())),
            Err(_) => Some(Err("the sender fell silent".to_owned())),
        }
    }
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
    /// Writes what comes to an object that is visible only when it is whole, and hashes it on the way. What has no announced length
    /// may be too much for one object: the rest is for the next one.
    ///
    /// `length` is what the sender announced, `limit` what it may send at most.
    pub(crate) async fn receive<S, E>(
        &self,
        to: &Path,
        body: &mut Incoming<S>,
        length: Option<u64>,
        limit: u64,
        sha512: bool,
    ) -> Result<Received, Broken>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: std::fmt::Display,
    {
        if length.is_some_and(|length| length > limit) {
            return Err(Broken::TooLarge);
        }
        let parts = self.parts.of(length);
        let mut writer = Writer::new(self, to, parts, sha512);
        let mut size: u64 = 0;
        let mut more = false;
        let broken = loop {
            match body.next().await {
                Some(Ok(mut bytes)) => {
                    if size + bytes.len() as u64 > limit {
                        writer.abort().await;
                        return Err(Broken::TooLarge);
                    }
                    let room = usize::try_from(parts.together - size).unwrap_or(usize::MAX);
                    if bytes.len() > room {
                        body.rest = Some(bytes.split_off(room));
                        more = true;
                    }
                    size += bytes.len() as u64;
                    writer.write(bytes).await?;
                    if more {
                        break None;
                    }
                }
                Some(Err(reason)) => break Some(reason),
                None => break None,
            }
        };
        if size == 0
            && let Some(reason) = broken
        {
            writer.abort().await;
            return Err(Broken::Body(reason, None));
        }
        let (sha256, sha512) = writer.finish().await?;
        let received = Received {
            size,
            sha256,
            sha512,
            more,
        };
        match broken {
            Some(reason) => Err(Broken::Body(reason, Some(received))),
            None => Ok(received),
        }
    }
}

/// Collects bytes into parts of one size, each of which is hashed while it is written and the next one arrives.
struct Writer<'a> {
    storage: &'a Storage,
    to: &'a Path,
    parts: Parts,
    /// A place among those whose parts may grow.
    room: Option<SemaphorePermit<'a>>,
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    /// How many bytes were made into parts.
    written: u64,
    hashes: Hashes,
    /// None while everything fits into one part.
    upload: Option<Box<dyn MultipartUpload>>,
    writing: JoinSet<Result<(), object_store::Error>>,
}

impl<'a> Writer<'a> {
    fn new(storage: &'a Storage, to: &'a Path, parts: Parts, sha512: bool) -> Self {
        Self {
            storage,
            to,
            parts,
            room: storage.roomy.try_acquire().ok(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            written: 0,
            hashes: Hashes::new(sha512),
            upload: None,
            writing: JoinSet::new(),
        }
    }

    async fn write(&mut self, mut bytes: Bytes) -> Result<(), object_store::Error> {
        loop {
            let size = self.parts.next(self.written, self.room.is_some());
            if self.waiting_bytes + bytes.len() < size {
                break;
            }
            let rest = bytes.split_off(size - self.waiting_bytes);
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
        let size = std::mem::take(&mut self.waiting_bytes);
        self.written += size as u64;
        let pieces = std::mem::take(&mut self.waiting);
        // Where many push, another thread would only wait for the same processors.
        let hashed = if self.room.is_some() || size > HASHED_HERE {
            self.hashes.update(pieces.clone()).await
        } else {
            self.hashes.update_here(&pieces).await
        };
        hashed.map_err(died)?;
        Ok(pieces.into_iter().collect())
    }

    async fn write_part(&mut self) -> Result<(), object_store::Error> {
        let payload = self.payload().await?;
        let upload = if let Some(upload) = &mut self.upload {
            upload
        } else {
            let options = PutMultipartOptions {
                extensions: in_place(),
                ..PutMultipartOptions::default()
            };
            let begun = self.storage.objects.put_multipart_opts(self.to, options).await?;
            self.upload.insert(begun)
        };
        let part = upload.put_part(payload);
        // Before the next one begins, not after: two that write to one file wait for each other.
        while self.writing.len() >= self.parts.at_once.max(1) {
            self.one_written().await?;
        }
        self.writing.spawn(part);
        while self.writing.len() > self.parts.at_once {
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
            let options = PutOptions {
                extensions: in_place(),
                ..PutOptions::default()
            };
            self.storage.objects.put_opts(self.to, payload, options).await?;
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

/// Parts have names of their own, that count when the database says so.
fn in_place() -> Extensions {
    let mut extensions = Extensions::new();
    extensions.insert(InPlace);
    extensions
}

/// The thread that was to do it did not end as it should.
fn died(source: JoinError) -> object_store::Error {
    object_store::Error::JoinError { source }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::TryStreamExt as _;
    use proptest::prelude::*;
    use stups_store::objects::object_store::memory::InMemory;

    use super::*;
    use crate::names::Algorithm;

    /// A storage whose objects have at most five parts of ten bytes when nobody says how much comes.
    fn small() -> Storage {
        let mut storage = Storage::new(Arc::new(InMemory::new()), false, None);
        storage.parts.size = 10;
        storage.parts.together = 50;
        storage
    }

    proptest! {
        #[test]
        fn what_has_no_length_goes_into_one_object_after_the_other(pieces in proptest::collection::vec(0_usize..40, 0..12)) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build().unwrap();
            let all: Vec<u8> = (0..pieces.iter().sum::<usize>()).map(|place| place as u8).collect();
            let mut rest = Bytes::from(all.clone());
            let pieces: Vec<_> = pieces.iter().map(|size| Ok::<_, String>(rest.split_to(*size))).collect();
            runtime.block_on(async {
                let storage = small();
                let mut body = Incoming::new(futures::stream::iter(pieces));
                let (mut found, mut more, mut number) = (Vec::new(), true, 0);
                while more {
                    let object = Path::from(format!("{number}"));
                    let received = storage.receive(&object, &mut body, None, 1000, false).await.unwrap();
                    prop_assert!(received.size == 50 || !received.more);
                    let bytes = storage.read(&object, 0..received.size).await.unwrap();
                    let bytes = bytes.try_collect::<Vec<_>>().await.unwrap().concat();
                    prop_assert_eq!(&received.sha256, &Algorithm::Sha256.digest(&bytes));
                    found.extend(bytes);
                    more = received.more;
                    number += 1;
                }
                prop_assert_eq!(number, found.len().div_ceil(50).max(1));
                prop_assert_eq!(found, all);
                Ok(())
            })?;
        }
    }
}
