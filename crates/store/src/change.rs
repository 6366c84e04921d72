//! Changes that are a part of the statement that records them.

use sea_orm::sea_query::{
    DeleteStatement, Expr, InsertStatement, PostgresQueryBuilder, Query, ReturningClause, SqlWriterValues,
    UpdateStatement,
};
use sea_orm::{ConnectionTrait, DbErr};

use crate::audit::{self, Event, Record};
use crate::{Dialect, Error, Store};

/// A statement that changes rows.
#[derive(Clone, Debug)]
pub enum Change {
    /// `INSERT`
    Insert(InsertStatement),
    /// `UPDATE`
    Update(UpdateStatement),
    /// `DELETE`
    Delete(DeleteStatement),
}

impl From<InsertStatement> for Change {
    fn from(statement: InsertStatement) -> Self {
        Self::Insert(statement)
    }
}

impl From<UpdateStatement> for Change {
    fn from(statement: UpdateStatement) -> Self {
        Self::Update(statement)
    }
}

impl From<DeleteStatement> for Change {
    fn from(statement: DeleteStatement) -> Self {
        Self::Delete(statement)
    }
}

impl Change {
    /// Makes it; says how many rows it has met.
    pub(crate) async fn execute(&self, connection: &impl ConnectionTrait) -> Result<u64, DbErr> {
        let result = match self {
            Self::Insert(statement) => connection.execute(statement).await,
            Self::Update(statement) => connection.execute(statement).await,
            Self::Delete(statement) => connection.execute(statement).await,
        };
        Ok(result?.rows_affected())
    }

    /// Writes it as a table of PostgreSQL that has a row for each that it has met.
    pub(crate) fn write_as_table(self, sql: &mut SqlWriterValues) {
        let found = || -> ReturningClause { Query::returning().expr(Expr::cust("1 AS found")) };
        match self {
            Self::Insert(mut statement) => statement
                .returning(found())
                .build_collect_any_into(&PostgresQueryBuilder, sql),
            Self::Update(mut statement) => statement
                .returning(found())
                .build_collect_any_into(&PostgresQueryBuilder, sql),
            Self::Delete(mut statement) => statement
                .returning(found())
                .build_collect_any_into(&PostgresQueryBuilder, sql),
        }
    }
}

impl Store {
    /// Makes a change of one row and appends the event to the audit chain, both or neither; nothing when there is no such row.
    ///
    /// On PostgreSQL this is one question to the database, where a [`crate::Write`] that asks for the row first has six.
    pub async fn change(&self, change: impl Into<Change>, event: Event) -> Result<Option<Record>, Error> {
        let change = change.into();
        if self.dialect() == Dialect::PostgreSql {
            return audit::append_if_changed(self.unaudited(), self.service(), change, event).await;
        }
        let write = self.write().await?;
        if change.execute(write.transaction()).await? == 0 {
            return Ok(None);
        }
        write.commit(event).await.map(Some)
    }
}
