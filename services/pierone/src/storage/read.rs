use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream::{BoxStream, Stream, StreamExt as _, try_unfold};
use rustix::io::ReadWriteFlags;
use stups_store::objects::object_store::path::Path;
use stups_store::objects::object_store::{self, GetOptions, GetRange, GetResultPayload};
use tokio::task::{JoinHandle, spawn_blocking};

use super::Storage;

/// How many bytes of a file are read at once.
const PIECE: usize = 256 << 10;

/// How many pieces may still be on their way when the next one is read.
const KEPT: usize = 2;

impl Storage {
    /// The bytes of an object in a range that lies within it.
    pub(crate) async fn read(
        &self,
        object: &Path,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes, object_store::Error>>, object_store::Error> {
        if range.is_empty() {
            return Ok(futures::stream::empty().boxed());
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            ..GetOptions::default()
        };
        Ok(match self.objects.get_opts(object, options).await?.payload {
            GetResultPayload::File(file, _) => pieces(file, range).boxed(),
            GetResultPayload::Stream(stream) => stream,
        })
    }
}

/// Reads each piece before the one in front of it is sent, or meanwhile where the disk has to be waited for.
fn pieces(file: File, range: Range<u64>) -> impl Stream<Item = Result<Bytes, object_store::Error>> + Send {
    let mut reader = Reader {
        file: Arc::new(file),
        range,
        sent: VecDeque::with_capacity(KEPT),
    };
    let first = reader.start();
    try_unfold((reader, first), |(mut reader, reading)| async move {
        let Some(reading) = reading else { return Ok(None) };
        let piece = match reading {
            Reading::Done(piece) => piece,
            Reading::Disk(reading) => match reading.await {
                Ok(Ok(piece)) => piece,
                Ok(Err(source)) => {
                    return Err(object_store::Error::Generic {
                        store: "directory",
                        source: Box::new(source),
                    });
                }
                Err(source) => return Err(object_store::Error::JoinError { source }),
            },
        };
        let next = reader.start();
        reader.sent.push_back(piece.clone());
        Ok(Some((piece, (reader, next))))
    })
}

/// A piece that is read.
enum Reading {
    Done(Bytes),
    Disk(JoinHandle<io::Result<Bytes>>),
}

struct Reader {
    file: Arc<File>,
    /// What has not been asked for.
    range: Range<u64>,
    /// The last pieces, to be filled again when nobody sends them any more: a new one would be cleared first.
    sent: VecDeque<Bytes>,
}

impl Reader {
    /// Starts to read the next piece, if there is one.
    fn start(&mut self) -> Option<Reading> {
        if self.range.is_empty() {
            return None;
        }
        let length = usize::try_from(self.range.end - self.range.start).map_or(PIECE, |rest| rest.min(PIECE));
        let start = self.range.start;
        self.range.start += length as u64;
        let mut piece = self.unused(length);
        let there = read_cached(&self.file, &mut piece, start);
        if there == length {
            return Some(Reading::Done(piece.freeze()));
        }
        let file = Arc::clone(&self.file);
        Some(Reading::Disk(spawn_blocking(move || {
            if let Some(rest) = piece.get_mut(there..) {
                file.read_exact_at(rest, start + there as u64)?;
            }
            Ok(piece.freeze())
        })))
    }

    /// Memory for so many bytes.
    fn unused(&mut self, length: usize) -> BytesMut {
        let oldest = if self.sent.len() < KEPT {
            None
        } else {
            self.sent.pop_front()
        };
        match oldest.map(Bytes::try_into_mut) {
            Some(Ok(mut piece)) if piece.len() >= length => {
                piece.truncate(length);
                piece
            }
            _ => BytesMut::zeroed(length),
        }
    }
}

/// Fills the front of `piece` with what the system has in memory; how much that is. It is copied here and now: a thread that waits for
/// the disk takes longer to wake than this takes, and then has the bytes near another processor.
fn read_cached(file: &File, piece: &mut [u8], start: u64) -> usize {
    let mut piece = [IoSliceMut::new(piece)];
    // Whatever it says against it, it says again to whoever may wait.
    rustix::io::preadv2(file, &mut piece, start, ReadWriteFlags::NOWAIT).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use futures::TryStreamExt as _;

    use super::*;

    #[tokio::test]
    async fn a_range_of_a_file_is_read_piece_by_piece() {
        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..5 * PIECE + 77).map(|place| (place / 1000) as u8).collect();
        file.write_all(&content).unwrap();
        let end = content.len();
        for (start, end) in [
            (0, end),
            (1, end - 1),
            (PIECE, 2 * PIECE),
            (end - 1, end),
            (7, 7 + PIECE),
        ] {
            for keep in [false, true] {
                let stream = pieces(file.try_clone().unwrap(), start as u64..end as u64);
                // Who keeps what was read finds it unchanged; for who does not, its memory is used again.
                let read = if keep {
                    stream.try_collect::<Vec<_>>().await.unwrap().concat()
                } else {
                    let collect = async |mut all: Vec<u8>, piece: Bytes| {
                        all.extend_from_slice(&piece);
                        Ok(all)
                    };
                    stream.try_fold(Vec::new(), collect).await.unwrap()
                };
                assert!(read == content[start..end], "{start}..{end}, {keep}");
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_ends_early_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        let stream = pieces(file, 0..10);
        assert!(stream.try_collect::<Vec<_>>().await.is_err());
    }
}
