//! Appending to the chain.

use sea_orm::sea_query::{CommonTableExpression, Expr, LockType};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, EntityTrait as _,
    QueryFilter as _, QuerySelect as _, QueryTrait as _,
};

use super::table::{head, record};
use super::{Event, Record, canonical};
use crate::Error;

/// Rows of one INSERT: each has eight values, of which SQLite takes 32766.
const ROWS: usize = 1000;

/// Appends the events as part of the transaction.
///
/// On PostgreSQL the lock on the head's row puts writers in a row, from here to their commit; on SQLite the transaction has
/// the write lock already.
pub(crate) async fn append(
    transaction: &DatabaseTransaction,
    service: &str,
    events: Vec<Event>,
) -> Result<Vec<Record>, Error> {
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

    let moved_head = head::Entity::update_many()
        .col_expr(head::Column::Sequence, Expr::value(last))
        .col_expr(head::Column::Hash, Expr::value(previous))
        .filter(head::Column::Id.eq(1));
    let insert = |rows: &[Record]| record::Entity::insert_many(rows.iter().map(row));
    let mut chunks = records.chunks(ROWS);
    // PostgreSQL takes the last rows and the head in one statement: one way less, on which other writers wait.
    let with_head = if transaction.get_database_backend() == DbBackend::Postgres {
        chunks.next_back()
    } else {
        None
    };
    for rows in chunks {
        insert(rows).exec_without_returning(transaction).await?;
    }
    match with_head {
        Some(rows) => {
            let mut linked = CommonTableExpression::new();
            linked.table_name("linked").query(insert(rows).into_query());
            transaction
                .execute(&moved_head.into_query().with(linked.into()))
                .await?;
        }
        None => {
            moved_head.exec(transaction).await?;
        }
    }
    Ok(records)
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
    let event = serde_json::to_value(&record.event).unwrap_or_default();
    record::ActiveModel {
        sequence: Set(record.sequence),
        service: Set(record.service.clone()),
        recorded_at: Set(record.recorded_at),
        subject: Set(searchable(&record.event.subject)),
        actor: Set(searchable(&record.event.actor.name())),
        event: Set(canonical::text(event)),
        previous: Set(record.previous.clone()),
        hash: Set(record.hash.clone()),
    }
}

/// PostgreSQL's text has no NUL. The event itself keeps it, escaped.
pub(super) fn searchable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The trail's tables are not as this program left them.
pub(crate) fn broken(what: &str) -> Error {
    Error::Database(DbErr::Custom(format!("the audit trail is damaged: {what}")))
}
