//! Writing large parts past the system's cache (`O_DIRECT`, open(2)).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use object_store::PutPayload;

/// Where bytes have to begin and end, in the file and in memory: at pages. No usual disk has larger blocks.
const ALIGNMENT: usize = 4096;

/// From how many bytes at once the way past the cache is the shorter one.
const LARGE: usize = 1 << 20;

/// How many parts of a directory's files may be on their way past the cache at a time; each needs memory of its own.
const AT_ONCE: usize = 8;

/// Memory in which parts are put together, for all files of a directory. The next part gets what an earlier one has left: new memory
/// is cleared first, and each thread that writes would keep some of its own.
#[derive(Debug)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Default for Buffers {
    fn default() -> Self {
        Self(Mutex::new(vec![Vec::new(); AT_ONCE]))
    }
}

impl Buffers {
    /// None while all are used.
    fn take(&self) -> Option<Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, buffer: Vec<u8>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

/// A file that is written past the cache: what is large would cost a copy and new pages, and would drive out what others read.
#[derive(Debug)]
pub(super) struct Direct {
    path: PathBuf,
    file: OnceLock<io::Result<File>>,
    /// Whether the file system has said that it knows no such way.
    is_refused: AtomicBool,
    buffers: Arc<Buffers>,
}

impl Direct {
    /// For a file that is there, opened when the first large part comes.
    pub(super) fn new(path: PathBuf, buffers: Arc<Buffers>) -> Self {
        Self {
            path,
            file: OnceLock::new(),
            is_refused: AtomicBool::new(false),
            buffers,
        }
    }

    /// Whether this part is one of those.
    pub(super) fn suits(&self, length: usize, at: u64) -> bool {
        length >= LARGE
            && length.is_multiple_of(ALIGNMENT)
            && at.is_multiple_of(ALIGNMENT as u64)
            && !self.is_refused.load(Ordering::Relaxed)
    }

    /// Writes everything to a place in the file; says no, having written nothing, where the file system does not do that, and while
    /// many others do.
    pub(super) fn write(&self, data: &PutPayload, at: u64) -> io::Result<bool> {
        let Ok(file) = self.file.get_or_init(|| self.open()) else {
            return Ok(self.refused());
        };
        let Some(mut buffer) = self.buffers.take() else {
            return Ok(false);
        };
        let result = file.write_all_at(together(&mut buffer, data), at);
        self.buffers.give_back(buffer);
        match result {
            // Some take the flag and then no write.
            Err(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => Ok(self.refused()),
            written => written.map(|()| true),
        }
    }

    /// It is not asked again.
    fn refused(&self) -> bool {
        self.is_refused.store(true, Ordering::Relaxed);
        false
    }

    fn open(&self) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .custom_flags(OFlag::O_DIRECT.bits())
            .open(&self.path)
    }
}

/// The bytes in one piece that begins at a page.
fn together<'a>(buffer: &'a mut Vec<u8>, data: &PutPayload) -> &'a [u8] {
    let length = data.content_length();
    if buffer.len() < length + ALIGNMENT {
        *buffer = vec![0; length + ALIGNMENT];
    }
    let start = buffer.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
    let mut rest = buffer.get_mut(start..).unwrap_or_default();
    for piece in data {
        let Some((place, behind)) = rest.split_at_mut_checked(piece.len()) else {
            break;
        };
        place.copy_from_slice(piece);
        rest = behind;
    }
    buffer.get(start..start + length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direct(directory: &tempfile::TempDir) -> Direct {
        let path = directory.path().join("file");
        File::create(&path).unwrap();
        Direct::new(path, Arc::default())
    }

    #[test]
    fn only_whole_pages_of_large_parts_go_past_the_cache() {
        let directory = tempfile::tempdir().unwrap();
        let direct = direct(&directory);
        for (length, at, suits) in [
            (LARGE, 0, true),
            (LARGE, 4096, true),
            (3 * LARGE, 7 * 4096, true),
            (LARGE - 4096, 0, false),
            (LARGE + 1, 0, false),
            (LARGE + 512, 0, false),
            (LARGE, 1, false),
            (LARGE, 4095, false),
        ] {
            assert_eq!(direct.suits(length, at), suits, "{length} at {at}");
        }
    }

    #[test]
    fn where_the_file_system_refuses_nothing_is_asked_again() {
        let directory = tempfile::tempdir().unwrap();
        let direct = Direct::new(directory.path().join("there/is/none"), Arc::default());
        assert!(direct.suits(LARGE, 0));
        assert!(!direct.write(&vec![1; LARGE].into(), 0).unwrap());
        assert!(!direct.suits(LARGE, 0));
    }

    #[test]
    fn memory_is_used_again_and_there_is_no_more_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let direct = direct(&directory);
        let mut first = direct.buffers.take().unwrap();
        together(&mut first, &vec![7; LARGE].into());
        let place = first.as_ptr();
        direct.buffers.give_back(first);
        let again = direct.buffers.take().unwrap();
        assert_eq!(again.as_ptr(), place);
        let others: Vec<_> = std::iter::from_fn(|| direct.buffers.take()).collect();
        assert_eq!(others.len(), AT_ONCE - 1);
        // Not past the cache now, and later again.
        assert!(!direct.write(&vec![1; LARGE].into(), 0).unwrap());
        assert!(direct.suits(LARGE, 0));
    }

    #[test]
    fn pieces_become_one_that_begins_at_a_page() {
        let mut buffer = Vec::new();
        for count in [3, 1, 500] {
            let pieces = (0..count).map(|number: usize| vec![number as u8; number % 777 + 1]);
            let expected: Vec<u8> = pieces.clone().flatten().collect();
            let data: PutPayload = pieces.map(bytes::Bytes::from).collect();
            let aligned = together(&mut buffer, &data);
            assert!(aligned == expected, "{count}");
            assert!(aligned.as_ptr().addr().is_multiple_of(ALIGNMENT));
        }
    }
}
