use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::iter::once;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use sea_orm::{DbErr, RuntimeErr, sqlx};
use tokio::sync::oneshot;

use crate::Error;

/// SQLite's write-ahead log, brought to the disk for all writes at once that wait for it.
///
/// SQLite itself would do that within each commit (`synchronous = FULL`), while the next writer waits for the lock. Here commits only
/// write (`synchronous = NORMAL`), and who has to answer for one waits for this afterwards. What a checkpoint takes out of the log is on
/// the disk by then: SQLite sees to that (sqlite.org/pragma.html#pragma_synchronous).
#[derive(Debug)]
pub(crate) struct WriteAheadLog {
    /// To a thread of its own: who writes elsewhere, and how much, must not hold up an answer.
    waiting: Sender<oneshot::Sender<()>>,
    /// Whether it failed: the system tells of that once, and what follows the hole in the log would be lost with it.
    is_lost: Arc<AtomicBool>,
}

impl WriteAheadLog {
    /// Of a database file that is there.
    pub(crate) fn of(database: &Path) -> io::Result<Self> {
        // SQLite puts it beside the file, not beside a link to it.
        let mut file: OsString = database.canonicalize()?.into();
        file.push("-wal");
        Self::of_log(file)
    }

    /// Of the log itself.
    pub(crate) fn of_log(file: OsString) -> io::Result<Self> {
        let (waiting, all) = channel::<oneshot::Sender<()>>();
        let is_lost = Arc::new(AtomicBool::new(false));
        let failed = Arc::clone(&is_lost);
        thread::Builder::new().name("sqlite-log".to_owned()).spawn(move || {
            while let Ok(first) = all.recv() {
                // Who waits by now has committed before.
                let answered: Vec<_> = once(first).chain(all.try_iter()).collect();
                if let Err(error) = sync_if_there(file.as_ref()) {
                    tracing::error!(%error, file = %file.display(), "the write-ahead log does not reach the disk");
                    failed.store(true, Ordering::SeqCst);
                    return;
                }
                for one in answered {
                    // Who does not wait any more has gone.
                    let _ = one.send(());
                }
            }
        })?;
        Ok(Self { waiting, is_lost })
    }

    /// Returns when everything that was committed before the call is on the disk.
    pub(crate) async fn sync(&self) -> Result<(), Error> {
        let (one, answer) = oneshot::channel();
        self.waiting.send(one).map_err(|_| lost())?;
        answer.await.map_err(|_| lost())
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
mod tests {
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
        drop(log(&directory));
        // What cannot be brought to a disk, beside the file and not beside the link.
        std::os::unix::fs::symlink("/proc/self/status", directory.path().join("file.db-wal")).unwrap();
        std::fs::create_dir(directory.path().join("elsewhere")).unwrap();
        let link = directory.path().join("elsewhere/link.db");
        std::os::unix::fs::symlink(directory.path().join("file.db"), &link).unwrap();
        WriteAheadLog::of(&link).unwrap().sync().await.unwrap_err();
    }

    #[tokio::test]
    async fn all_who_ask_at_once_are_answered() {
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
    }

    #[tokio::test]
    async fn nobody_is_answered_after_a_failure() {
        let log = WriteAheadLog::of_log("/proc/self/status".into()).unwrap();
        log.check().unwrap();
        for _ in 0..3 {
            assert!(matches!(log.sync().await, Err(Error::Unavailable(_))));
            assert!(matches!(log.check(), Err(Error::Unavailable(_))));
        }
    }
}
