use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sea_orm::{DbErr, RuntimeErr, sqlx};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::Error;

/// SQLite's write-ahead log, brought to the disk for all writes at once that wait for it.
///
/// SQLite itself would do that within each commit (`synchronous = FULL`), while the next writer waits for the lock. Here commits only
/// write (`synchronous = NORMAL`), and who has to answer for one waits for this afterwards. What a checkpoint takes out of the log is on
/// the disk by then: SQLite sees to that (sqlite.org/pragma.html#pragma_synchronous).
#[derive(Debug)]
pub(crate) struct WriteAheadLog {
    file: PathBuf,
    /// How often it was asked for.
    asked: AtomicU64,
    /// How many of these are answered.
    answered: Mutex<u64>,
    /// Whether it failed: the system tells of that once, and what follows the hole in the log would be lost with it.
    is_lost: AtomicBool,
}

impl WriteAheadLog {
    /// Of a database file that is there.
    pub(crate) fn of(database: &Path) -> io::Result<Self> {
        // SQLite puts it beside the file, not beside a link to it.
        let mut file: OsString = database.canonicalize()?.into();
        file.push("-wal");
        Ok(Self {
            file: file.into(),
            asked: AtomicU64::new(0),
            answered: Mutex::new(0),
            is_lost: AtomicBool::new(false),
        })
    }

    /// Returns when everything that was committed before the call is on the disk.
    pub(crate) async fn sync(&self) -> Result<(), Error> {
        let question = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut answered = self.answered.lock().await;
        self.check()?;
        if *answered >= question {
            return Ok(());
        }
        // Everybody who has asked by now has committed before.
        let all = self.asked.load(Ordering::SeqCst);
        let file = self.file.clone();
        let synced = spawn_blocking(move || sync_if_there(&file)).await;
        if let Err(error) = synced.unwrap_or_else(|died| Err(died.into())) {
            tracing::error!(%error, file = %self.file.display(), "the write-ahead log does not reach the disk");
            self.is_lost.store(true, Ordering::SeqCst);
            return Err(lost());
        }
        *answered = all;
        Ok(())
    }

    /// Fails when the log could not be brought to the disk once: only a new start helps.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.is_lost.load(Ordering::SeqCst) {
            return Err(lost());
        }
        Ok(())
    }
}

/// The last connection that is closed empties the log and removes it.
fn sync_if_there(file: &Path) -> io::Result<()> {
    match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened?.sync_data(),
    }
}

fn lost() -> Error {
    let error = io::Error::other("the write-ahead log did not reach the disk; the process has to be started anew");
    Error::Unavailable(DbErr::Exec(RuntimeErr::SqlxError(sqlx::Error::Io(error).into())))
}

#[cfg(test)]
impl WriteAheadLog {
    /// How often somebody has asked for it.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn log(directory: &tempfile::TempDir) -> WriteAheadLog {
        let database = directory.path().join("file.db");
        File::create(&database).unwrap();
        WriteAheadLog::of(&database).unwrap()
    }

    #[tokio::test]
    async fn a_log_that_is_not_there_is_empty() {
        let directory = tempfile::tempdir().unwrap();
        let log = log(&directory);
        log.sync().await.unwrap();
        log.check().unwrap();
    }

    #[tokio::test]
    async fn the_log_is_beside_the_file_that_a_link_names() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link.db");
        std::os::unix::fs::symlink(directory.path().join("file.db"), &link).unwrap();
        let there = log(&directory).file;
        assert_eq!(WriteAheadLog::of(&link).unwrap().file, there);
    }

    #[tokio::test]
    async fn all_who_ask_at_once_are_answered_and_everybody_after_the_last_of_them() {
        let directory = tempfile::tempdir().unwrap();
        let log = Arc::new(log(&directory));
        let asking: Vec<_> = (0..100)
            .map(|_| {
                let log = Arc::clone(&log);
                tokio::spawn(async move { log.sync().await })
            })
            .collect();
        for asked in asking {
            asked.await.unwrap().unwrap();
        }
        assert_eq!(*log.answered.lock().await, 100);
    }

    #[tokio::test]
    async fn nobody_is_answered_after_a_failure() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = log(&directory);
        let usual = std::mem::replace(&mut log.file, "/proc/self/status".into());
        assert!(matches!(log.sync().await, Err(Error::Unavailable(_))));
        log.file = usual;
        assert!(matches!(log.sync().await, Err(Error::Unavailable(_))));
        assert!(matches!(log.check(), Err(Error::Unavailable(_))));
    }
}
