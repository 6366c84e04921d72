//! Where a database is, and the two pools of connections to it.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use url::Url;

use crate::Error;
use crate::write_ahead_log::WriteAheadLog;

/// How long somebody waits for a connection, or for SQLite's write lock, before the database counts as unavailable.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest statement. No request waits longer than this for one either.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// A PostgreSQL connection that was idle for this long is asked whether it still lives before it is handed out.
const PING_AFTER_IDLE: Duration = Duration::from_secs(1);

/// After so long a database file that was locked while it was opened is tried again.
const LOCKED_FOR: Duration = Duration::from_millis(20);

const POSTGRESQL_READERS: u32 = 16;
const POSTGRESQL_WRITERS: u32 = 8;

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
/// On PostgreSQL a service lives in the schema of its name, so that all services may share one database.
/// `Debug` and `Display` show no password.
#[derive(Clone)]
pub struct DatabaseUrl(Location);

#[derive(Clone)]
enum Location {
    Sqlite(Box<SqliteConnectOptions>),
    PostgreSql {
        without_password: Url,
        password: Option<String>,
    },
}

impl DatabaseUrl {
    /// The database file of a service inside a data directory; made when it is missing, for its owner only.
    pub fn sqlite_file(path: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        Self(Location::Sqlite(Box::new(options)))
    }

    /// Which database the URL names.
    pub fn dialect(&self) -> Dialect {
        match self.0 {
            Location::Sqlite(_) => Dialect::Sqlite,
            Location::PostgreSql { .. } => Dialect::PostgreSql,
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.starts_with("sqlite:") {
            return sqlite(text).map(Self);
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return postgresql(text).map(Self);
        }
        Err(Error::Url(
            "a database URL starts with sqlite:// or postgres://".to_owned(),
        ))
    }
}

fn sqlite(text: &str) -> Result<Location, Error> {
    let options = SqliteConnectOptions::from_str(text).map_err(|error| Error::Url(format!("{text}: {error}")))?;
    // A database in memory is another one for each connection.
    if options.get_filename().as_os_str().is_empty() || text.contains("memory") {
        return Err(Error::Url(format!(
            "{text} is no file: services keep what they are told"
        )));
    }
    Ok(Location::Sqlite(Box::new(options)))
}

fn postgresql(text: &str) -> Result<Location, Error> {
    // Nothing of the text is repeated: where it is malformed, the password may be anywhere in it.
    let refused = |reason: &str| Error::Url(format!("the PostgreSQL URL cannot be used: {reason}"));
    let mut url = Url::parse(text).map_err(|error| refused(&error.to_string()))?;
    let from_query = url
        .query_pairs()
        .find(|(name, _)| name == "password")
        .map(|(_, value)| value.into_owned());
    if from_query.is_some() {
        return Err(refused("the password belongs in front of the host, not in the query"));
    }
    let password = url
        .password()
        .map(percent_decode)
        .transpose()
        .map_err(|()| refused("the password is not UTF-8"))?;
    // Without a host there is nobody to have a password for; then this is refused, and there is none to remove.
    let _ = url.set_password(None);
    url.as_str()
        .parse::<sea_orm::sqlx::postgres::PgConnectOptions>()
        .map_err(|error| refused(&error.to_string()))?;
    Ok(Location::PostgreSql {
        without_password: url,
        password,
    })
}

fn percent_decode(text: &str) -> Result<String, ()> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| ())
}

impl std::fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Location::Sqlite(options) => write!(f, "sqlite://{}", options.get_filename().display()),
            Location::PostgreSql { without_password, .. } => write!(f, "{without_password}"),
        }
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// Connections to one database.
#[derive(Clone, Debug)]
pub(crate) struct Pools {
    /// The database refuses to write on these: what is written without [`crate::Write`] would escape the audit trail.
    pub(crate) readers: DatabaseConnection,
    /// On SQLite a single one, so that writers queue up here instead of polling for the lock.
    pub(crate) writers: DatabaseConnection,
    /// On SQLite what has to reach the disk before a write is answered; PostgreSQL's commit sees to that itself.
    pub(crate) log: Option<Arc<WriteAheadLog>>,
}

