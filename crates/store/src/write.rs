use std::sync::Arc;

use sea_orm::{
    ConnectionTrait as _, DatabaseTransaction, DbBackend, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};

use crate::audit::{self, Event, Record};
use crate::database::Pools;
use crate::write_ahead_log::WriteAheadLog;
use crate::{Change, Error};

/// A transaction that changes what a service keeps. Dropped without a commit it changes nothing.
#[must_use = "a write that is not committed changes nothing"]
#[derive(Debug)]
pub struct Write {
    service: &'static str,
    transaction: DatabaseTransaction,
    /// Of SQLite.
    log: Option<Arc<WriteAheadLog>>,
}

impl Write {
    pub(crate) async fn begin(service: &'static str, pools: &Pools) -> Result<Self, Error> {
        let log = pools.log.clone();
        if let Some(log) = &log {
            log.check()?;
        }
        let options = TransactionOptions {
            sqlite_transaction_mode: log.is_some().then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = pools.writers.begin_with_options(options).await?;
        Ok(Self {
            service,
            transaction,
            log,
        })
    }

    /// What queries and statements of this write run on.
    pub fn transaction(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Appends the event to the audit chain and commits both.
    ///
    /// On PostgreSQL writers of a service pass here one after the other: nothing but the commit follows.
    pub async fn commit(self, event: Event) -> Result<Record, Error> {
        let mut records = self.commit_all(vec![event]).await?;
        records.pop().ok_or_else(|| audit::broken("an event left no record"))
    }

    /// Appends the events, in their order, and commits all: one write that an auditor sees as several.
    pub async fn commit_all(self, events: Vec<Event>) -> Result<Vec<Record>, Error> {
        let records = audit::append(&self.transaction, self.service, events).await?;
        self.commit_durably().await?;
        Ok(records)
    }

    /// Makes the last changes, appends the event to the audit chain and commits all. The changes see nothing of each other, and no row is
    /// met by two of them.
    ///
    /// As [`Write::commit`] after them, but on PostgreSQL changes and record are one question to the database.
    pub async fn commit_with(self, changes: Vec<Change>, event: Event) -> Result<Record, Error> {
        if self.transaction.get_database_backend() == DbBackend::Postgres {
            let record = audit::append_with(&self.transaction, self.service, changes, event).await?;
            self.commit_durably().await?;
            return Ok(record);
        }
        for change in changes {
            change.execute(&self.transaction).await?;
        }
        self.commit(event).await
    }

    /// Commits what no auditor asks about: expired sessions removed, a login slowed, a job claimed. Never what a caller asked for.
    pub async fn commit_unaudited(self) -> Result<(), Error> {
        self.commit_durably().await
    }

    /// As [`Write::commit_unaudited`], for what a power failure of the database's machine may undo, though not the death of a process: it
    /// waits for no disk. The next write that does takes it along.
    pub async fn commit_asynchronously(self) -> Result<(), Error> {
        if self.log.is_none() {
            // postgresql.org/docs/current/wal-async-commit.html
            let asynchronously = "SET LOCAL synchronous_commit TO OFF";
            self.transaction.execute_unprepared(asynchronously).await?;
        }
        Ok(self.transaction.commit().await?)
    }

    async fn commit_durably(self) -> Result<(), Error> {
        self.transaction.commit().await?;
        match self.log {
            Some(log) => log.sync().await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::write_ahead_log::WriteAheadLog;
    use crate::{DatabaseUrl, Error, Store};

    #[tokio::test]
    async fn whoever_has_to_answer_for_a_write_waits_for_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite_file(&directory.path().join("file.db"));
        let store = Store::open(&url, "fruit", Vec::new()).await.unwrap();
        let without_disk = async || {
            let mut write = store.write().await.unwrap();
            let log = WriteAheadLog::of_log("/proc/self/status".into()).unwrap();
            write.log = Some(Arc::new(log));
            write
        };
        without_disk().await.commit_asynchronously().await.unwrap();
        for refused in [
            without_disk().await.commit_unaudited().await,
            without_disk().await.commit_all(Vec::new()).await.map(drop),
        ] {
            assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
        }
    }
}
