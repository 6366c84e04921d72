use sea_orm::{DbErr, SqlErr};

/// Why the store could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is away or too slow; the same call may succeed later. Services answer 503.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] DbErr),
    /// A unique or foreign key constraint refused the write: somebody else was first, or the thing referred to is gone.
    #[error("the database refused the write: {0}")]
    Constraint(SqlErr),
    /// Anything else: a defect of ours. Services answer 500.
    #[error("database: {0}")]
    Database(#[source] DbErr),
    /// The database URL cannot be used.
    #[error("{0}")]
    Url(String),
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if let Some(constraint) = error.sql_err() {
            return Self::Constraint(constraint);
        }
        match error {
            DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => Self::Unavailable(error),
            _ => Self::Database(error),
        }
    }
}
