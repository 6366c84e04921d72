//! Statements that both databases understand, with `$1` for the first value.

use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};
use stups_store::Error;

fn statement(connection: &impl ConnectionTrait, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(connection.get_database_backend(), sql, values)
}

/// All rows of a question.
pub(crate) async fn rows<T: FromQueryResult>(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<T>, Error> {
    Ok(T::find_by_statement(statement(connection, sql, values))
        .all(connection)
        .await?)
}

/// The first row of a question.
pub(crate) async fn row<T: FromQueryResult>(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<T>, Error> {
    Ok(T::find_by_statement(statement(connection, sql, values))
        .one(connection)
        .await?)
}

/// The first columns of a question's rows.
pub(crate) async fn texts(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<String>, Error> {
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get_by_index(0))
        .collect::<Result<_, _>>()?)
}

/// The first column of a question's first row; nothing when that is null.
pub(crate) async fn number(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<i64>, Error> {
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    Ok(match row {
        Some(row) => row.try_get_by_index::<Option<i64>>(0)?,
        None => None,
    })
}

/// Whether a question has a row.
pub(crate) async fn exists(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<bool, Error> {
    Ok(connection
        .query_one_raw(statement(connection, sql, values))
        .await?
        .is_some())
}

/// How many rows a statement changed.
pub(crate) async fn execute(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, Error> {
    Ok(connection
        .execute_raw(statement(connection, sql, values))
        .await?
        .rows_affected())
}

/// The text as a pattern that LIKE matches at the beginning, with `\` as escape.
pub(crate) fn prefix_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
