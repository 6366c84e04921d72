use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _, try_unfold};
use stups_store::objects::object_store::path::Path;
use stups_store::objects::object_store::{self, GetOptions, GetRange, GetResultPayload};

use super::Storage;

/// How many bytes of a file are read at once.
const PIECE: usize = 256 << 10;

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

fn pieces(file: File, range: Range<u64>) -> impl futures::Stream<Item = Result<Bytes, object_store::Error>> + Send {
    try_unfold((file, range), |(file, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || piece(file, range)).await;
        match read {
            Ok(Ok((bytes, file, rest))) => Ok(Some((bytes, (file, rest)))),
            Ok(Err(source)) => Err(object_store::Error::Generic {
                store: "directory",
                source: Box::new(source),
            }),
            Err(source) => Err(object_store::Error::JoinError { source }),
        }
    })
}

fn piece(mut file: File, range: Range<u64>) -> std::io::Result<(Bytes, File, Range<u64>)> {
    let length = usize::try_from(range.end - range.start).unwrap_or(PIECE).min(PIECE);
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(range.start))?;
    file.read_exact(&mut bytes)?;
    let rest = range.start + length as u64..range.end;
    Ok((bytes.into(), file, rest))
}
