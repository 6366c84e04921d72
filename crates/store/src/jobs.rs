//! Durable jobs: what a service has promised to do later, kept beside what it knows.
//!
//! A job is enqueued inside a [`crate::Write`] and completed inside one, so that it exists exactly as long as it is due. Workers
//! of several instances share a queue. A worker that dies loses its lease, and another one does the job again: a job has to bear
//! being done twice.

mod migration;
mod table;

use std::time::Duration;

use futures::Future;
use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, LockBehavior, LockType, OnConflict, Order, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, TryInsertResult,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{Error, Store};
pub(crate) use migration::Migration;
use table::{Column, Entity};

/// How long a worker may be silent before its job is another one's.
const LEASE: Duration = Duration::from_mins(1);
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Which workers do it.
    pub queue: &'static str,
    /// What they need to know. No secrets.
    pub payload: Value,
    /// While a job of this key waits or runs in the queue, a second one is not taken.
    pub key: Option<String>,
    /// Not before: milliseconds since 1970 UTC; 0 is at once.
    pub due_at: i64,
    /// After so many attempts the job is dead and waits for a person.
    pub attempts: i32,
}

/// A job that this worker holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// The queue it is from.
    pub queue: String,
    /// What to do.
    pub payload: Value,
    /// Which attempt this is, from 1.
    pub attempt: i32,
    /// How many there are.
    pub attempts: i32,
    lease: String,
}

/// A job that failed too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadJob {
    /// Its id.
    pub id: String,
    /// What was to be done.
    pub payload: Value,
    /// What the last attempt said.
    pub error: String,
    /// When it was given up: milliseconds since 1970 UTC.
    pub died_at: i64,
}

/// Adds the job to its queue as part of a write. False when one of the same key is there already.
pub async fn enqueue(transaction: &DatabaseTransaction, job: NewJob) -> Result<bool, Error> {
    let now = Timestamp::now().as_millisecond();
    let row = table::ActiveModel {
        id: Set(Uuid::now_v7().to_string()),
        queue: Set(job.queue.to_owned()),
        key: Set(job.key),
        payload: Set(job.payload.to_string()),
        created_at: Set(now),
        due_at: Set(job.due_at),
        attempt: Set(0),
        attempts: Set(job.attempts),
        lease: Set(None),
        leased_until: Set(0),
        error: Set(None),
        died_at: Set(None),
    };
    // Without a target: the only thing a fresh id can collide with is the key.
    let inserted = Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .try_insert();
    let outcome = inserted.exec_without_returning(transaction).await?;
    Ok(matches!(outcome, TryInsertResult::Inserted(count) if count > 0))
}

