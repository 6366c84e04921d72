//! Objects in a directory, on the disk when their put has returned.

mod direct;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, RenameTargetMode, Result, UploadPart,
};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};
use uuid::Uuid;

use self::direct::{Buffers, Direct};
use super::{FileWrites, InPlace};

/// How many bytes are written until the disk is asked to take them, beside what is written next.
const FLUSHED_AT_ONCE: u64 = 32 << 20;

/// As [`LocalFileSystem`], but for objects that are written in parts: the disk takes the first ones while the next arrive, where
/// there it begins with the last. What a crash leaves of them is listed, as `<object>.<id>.unfinished`, so that somebody can
/// remove it; or under its own name, if it was written in place.
#[derive(Debug)]
pub(super) struct Directory {
    files: LocalFileSystem,
    /// Shared by those that write past the cache, if any does.
    buffers: Option<Arc<Buffers>>,
}

impl Directory {
    /// In a directory that is there.
    pub(super) fn new(path: &FilePath, writes: FileWrites) -> Result<Self> {
        let files = LocalFileSystem::new_with_prefix(path)?.with_fsync(true);
        let buffers = (writes == FileWrites::Direct).then(Arc::default);
        Ok(Self { files, buffers })
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Directory {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if options.extensions.get::<InPlace>().is_none() {
            return self.files.put_opts(location, payload, options).await;
        }
        let options = PutMultipartOptions {
            extensions: options.extensions,
            ..PutMultipartOptions::default()
        };
        let mut upload = self.put_multipart_opts(location, options).await?;
        upload.put_part(payload).await?;
        upload.complete().await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if !options.attributes.is_empty() {
            return Err(Error::NotImplemented {
                operation: "`put_multipart_opts` with attributes".to_owned(),
                implementer: self.to_string(),
            });
        }
        let destination = self.files.path_to_filesystem(location)?;
        let buffers = self.buffers.clone();
        let in_place = options.extensions.get::<InPlace>().is_some();
        let upload = blocking(move || Upload::start(destination, in_place, buffers)).await?;
        Ok(Box::new(upload))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.files.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.files.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        if options.target_mode != RenameTargetMode::Overwrite {
            return self.files.rename_opts(from, to, options).await;
        }
        let name = from.to_string();
        let (from, to) = (self.files.path_to_filesystem(from)?, self.files.path_to_filesystem(to)?);
        let renamed = spawn_blocking(move || rename_durably(&from, &to)).await?;
        renamed.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::NotFound {
                path: name,
                source: Box::new(error),
            },
            _ => failed(error),
        })
    }
}

/// A file that gets its name when it is whole, unless it is written in place.
#[derive(Debug)]
struct Upload {
    file: Arc<File>,
    direct: Option<Arc<Direct>>,
    /// Where it is until then. None when it has its name or was removed.
    unfinished: Option<PathBuf>,
    destination: PathBuf,
    /// How many bytes were given.
    size: u64,
    /// How many of them went into the system's cache since the disk was asked the last time.
    cached: u64,
    flushing: Option<JoinHandle<io::Result<()>>>,
}

impl Upload {
    fn start(destination: PathBuf, in_place: bool, buffers: Option<Arc<Buffers>>) -> io::Result<Self> {
        let mut name = destination.file_name().unwrap_or_default().to_owned();
        if !in_place {
            name.push(format!(".{}.unfinished", Uuid::new_v4().simple()));
        }
        let unfinished = destination.with_file_name(name);
        if let Some(directory) = destination.parent() {
            make_durably(directory)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).open(&unfinished)?;
        Ok(Self {
            file: Arc::new(file),
            direct: buffers.map(|buffers| Arc::new(Direct::new(unfinished.clone(), buffers))),
            unfinished: Some(unfinished),
            destination,
            size: 0,
            cached: 0,
            flushing: None,
        })
    }

