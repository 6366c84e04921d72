//! Failed logins: how many, and until when the next attempt has to wait. Kept in the database so that all instances share it.

use sea_orm::IntoActiveModel;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, OnConflict};

use super::rows;
use crate::config::Throttle;

/// The failures of one user or of one address.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "throttles")]
pub struct Model {
    /// `user:/employees/jdoe` or `address:192.0.2.1`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    pub failures: i32,
    pub failed_at: i64,
    pub blocked_until: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Until when one of the subjects has to wait: milliseconds since 1970 UTC; nothing when none has to.
pub async fn blocked_until(
    connection: &impl ConnectionTrait,
    subjects: &[String],
    now: i64,
) -> Result<Option<i64>, stups_store::Error> {
    let blocked = Entity::find()
        .filter(Column::Subject.is_in(subjects))
        .filter(Column::BlockedUntil.gt(now))
        .all(connection)
        .await?;
    Ok(blocked.iter().map(|throttle| throttle.blocked_until).max())
}

/// Counts a failure of the subject. Call it inside of a write: of two at once each counts.
pub async fn failed(
    connection: &impl ConnectionTrait,
    subject: &str,
    allowed: i32,
    config: &Throttle,
    now: i64,
) -> Result<(), stups_store::Error> {
    use sea_orm::sea_query::ExprTrait as _;
    let first = Model {
        subject: subject.to_owned(),
        failures: 1,
        failed_at: now,
        blocked_until: 0,
    };
    let failures = Expr::col((Entity, Column::Failures));
    let recent = Expr::col((Entity, Column::FailedAt)).gt(now - config.forget_seconds * 1000);
    let one_more = Expr::case(recent, failures.add(1)).finally(1);
    let counts = OnConflict::column(Column::Subject)
        .value(Column::Failures, one_more)
        .update_column(Column::FailedAt)
        .to_owned();
    Entity::insert(first.into_active_model().reset_all())
        .on_conflict(counts)
        .exec_without_returning(connection)
        .await?;
    // The row is this transaction's from here on: whoever counts at the same time waits, and sees this failure.
    let counted = Entity::find_by_id(subject.to_owned()).one(connection).await?;
    let failures = counted.map_or(1, |throttle| throttle.failures);
    // Not until now: who looked at the clock a moment earlier would have to wait.
    let until = match wait_seconds(failures, allowed, config.longest_wait_seconds) {
        0 => 0,
        wait => now + wait * 1000,
    };
    Entity::update_many()
        .col_expr(Column::BlockedUntil, Expr::value(until))
        .filter(Column::Subject.eq(subject))
        .exec(connection)
        .await?;
    Ok(())
}

/// Whether failures of the subject are remembered.
pub async fn has_failures(connection: &impl ConnectionTrait, subject: &str) -> Result<bool, stups_store::Error> {
    Ok(Entity::find_by_id(subject.to_owned()).one(connection).await?.is_some())
}

/// Forgets the failures of the subject: it succeeded.
pub async fn forget(connection: &impl ConnectionTrait, subject: &str) -> Result<(), stups_store::Error> {
    Entity::delete_by_id(subject.to_owned()).exec(connection).await?;
    Ok(())
}

/// Forgets failures from before.
pub async fn expire(connection: &impl ConnectionTrait, before: i64) -> Result<u64, stups_store::Error> {
    rows::expire(connection, Column::FailedAt, before).await
}

/// One second after the first failure too many, twice as long after each further one.
fn wait_seconds(failures: i32, allowed: i32, longest: i64) -> i64 {
    match failures - allowed {
        ..1 => 0,
        extra => 1_i64
            .checked_shl(u32::try_from(extra - 1).unwrap_or(0))
            .filter(|wait| *wait > 0)
            .unwrap_or(longest)
            .min(longest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits: Vec<i64> = (1..=9).map(|failures| wait_seconds(failures, 3, 20)).collect();
        assert_eq!(waits, [0, 0, 0, 1, 2, 4, 8, 16, 20]);
        assert_eq!(wait_seconds(i32::MAX, 3, 20), 20);
    }
}