/// Takes up to `limit` jobs that are due, oldest first, each for a minute. Nobody else gets them meanwhile.
pub async fn claim(store: &Store, queue: &str, limit: u64) -> Result<Vec<Job>, Error> {
    let now = Timestamp::now().as_millisecond();
    let write = store.write().await?;
    bury(write.transaction(), queue, now).await?;

    let mut due = Query::select();
    due.column(Column::Id).from(Entity);
    due.and_where(Expr::col(Column::Queue).eq(queue))
        .and_where(Expr::col(Column::DiedAt).is_null());
    due.and_where(Expr::col(Column::DueAt).lte(now))
        .and_where(Expr::col(Column::LeasedUntil).lt(now));
    due.order_by(Column::DueAt, Order::Asc)
        .order_by(Column::Id, Order::Asc)
        .limit(limit);
    if write.transaction().get_database_backend() == DbBackend::Postgres {
        due.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let lease = Uuid::new_v4().to_string();
    let rows = Entity::update_many()
        .col_expr(Column::Lease, Expr::value(&lease))
        .col_expr(Column::LeasedUntil, Expr::value(now + LEASE.as_millis() as i64))
        .col_expr(Column::Attempt, Expr::col(Column::Attempt).add(1))
        .filter(Expr::col(Column::Id).in_subquery(due))
        .exec_with_returning(write.transaction())
        .await?;
    write.commit_unaudited().await?;

    let mut rows = rows;
    rows.sort_by(|left, right| (left.due_at, &left.id).cmp(&(right.due_at, &right.id)));
    rows.into_iter().map(|row| Job::from_row(row, &lease)).collect()
}

/// Jobs whose worker died in the last attempt.
async fn bury(transaction: &DatabaseTransaction, queue: &str, now: i64) -> Result<(), Error> {
    Entity::update_many()
        .col_expr(Column::DiedAt, Expr::value(now))
        .col_expr(Column::Error, Expr::value("the worker ended before the job did"))
        .filter(Column::Queue.eq(queue))
        .filter(Column::DiedAt.is_null())
        .filter(Column::LeasedUntil.gt(0))
        .filter(Column::LeasedUntil.lt(now))
        .filter(Expr::col(Column::Attempt).gte(Expr::col(Column::Attempts)))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Does one job of the queue, if one is due: true when there was one.
///
/// `work` gets the job and answers whether it is done; what it changes together with the completion it changes itself, with
/// [`Job::complete`] inside its write, and otherwise this does it. The lease is renewed while it works. An error is kept and the
/// job comes again: after five seconds, twice as long after each attempt, at most an hour; after the last one it is dead.
pub async fn work<F>(store: &Store, queue: &str, work: impl FnOnce(Job) -> F) -> Result<bool, Error>
where
    F: Future<Output = Result<(), String>>,
{
    let Some(job) = claim(store, queue, 1).await?.pop() else {
        return Ok(false);
    };
    let outcome = {
        let mut working = std::pin::pin!(work(job.clone()));
        loop {
            match tokio::time::timeout(LEASE / 3, working.as_mut()).await {
                Ok(outcome) => break outcome,
                // Whose lease is lost goes on: to stop half-way is worse than to do it twice.
                Err(_) => drop(job.keep(store).await?),
            }
        }
    };
    match outcome {
        Ok(()) => {
            let write = store.write().await?;
            job.complete(write.transaction()).await?;
            write.commit_unaudited().await?;
        }
        Err(error) => job.fail(store, &error).await?,
    }
    Ok(true)
}

/// The queue's dead jobs, oldest first.
pub async fn dead(connection: &impl ConnectionTrait, queue: &str, limit: u64) -> Result<Vec<DeadJob>, Error> {
    let rows = Entity::find()
        .filter(Column::Queue.eq(queue))
        .filter(Column::DiedAt.is_not_null())
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(connection)
        .await?;
    let dead = |row: table::Model| {
        Ok(DeadJob {
            payload: row.payload()?,
            error: row.error.unwrap_or_default(),
            died_at: row.died_at.unwrap_or_default(),
            id: row.id,
        })
    };
    rows.into_iter().map(dead).collect()
}

/// Gives a dead job all its attempts again. False when there is no such job, or one of its key is in the queue meanwhile.
pub async fn revive(transaction: &DatabaseTransaction, id: &str) -> Result<bool, Error> {
    let Some(row) = Entity::find_by_id(id)
        .filter(Column::DiedAt.is_not_null())
        .one(transaction)
        .await?
    else {
        return Ok(false);
    };
    let mut rival = Entity::find()
        .filter(Column::Queue.eq(&row.queue))
        .filter(Column::DiedAt.is_null());
    rival = rival.filter(Column::Key.eq(row.key.clone()));
    if row.key.is_some() && rival.one(transaction).await?.is_some() {
        return Ok(false);
    }
    let revived = Entity::update_many()
        .col_expr(Column::DiedAt, Expr::value(None::<i64>))
        .col_expr(Column::Attempt, Expr::value(0))
        .col_expr(Column::DueAt, Expr::value(0_i64))
        .col_expr(Column::LeasedUntil, Expr::value(0_i64))
        .filter(Column::Id.eq(id))
        .exec(transaction)
        .await?;
    Ok(revived.rows_affected == 1)
}

impl Job {
    fn from_row(row: table::Model, lease: &str) -> Result<Self, Error> {
        Ok(Self {
            payload: row.payload()?,
            id: row.id,
            queue: row.queue,
            attempt: row.attempt,
            attempts: row.attempts,
            lease: lease.to_owned(),
        })
    }

    /// Renews the lease. False when it was lost: another worker has the job.
    pub async fn keep(&self, store: &Store) -> Result<bool, Error> {
        let until = Timestamp::now().as_millisecond() + LEASE.as_millis() as i64;
        let write = store.write().await?;
        let kept = Entity::update_many()
            .col_expr(Column::LeasedUntil, Expr::value(until))
            .filter(Column::Id.eq(&self.id))
            .filter(Column::Lease.eq(&self.lease))
            .exec(write.transaction())
            .await?;
        write.commit_unaudited().await?;
        Ok(kept.rows_affected == 1)
    }

    /// Removes the job as part of a write: what it was to change and its end are one. False when another worker has it, or when
    /// it was completed before.
    pub async fn complete(&self, transaction: &DatabaseTransaction) -> Result<bool, Error> {
        let removed = Entity::delete_many()
            .filter(Column::Id.eq(&self.id))
            .filter(Column::Lease.eq(&self.lease))
            .exec(transaction)
            .await?;
        Ok(removed.rows_affected == 1)
    }

    /// Gives the job back, to be tried again later or, after the last attempt, to wait for a person.
    pub async fn fail(&self, store: &Store, error: &str) -> Result<(), Error> {
        let now = Timestamp::now().as_millisecond();
        let died_at = (self.attempt >= self.attempts).then_some(now);
        let write = store.write().await?;
        Entity::update_many()
            .col_expr(Column::Error, Expr::value(error.replace('\0', "\u{fffd}")))
            .col_expr(Column::DiedAt, Expr::value(died_at))
            .col_expr(Column::DueAt, Expr::value(now + pause(self.attempt).as_millis() as i64))
            .col_expr(Column::LeasedUntil, Expr::value(0_i64))
            .col_expr(Column::Lease, Expr::value(None::<String>))
            .filter(Column::Id.eq(&self.id))
            .filter(Column::Lease.eq(&self.lease))
            .exec(write.transaction())
            .await?;
        write.commit_unaudited().await
    }
}

fn pause(attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt - 1).unwrap_or(0);
    FIRST_PAUSE
        .saturating_mul(2_u32.saturating_pow(doublings))
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let seconds: Vec<u64> = [1, 2, 3, 10, 11, 1000].map(|attempt| pause(attempt).as_secs()).into();
        assert_eq!(seconds, [5, 10, 20, 2560, 3600, 3600]);
    }
}
