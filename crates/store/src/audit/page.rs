//! Reading the trail.

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::Record;
use super::chain::searchable;
use super::table::record;
use crate::Error;

/// Which records an auditor wants. The default is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Exactly this [`super::Event::subject`].
    pub subject: Option<String>,
    /// Exactly this actor: `/employees/jdoe`.
    pub actor: Option<String>,
    /// Not recorded before: milliseconds since 1970 UTC.
    pub since: Option<i64>,
    /// Recorded before: milliseconds since 1970 UTC.
    pub until: Option<i64>,
}

/// At most `limit` records behind the sequence number `after` (0 is the beginning), oldest first.
///
/// Records become visible in the order of their numbers, so that who asks for what follows the last one he has misses none.
pub async fn page(
    connection: &impl ConnectionTrait,
    after: i64,
    limit: u64,
    filter: &Filter,
) -> Result<Vec<Record>, Error> {
    let mut query = record::Entity::find().filter(record::Column::Sequence.gt(after));
    if let Some(subject) = &filter.subject {
        query = query.filter(record::Column::Subject.eq(searchable(subject)));
    }
    if let Some(actor) = &filter.actor {
        query = query.filter(record::Column::Actor.eq(searchable(actor)));
    }
    if let Some(since) = filter.since {
        query = query.filter(record::Column::RecordedAt.gte(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(record::Column::RecordedAt.lt(until));
    }
    let rows = query
        .order_by_asc(record::Column::Sequence)
        .limit(limit)
        .all(connection)
        .await?;
    rows.into_iter().map(Record::try_from).collect()
}
