//! One service's database.

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, Statement};

use crate::audit::{Event, Record};
use crate::database::Pools;
use crate::{DatabaseUrl, Dialect, Error, Migrations, Write, migrate};

/// One service's database, with its migrations applied. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Store {
    service: &'static str,
    pools: Pools,
}

impl Store {
    /// Connects, and applies the migrations that are missing (those of the audit trail and of the jobs included) under a lock,
    /// so that two instances that start together do it once.
    ///
    /// `service` is the name of its audit chain, and on PostgreSQL of its schema: lower case letters.
    ///
    /// # Errors
    /// [`Error::Newer`] when the database has a migration that this program does not know.
    pub async fn open(url: &DatabaseUrl, service: &'static str, migrations: Migrations) -> Result<Self, Error> {
        if service.is_empty() || !service.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            return Err(Error::Url(format!("{service:?} cannot be the name of a schema")));
        }
        let pools = Pools::connect(url, service).await?;
        migrate::apply(&pools.writers, service, migrations).await?;
        Ok(Self { service, pools })
    }

    /// The service that this store belongs to.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// For reading; the database refuses to write on it. Writes go through [`Store::write`].
    pub fn connection(&self) -> &DatabaseConnection {
        &self.pools.readers
    }

    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        match self.pools.readers.get_database_backend() {
            DbBackend::Sqlite => Dialect::Sqlite,
            _ => Dialect::PostgreSql,
        }
    }

    /// Starts a write. On SQLite it takes the write lock at once, so that a read inside it cannot be overtaken.
    pub async fn write(&self) -> Result<Write, Error> {
        Write::begin(self.service, &self.pools).await
    }

    /// For a change that is one statement and that no auditor asks about, such as a lease: it is committed as it is made, which
    /// is one question to the database where [`Store::write`] has three. On SQLite a power failure may undo it. What a caller asked
    /// for is never changed here.
    pub fn unaudited(&self) -> &DatabaseConnection {
        &self.pools.writers
    }

    /// Records what was not done: a refusal. What was done is recorded by [`Write::commit`].
    pub async fn record(&self, event: Event) -> Result<Record, Error> {
        self.write().await?.commit(event).await
    }

    /// Succeeds when the database answers, and takes writes: what readiness asks.
    pub async fn ping(&self) -> Result<(), Error> {
        if let Some(log) = &self.pools.log {
            log.check()?;
        }
        let question = Statement::from_string(self.pools.readers.get_database_backend(), "SELECT 1");
        self.pools.readers.query_one_raw(question).await?;
        Ok(())
    }

    /// Closes all connections, after what runs on them has ended.
    pub async fn close(&self) -> Result<(), Error> {
        self.pools.readers.close_by_ref().await?;
        Ok(self.pools.writers.close_by_ref().await?)
    }
}
