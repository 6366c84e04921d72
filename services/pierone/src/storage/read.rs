use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream::{BoxStream, Stream, StreamExt as _, try_unfold};
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

/// Reads each piece while the one before it is sent.
fn pieces(file: File, range: Range<u64>) -> impl Stream<Item = Result<Bytes, object_store::Error>> + Send {
    let mut reader = Reader {
        file: Arc::new(file),
        range,
        sent: VecDeque::with_capacity(KEPT),
    };
    let first = reader.start();
    try_unfold((reader, first), |(mut reader, reading)| async move {
        let Some(reading) = reading else { return Ok(None) };
        let piece = match reading.await {
            Ok(Ok(piece)) => piece,
            Ok(Err(source)) => {
                return Err(object_store::Error::Generic {
                    store: "directory",
                    source: Box::new(source),
                });
            }
            Err(source) => return Err(object_store::Error::JoinError { source }),
        };
        let next = reader.start();
        reader.sent.push_back(piece.clone());
        Ok(Some((piece, (reader, next))))
    })
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
    fn start(&mut self) -> Option<JoinHandle<io::Result<Bytes>>> {
        if self.range.is_empty() {
            return None;
        }
        let length = usize::try_from(self.range.end - self.range.start).map_or(PIECE, |rest| rest.min(PIECE));
        let start = self.range.start;
        self.range.start += length as u64;
        let mut piece = self.unused(length);
        let file = Arc::clone(&self.file);
        Some(spawn_blocking(move || {
            file.read_exact_at(&mut piece, start)?;
            Ok(piece.freeze())
        }))
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
