use sea_orm::sqlx;
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// Why the store could not do what it was asked for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The database is away or too slow; the same call may succeed later. Services answer 503.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] DbErr),
    /// A unique or foreign key constraint refused the write: somebody else was first, or the thing referred to is gone.
    #[error("the database refused the write: {0}")]
    Constraint(SqlErr),
    /// A text has a character that this database cannot keep or compare with: PostgreSQL knows no zero. Services answer 400.
    #[error("a text has a character that the database does not know: {0}")]
    Text(#[source] DbErr),
    /// Anything else: a defect of ours. Services answer 500.
    #[error("database: {0}")]
    Database(#[source] DbErr),
    /// The database URL cannot be used.
    #[error("{0}")]
    Url(String),
    /// The database was written by a newer version of the program.
    #[error(
        "the database of {service} is newer than this program: it has the migration {migration}. Start a version that knows it"
    )]
    Newer {
        /// Whose database it is.
        service: &'static str,
        /// A migration that this program does not know.
        migration: String,
    },
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if let Some(constraint) = error.sql_err() {
            return Self::Constraint(constraint);
        }
        if is_unavailable(&error) {
            Self::Unavailable(error)
        } else if is_text(&error) {
            Self::Text(error)
        } else {
            Self::Database(error)
        }
    }
}

fn is_unavailable(error: &DbErr) -> bool {
    match error {
        DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => is_passing(error),
        _ => false,
    }
}

/// PostgreSQL, "Error Codes": `character_not_in_repertoire`, `untranslatable_character`.
fn is_text(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| ["22021", "22P05"].contains(&&*code))
}

fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
                is_passing_postgresql(&code)
            } else {
                code.parse().is_ok_and(is_passing_sqlite)
            }
        }
        _ => false,
    }
}

/// PostgreSQL, "Error Codes": classes 08 (connection), 53 (resources), 57P (shut down, starting up), and what a second
/// attempt cures: serialization failures, deadlocks, time-outs.
fn is_passing_postgresql(code: &str) -> bool {
    ["08", "53", "57P"].iter().any(|class| code.starts_with(class))
        || ["25P03", "40001", "40P01", "55P03", "57014"].contains(&code)
}

/// SQLite, "Result Codes": BUSY, LOCKED, IOERR, FULL, CANTOPEN, in the low byte of an extended code.
fn is_passing_sqlite(code: i32) -> bool {
    [5, 6, 10, 13, 14].contains(&(code & 0xff))
}
