//! Appending to the chain.

use std::fmt::Write as _;

use sea_orm::sea_query::{Expr, LockType, PostgresQueryBuilder, SqlWriter as _, SqlWriterValues};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait as _,
    QueryFilter as _, QuerySelect as _, Statement,
};

use super::table::{head, record};
use super::{Event, Record, canonical};
use crate::{Change, Error};

/// Rows of one INSERT: each has eight values, of which SQLite takes 32766.
const ROWS: usize = 1000;

/// Appends the events as part of the transaction.
///
/// On PostgreSQL the lock on the head's row puts writers in a row, from here to their commit; on SQLite the transaction has
/// the write lock already.
pub(crate) async fn append(
    transaction: &DatabaseTransaction,
    service: &str,
    mut events: Vec<Event>,
) -> Result<Vec<Record>, Error> {
    // One way less, on which other writers wait.
    if events.len() == 1 && transaction.get_database_backend() == DbBackend::Postgres {
        let record = append_with(transaction, service, Vec::new(), events.remove(0)).await?;
        return Ok(vec![record]);
    }
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let head = head::Entity::find()
        .lock(LockType::Update)
        .one(transaction)
        .await?
        .ok_or_else(|| broken("the chain has no head"))?;

    let mut previous = head.hash;
    let mut last = head.sequence;
    let mut records = Vec::with_capacity(events.len());
    for (sequence, event) in (head.sequence + 1..).zip(events) {
        let record = link(service, sequence, &previous, event);
        previous.clone_from(&record.hash);
        last = record.sequence;
        records.push(record);
    }

    for rows in records.chunks(ROWS) {
        record::Entity::insert_many(rows.iter().map(row))
            .exec_without_returning(transaction)
            .await?;
    }
    head::Entity::update_many()
        .col_expr(head::Column::Sequence, Expr::value(last))
        .col_expr(head::Column::Hash, Expr::value(previous))
        .filter(head::Column::Id.eq(1))
        .exec(transaction)
        .await?;
    Ok(records)
}

/// On PostgreSQL: makes the changes and appends the event, in one statement.
pub(crate) async fn append_with(
    connection: &impl ConnectionTrait,
    service: &str,
    changes: Vec<Change>,
    event: Event,
) -> Result<Record, Error> {
    let record = change_and_append(connection, service, changes, "", event).await?;
    record.ok_or_else(|| broken("nothing was appended"))
}

/// On PostgreSQL: makes the change and appends the event, in one statement; nothing when it meets no row.
pub(crate) async fn append_if_changed(
    connection: &impl ConnectionTrait,
    service: &str,
    change: Change,
    event: Event,
) -> Result<Option<Record>, Error> {
    change_and_append(connection, service, vec![change], "HAVING count(*) > 0", event).await
}

async fn change_and_append(
    connection: &impl ConnectionTrait,
    service: &str,
    changes: Vec<Change>,
    condition: &str,
    event: Event,
) -> Result<Option<Record>, Error> {
    let event = canonical::settled(event);
    let statement = appending(service, changes, condition, &event);
    let statement = statement.map_err(|error| DbErr::Custom(error.to_string()))?;
    let Some(row) = connection.query_one_raw(statement).await? else {
        return Ok(None);
    };
    Ok(Some(Record {
        sequence: row.try_get_by_index(0)?,
        service: service.to_owned(),
        recorded_at: row.try_get_by_index(1)?,
        event,
        previous: row.try_get_by_index(2)?,
        hash: row.try_get_by_index(3)?,
    }))
}

/// The statement that makes changes, appends a record if the rows that each has met fulfil the condition, and moves the head.
///
/// The head is locked after all changes, as other writers do it: it is joined to what they have met, and on the side that may lack,
/// which comes last. (Without a head the record has no number, which its table refuses.) The time is taken behind the lock: the
/// chain is in the order of time. What is hashed is the text of [`canonical::hash`].
fn appending(
    service: &str,
    changes: Vec<Change>,
    condition: &str,
    event: &Event,
) -> Result<Statement, std::fmt::Error> {
    let mut sql = SqlWriterValues::new("$", true);
    let mut met = "(SELECT 1) AS always".to_owned();
    sql.write_str("WITH ")?;
    for (number, change) in changes.into_iter().enumerate() {
        write!(sql, "change_{number} AS (")?;
        change.write_as_table(&mut sql);
        sql.write_str("),\n")?;
        write!(
            met,
            " CROSS JOIN (SELECT count(*) FROM change_{number} {condition}) AS met_{number}"
        )?;
    }
    sql.write_str(
        "last AS (SELECT sequence, hash FROM audit_head WHERE id = 1 FOR UPDATE),
        due AS MATERIALIZED (SELECT last.sequence + 1 AS sequence, last.hash AS previous,
            floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS recorded_at",
    )?;
    let texts = [
        ("service", service.to_owned()),
        ("subject", searchable(&event.subject)),
        ("actor", searchable(&event.actor.name())),
        ("event", text(event)),
    ];
    for (name, value) in texts {
        sql.write_str(", ")?;
        sql.push_param(value.into(), &PostgresQueryBuilder);
        write!(sql, " AS {name}")?;
    }
    write!(
        sql,
        r#" FROM {met} LEFT JOIN last ON TRUE),
        linked AS (
            INSERT INTO audit_records (sequence, service, recorded_at, subject, actor, event, previous, hash)
            SELECT sequence, service, recorded_at, subject, actor, event, previous, encode(sha256(convert_to(
                '{{"event":' || event || ',"previous":"' || previous || '","recorded_at":' || recorded_at
                || ',"sequence":' || sequence || ',"service":"' || service || '"}}', 'UTF8')), 'hex')
            FROM due RETURNING sequence, recorded_at, previous, hash
        )
        UPDATE audit_head SET sequence = linked.sequence, hash = linked.hash FROM linked WHERE id = 1
        RETURNING linked.sequence, linked.recorded_at, linked.previous, linked.hash"#
    )?;
    let (sql, values) = sql.into_parts();
    Ok(Statement::from_sql_and_values(DbBackend::Postgres, sql, values))
}

pub(super) fn link(service: &str, sequence: i64, previous: &str, event: Event) -> Record {
    let mut record = Record {
        sequence,
        service: service.to_owned(),
        recorded_at: jiff::Timestamp::now().as_millisecond(),
        event: canonical::settled(event),
        previous: previous.to_owned(),
        hash: String::new(),
    };
    record.hash = canonical::hash(&record);
    record
}

fn row(record: &Record) -> record::ActiveModel {
    record::ActiveModel {
        sequence: Set(record.sequence),
        service: Set(record.service.clone()),
        recorded_at: Set(record.recorded_at),
        subject: Set(searchable(&record.event.subject)),
        actor: Set(searchable(&record.event.actor.name())),
        event: Set(text(&record.event)),
        previous: Set(record.previous.clone()),
        hash: Set(record.hash.clone()),
    }
}

/// The event's only text.
fn text(event: &Event) -> String {
    canonical::text(serde_json::to_value(event).unwrap_or_default())
}

/// PostgreSQL's text has no NUL. The event itself keeps it, escaped.
pub(super) fn searchable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The trail's tables are not as this program left them.
pub(crate) fn broken(what: &str) -> Error {
    Error::Database(DbErr::Custom(format!("the audit trail is damaged: {what}")))
}
