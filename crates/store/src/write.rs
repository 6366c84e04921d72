use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};

use crate::Error;
use crate::audit::{self, Event, Record};

/// A transaction that changes what a service keeps. Dropped without a commit it changes nothing.
#[must_use = "a write that is not committed changes nothing"]
#[derive(Debug)]
pub struct Write {
    service: &'static str,
    transaction: DatabaseTransaction,
}

impl Write {
    pub(crate) async fn begin(service: &'static str, connection: &DatabaseConnection) -> Result<Self, Error> {
        let sqlite = connection.get_database_backend() == DbBackend::Sqlite;
        let options = TransactionOptions {
            sqlite_transaction_mode: sqlite.then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = connection.begin_with_options(options).await?;
        Ok(Self { service, transaction })
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
        self.transaction.commit().await?;
        Ok(records)
    }

    /// Commits what no auditor asks about: expired sessions removed, a login slowed, a job claimed. Never what a caller asked for.
    pub async fn commit_unaudited(self) -> Result<(), Error> {
        Ok(self.transaction.commit().await?)
    }
}
