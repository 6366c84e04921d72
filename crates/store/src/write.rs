use sea_orm::{DatabaseTransaction, TransactionTrait};

use crate::audit::{Event, Record};
use crate::{Error, Store};

/// A transaction that changes what a service keeps. Dropped without a commit it changes nothing.
#[must_use = "a write that is not committed changes nothing"]
#[derive(Debug)]
pub struct Write {
    service: &'static str,
    transaction: DatabaseTransaction,
}

impl Write {
    pub(crate) async fn begin(store: &Store) -> Result<Self, Error> {
        let transaction = store.connection().begin().await?;
        Ok(Self {
            service: store.service(),
            transaction,
        })
    }

    /// What queries and statements of this write run on.
    pub fn transaction(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Appends the event to the audit chain and commits both.
    pub async fn commit(self, event: Event) -> Result<Record, Error> {
        let record = crate::audit::append(&self.transaction, self.service, event).await?;
        self.transaction.commit().await?;
        Ok(record)
    }

    /// Commits what no auditor asks about: expired sessions removed, a login slowed, a job claimed. Never what a caller asked for.
    pub async fn commit_unaudited(self) -> Result<(), Error> {
        Ok(self.transaction.commit().await?)
    }
}
