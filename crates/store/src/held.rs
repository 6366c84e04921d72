//! A reading connection that somebody keeps for a while.

use sea_orm::sea_query::Values;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, AssertSqlSafe, Postgres, Sqlite, query_with};
use sea_orm::{DbErr, FromQueryResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;

use crate::{Dialect, Error, Store};

/// A reading connection, for whoever asks one question right after the other: each time that a connection goes back, the database is
/// asked whether it still lives, which takes as long as a small question. Dropped it goes back. Kept for long it is missing for others,
/// and is not renewed.
#[derive(Debug)]
pub struct Held(Connection);

#[derive(Debug)]
enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    PostgreSql(PoolConnection<Postgres>),
}

impl Store {
    /// Takes one of the connections of [`Store::connection`].
    pub async fn hold(&self) -> Result<Held, Error> {
        let pools = self.connection();
        let connection = match self.dialect() {
            Dialect::Sqlite => {
                let pool = pools.get_sqlite_connection_pool();
                pool.acquire().await.map(Connection::Sqlite)
            }
            Dialect::PostgreSql => {
                let pool = pools.get_postgres_connection_pool();
                pool.acquire().await.map(Connection::PostgreSql)
            }
        };
        let unavailable = |error: sqlx::Error| DbErr::Conn(RuntimeErr::SqlxError(error.into()));
        Ok(Held(connection.map_err(unavailable)?))
    }
}

impl Held {
    /// All rows that the statement finds, which sees what was committed before it began. After an error the connection is closed when
    /// it is dropped, whatever it was.
    pub async fn all<M: FromQueryResult>(&mut self, statement: Statement) -> Result<Vec<M>, Error> {
        let values = SqlxValues(statement.values.unwrap_or(Values(Vec::new())));
        let sql = AssertSqlSafe(statement.sql);
        let found = match &mut self.0 {
            Connection::Sqlite(connection) => {
                let rows = query_with(sql, values).fetch_all(&mut **connection).await;
                rows.map(results).inspect_err(|_| connection.close_on_drop())
            }
            Connection::PostgreSql(connection) => {
                let rows = query_with(sql, values).fetch_all(&mut **connection).await;
                rows.map(results).inspect_err(|_| connection.close_on_drop())
            }
        };
        let failed = |error: sqlx::Error| DbErr::Query(RuntimeErr::SqlxError(error.into()));
        let rows = found.map_err(failed)?;
        let models = rows.iter().map(|row| M::from_query_result(row, ""));
        Ok(models.collect::<Result<_, _>>()?)
    }
}

fn results<R: Into<QueryResult>>(rows: Vec<R>) -> Vec<QueryResult> {
    rows.into_iter().map(R::into).collect()
}
