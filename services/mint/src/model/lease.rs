//! Which worker has which application for itself: a row, an owner, and an end that each sign of life moves.
//!
//! Every statement is one conditional update, so that of two workers one wins on either database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, UpdateMany};
use stups_store::{Error, Store};

use super::application::{Column, Entity, Model};
use super::store;

/// After this part of its time a lease is renewed. The rest is for the step that was begun: it is longer than a step takes.
const FRESH: i64 = 4;

/// An application that a worker has for itself. Times are milliseconds, moments milliseconds since 1970 UTC.
#[derive(Debug)]
pub(crate) struct Lease<'a> {
    store: &'a Store,
    owner: &'a str,
    id: &'a str,
    length: i64,
    renewed: Mutex<SignOfLife>,
    is_given_back: AtomicBool,
}

/// When it was given, by two clocks: one may be set, the other may stand still while the machine sleeps.
#[derive(Clone, Copy, Debug)]
struct SignOfLife {
    at: i64,
    since: Instant,
}

impl SignOfLife {
    fn now(now: i64) -> Self {
        Self {
            at: now,
            since: Instant::now(),
        }
    }

    /// Whether it is no older than `age` by either clock.
    fn is_younger(&self, age: i64, now: i64) -> bool {
        (0..=age).contains(&(now - self.at)) && self.since.elapsed() <= Duration::from_millis(age.unsigned_abs())
    }
}

impl<'a> Lease<'a> {
    /// Takes the application, if nobody has it at `now`, and answers it as it is now. An end that is farther away than `length` is
    /// of a clock that went wrong, and counts as past.
    pub(crate) async fn take(
        store: &'a Store,
        id: &'a str,
        owner: &'a str,
        now: i64,
        length: i64,
    ) -> Result<Option<(Self, Model)>, Error> {
        let is_free = Condition::any()
            .add(Column::LeaseOwner.is_null())
            .add(Column::LeaseOwner.eq(owner))
            .add(Column::LeaseUntil.is_null())
            .add(Column::LeaseUntil.lte(now))
            .add(Column::LeaseUntil.gt(now + 2 * length));
        // From before the statement, so that the database never thinks it is over when it counts as fresh here.
        let renewed = Mutex::new(SignOfLife::now(now));
        let taken = Entity::update_many()
            .col_expr(Column::LeaseOwner, Expr::value(owner))
            .col_expr(Column::LeaseUntil, Expr::value(now + length))
            .filter(Column::Id.eq(id))
            .filter(is_free)
            .exec_with_returning(store.unaudited())
            .await?;
        let lease = Self {
            store,
            owner,
            id,
            length,
            renewed,
            is_given_back: AtomicBool::new(false),
        };
        Ok(taken.into_iter().next().map(|row| (lease, row)))
    }

    /// Whose it is.
    pub(crate) fn id(&self) -> &str {
        self.id
    }

    /// Says whether the application is still the owner's; asks the database only when the last sign of life is not a fresh one.
    pub(crate) async fn is_held(&self, now: i64) -> Result<bool, Error> {
        let renewed = *self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        if renewed.is_younger(self.length / FRESH, now) {
            return Ok(true);
        }
        self.renew(now).await
    }

    /// Moves the end; says no when somebody else has the application now, or it is gone.
    pub(crate) async fn renew(&self, now: i64) -> Result<bool, Error> {
        let sign = SignOfLife::now(now);
        let renewed = self
            .own()
            .col_expr(Column::LeaseUntil, Expr::value(now + self.length))
            .exec(self.store.unaudited())
            .await?;
        let held = renewed.rows_affected == 1;
        if held {
            *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = sign;
        }
        Ok(held)
    }

    /// Gives the application back, unless another change has done so.
    pub(crate) async fn release(self) -> Result<(), Error> {
        if !self.is_given_back.load(Ordering::Relaxed) {
            Self::given_back_by(self.own()).exec(self.store.unaudited()).await?;
        }
        Ok(())
    }

    /// The change, which gives the application back, too: [`Lease::was_given_back`] is told when it was made.
    pub(crate) fn given_back_by(change: UpdateMany<Entity>) -> UpdateMany<Entity> {
        change
            .col_expr(Column::LeaseOwner, Expr::value(Option::<String>::None))
            .col_expr(Column::LeaseUntil, Expr::value(Option::<i64>::None))
    }

    /// There is nothing to release any more.
    pub(crate) fn was_given_back(&self) {
        self.is_given_back.store(true, Ordering::Relaxed);
    }

    fn own(&self) -> UpdateMany<Entity> {
        store::own(self.id, self.owner)
    }
}

#[cfg(test)]
mod tests {
    use super::SignOfLife;

    #[test]
    fn a_clock_that_was_set_makes_no_sign_of_life_young() {
        let sign = SignOfLife::now(1_000_000);
        for (now, young) in [
            (1_000_000, true),
            (1_060_000, true),
            (1_060_001, false),
            (999_999, false),
        ] {
            assert_eq!(sign.is_younger(60_000, now), young, "{now}");
        }
    }

    #[test]
    fn a_clock_that_stands_still_keeps_no_sign_of_life_young() {
        let mut sign = SignOfLife::now(1_000_000);
        sign.since -= std::time::Duration::from_secs(61);
        assert!(!sign.is_younger(60_000, 1_000_000));
    }
}