    /// Lets the disk take what has been written so far, unless it still does that.
    fn flush(&mut self) {
        let busy = self.flushing.as_ref().is_some_and(|flushing| !flushing.is_finished());
        if busy || self.cached < FLUSHED_AT_ONCE {
            return;
        }
        self.cached = 0;
        let (file, before) = (Arc::clone(&self.file), self.flushing.take());
        self.flushing = Some(tokio::spawn(async move {
            // The system tells of an error once: to whom asks first.
            if let Some(before) = before {
                before.await??;
            }
            spawn_blocking(move || file.sync_data()).await?
        }));
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.flush();
        let (file, start) = (Arc::clone(&self.file), self.size);
        let length = data.content_length();
        self.size += length as u64;
        let direct = self.direct.clone().filter(|direct| direct.suits(length, start));
        if direct.is_none() {
            self.cached += length as u64;
        }
        let write = move || match direct {
            Some(direct) if direct.write(&data, start)? => Ok(()),
            _ => write_all(&file, &data, start),
        };
        blocking(write).boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let unfinished = self.unfinished.take().ok_or_else(|| failed(closed()))?;
        if let Some(flushing) = self.flushing.take() {
            flushing.await?.map_err(failed)?;
        }
        let (file, destination) = (Arc::clone(&self.file), self.destination.clone());
        let finish = move || {
            file.sync_all()?;
            if unfinished == destination {
                return Ok(());
            }
            std::fs::rename(&unfinished, &destination)?;
            destination.parent().map_or(Ok(()), sync_directory)
        };
        blocking(finish).await?;
        Ok(PutResult {
            e_tag: None,
            version: None,
            extensions: object_store::Extensions::default(),
        })
    }

    async fn abort(&mut self) -> Result<()> {
        let unfinished = self.unfinished.take().ok_or_else(|| failed(closed()))?;
        blocking(move || std::fs::remove_file(unfinished)).await
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(unfinished) = self.unfinished.take() else {
            return;
        };
        // What cannot be removed now stays, as after a crash.
        let remove = move || drop(std::fs::remove_file(unfinished));
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

/// How many pieces the system takes at once (`IOV_MAX`, readv(2)).
const PIECES: usize = 1024;

/// Writes everything to a place in the file. Not piece by piece: where two meet within a page, the system would prepare it twice.
fn write_all(file: &File, data: &PutPayload, mut at: u64) -> io::Result<()> {
    let pieces = data.iter().filter(|piece| !piece.is_empty());
    let mut pieces: Vec<IoSlice<'_>> = pieces.map(|piece| IoSlice::new(piece)).collect();
    let mut rest = pieces.as_mut_slice();
    while !rest.is_empty() {
        let place = at.try_into().map_err(|_| io::ErrorKind::FileTooLarge)?;
        let written = match nix::sys::uio::pwritev(file, rest.get(..PIECES).unwrap_or(rest), place) {
            Err(nix::Error::EINTR) => continue,
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            written => written?,
        };
        at += written as u64;
        IoSlice::advance_slices(&mut rest, written);
    }
    Ok(())
}

/// Moves a file that is on the disk already, with the directories that it needs; all is on the disk when it returns. The directory that
/// it leaves is not waited for: file systems move a name as a whole, or show it twice after a power failure.
fn rename_durably(from: &FilePath, to: &FilePath) -> io::Result<()> {
    let directory = to.parent().ok_or(io::ErrorKind::NotFound)?;
    let mut changed = vec![directory];
    for above in directory.ancestors().skip(1) {
        if changed.last().is_some_and(|made| made.is_dir()) {
            break;
        }
        changed.push(above);
    }
    // Without what is to be moved, no directory is made for it.
    std::fs::symlink_metadata(from)?;
    std::fs::create_dir_all(directory)?;
    std::fs::rename(from, to)?;
    changed.into_iter().try_for_each(sync_directory)
}

/// Makes a directory and those above it, on the disk when it returns.
fn make_durably(directory: &FilePath) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let above = directory.parent().ok_or(io::ErrorKind::NotFound)?;
    make_durably(above)?;
    match std::fs::create_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    sync_directory(above)
}

fn sync_directory(directory: &FilePath) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn closed() -> io::Error {
    io::Error::other("the upload has ended already")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await?.map_err(failed)
}

fn failed(source: io::Error) -> Error {
    Error::Generic {
        store: "directory",
        source: Box::new(source),
    }
}