impl Pools {
    pub(crate) async fn connect(url: &DatabaseUrl, service: &'static str) -> Result<Self, Error> {
        match &url.0 {
            Location::Sqlite(options) => sqlite_pools(options).await,
            Location::PostgreSql {
                without_password,
                password,
            } => {
                let pool = |access, size| postgresql_pool(without_password, password.as_deref(), service, access, size);
                // The writers first: they make the schema.
                let writers = pool("off", POSTGRESQL_WRITERS).await?;
                let readers = pool("on", POSTGRESQL_READERS).await?;
                Ok(Self {
                    readers,
                    writers,
                    log: None,
                })
            }
        }
    }
}

async fn sqlite_pools(options: &SqliteConnectOptions) -> Result<Pools, Error> {
    let file = options.get_filename().to_owned();
    create_private(&file)?;
    let options = options
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        // An answered write survives a power failure too, as it may be a permission that was taken away; but the next one need not wait.
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(ACQUIRE_TIMEOUT);
    let writers = first_connection(&options).await?;
    let readers = sqlite_pool(options.pragma("query_only", "on"), sqlite_readers()).await?;
    let log = WriteAheadLog::of(&file).map_err(|error| Error::Url(format!("{}: {error}", file.display())))?;
    Ok(Pools {
        readers,
        writers,
        log: Some(Arc::new(log)),
    })
}

/// The connection for writers. Of several that make a new file use a write-ahead log, all but one are told that it is locked, without
/// having waited (sqlite.org/wal.html, "Sometimes Queries Return SQLITE_BUSY In WAL Mode"), and nothing tells them when it is not any
/// more: they try again.
async fn first_connection(options: &SqliteConnectOptions) -> Result<DatabaseConnection, Error> {
    let deadline = Instant::now() + ACQUIRE_TIMEOUT;
    loop {
        match sqlite_pool(options.clone(), 1).await {
            Err(Error::Unavailable(_)) if Instant::now() < deadline => tokio::time::sleep(LOCKED_FOR).await,
            connected => return connected,
        }
    }
}

/// Each one is a thread.
fn sqlite_readers() -> u32 {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    u32::try_from(cores.clamp(2, 8)).unwrap_or(8)
}

async fn sqlite_pool(file: SqliteConnectOptions, size: u32) -> Result<DatabaseConnection, Error> {
    // The URL only says which driver it is; the options say the rest.
    let mut options = ConnectOptions::new("sqlite://");
    options
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |_| sea_orm::sqlx::ConnectOptions::disable_statement_logging(file.clone()));
    Ok(Database::connect(options).await?)
}

/// SQLite gives the write-ahead log the permissions of the file.
fn create_private(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::Url(format!(
            "the database file {} cannot be made: {error}",
            path.display()
        ))),
    }
}

async fn postgresql_pool(
    url: &Url,
    password: Option<&str>,
    service: &'static str,
    read_only: &'static str,
    size: u32,
) -> Result<DatabaseConnection, Error> {
    let password = password.map(str::to_owned);
    let mut options = ConnectOptions::new(url.as_str());
    options
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(Duration::from_mins(10))
        .max_lifetime(Duration::from_mins(30))
        .test_before_acquire_if_idle_for(PING_AFTER_IDLE)
        .sqlx_logging(false)
        .set_application_name(format!("stups {service}"))
        .map_sqlx_postgres_opts(move |options| {
            let options = options.options([
                ("search_path", format!("{service},public")),
                ("default_transaction_read_only", read_only.to_owned()),
                ("statement_timeout", STATEMENT_TIMEOUT.as_millis().to_string()),
                ("lock_timeout", ACQUIRE_TIMEOUT.as_millis().to_string()),
                // A process that hangs within a write must not hold the chain's head for ever.
                (
                    "idle_in_transaction_session_timeout",
                    STATEMENT_TIMEOUT.as_millis().to_string(),
                ),
            ]);
            match &password {
                Some(password) => options.password(password),
                None => options,
            }
        });
    Ok(Database::connect(options).await?)
}
