//! Shipping the trail: at least once, in order, from where the last pass ended.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _};
use serde::Serialize;
use uuid::Uuid;

use super::table::shipment;
use super::{Destination, Filter, page};
use crate::{Error, Store};

/// Records of one delivery; the position is remembered after each.
const BATCH: u64 = 200;

/// Longer than a batch can take when each call reaches its time-out is not needed: the lease is renewed after each batch, and a
/// second shipper does no harm but work.
const LEASE: Duration = Duration::from_secs(30);

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Why records could not be shipped. They stay where they are and are tried again.
#[derive(Debug, thiserror::Error)]
pub enum ShippingError {
    /// The service's own database.
    #[error(transparent)]
    Store(#[from] Error),
    /// The file cannot be written, or is not a trail.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// The bucket did not take an object.
    #[error("the audit bucket: {0}")]
    Bucket(#[from] object_store::Error),
    /// The destination was not reached or broke off.
    #[error("the audit destination cannot be reached: {0}")]
    Http(#[source] reqwest::Error),
    /// There is no token for it.
    #[error("no token for the audit destination: {0}")]
    Token(String),
    /// The destination answered with this status.
    #[error("the audit destination answered {0}")]
    Refused(u16),
}

/// What a pass did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Shipment {
    /// How many records were delivered.
    pub shipped: u64,
    /// The number of the last record that the destination has.
    pub position: i64,
    /// Set when nothing was tried: another instance ships, or the destination failed a moment ago.
    pub waiting: bool,
}

/// Ships one service's trail to one destination. Several instances may run it: one of them at a time works.
#[derive(Debug)]
pub struct Shipper {
    store: Store,
    destination: Destination,
    id: String,
    failures: Mutex<Failures>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    not_before: Option<tokio::time::Instant>,
}

impl Shipper {
    /// Ships from where the last shipper to this destination ended.
    pub fn new(store: Store, destination: Destination) -> Self {
        Self {
            store,
            destination,
            id: Uuid::new_v4().to_string(),
            failures: Mutex::default(),
        }
    }

    /// One pass: everything that is there. After a failure passes do nothing for a while, twice as long after each: from one
    /// second to five minutes.
    pub async fn run(&self) -> Result<Shipment, ShippingError> {
        if self.is_pausing() {
            return Ok(Shipment {
                waiting: true,
                position: self.position().await?,
                shipped: 0,
            });
        }
        let outcome = self.pass().await;
        if outcome.is_err() {
            // Another instance may have more luck. Where this fails too, the lease ends by itself.
            let _ = self.release().await;
        }
        self.remember(outcome.is_ok());
        outcome
    }

    async fn pass(&self) -> Result<Shipment, ShippingError> {
        if !self.lease().await? {
            return Ok(Shipment {
                waiting: true,
                position: self.position().await?,
                shipped: 0,
            });
        }
        let mut done = Shipment {
            position: self.position().await?,
            ..Shipment::default()
        };
        loop {
            let records = page(self.store.connection(), done.position, BATCH, &Filter::default()).await?;
            let Some(last) = records.last() else { break };
            let delivered = match self.destination.deliver(&records).await {
                Ok(()) => last.sequence,
                Err((count, error)) => {
                    if let Some(last) = count.checked_sub(1).and_then(|index| records.get(index)) {
                        self.advance(last.sequence).await?;
                    }
                    return Err(error);
                }
            };
            let still_ours = self.advance(delivered).await?;
            done.position = delivered;
            done.shipped += records.len() as u64;
            if !still_ours {
                break;
            }
        }
        self.release().await?;
        Ok(done)
    }

    /// The number of the last record that the destination has for certain.
    pub async fn position(&self) -> Result<i64, Error> {
        let row = shipment::Entity::find_by_id(self.destination.name())
            .one(self.store.connection())
            .await?;
        Ok(row.map_or(0, |row| row.sequence))
    }

    /// Whether this shipper may work now.
    async fn lease(&self) -> Result<bool, Error> {
        let write = self.store.write().await?;
        let unknown = shipment::ActiveModel {
            destination: Set(self.destination.name()),
            sequence: Set(0),
            shipper: Set(String::new()),
            leased_until: Set(0),
        };
        let keep = OnConflict::column(shipment::Column::Destination)
            .do_nothing()
            .to_owned();
        shipment::Entity::insert(unknown)
            .on_conflict(keep)
            .exec_without_returning(write.transaction())
            .await?;
        let now = Timestamp::now().as_millisecond();
        let free = Condition::any()
            .add(shipment::Column::LeasedUntil.lt(now))
            .add(shipment::Column::Shipper.eq(&self.id));
        let taken = shipment::Entity::update_many()
            .col_expr(shipment::Column::Shipper, Expr::value(&self.id))
            .col_expr(
                shipment::Column::LeasedUntil,
                Expr::value(now + LEASE.as_millis() as i64),
            )
            .filter(shipment::Column::Destination.eq(self.destination.name()))
            .filter(free)
            .exec(write.transaction())
            .await?;
        write.commit_unaudited().await?;
        Ok(taken.rows_affected == 1)
    }

    /// Remembers the position and keeps the lease. Never back: a slower shipper may come second.
    async fn advance(&self, sequence: i64) -> Result<bool, Error> {
        let until = Timestamp::now().as_millisecond() + LEASE.as_millis() as i64;
        let write = self.store.write().await?;
        shipment::Entity::update_many()
            .col_expr(shipment::Column::Sequence, Expr::value(sequence))
            .filter(shipment::Column::Destination.eq(self.destination.name()))
            .filter(Expr::col(shipment::Column::Sequence).lt(sequence))
            .exec(write.transaction())
            .await?;
        let ours = self.update_lease(&write, until).await?;
        write.commit_unaudited().await?;
        Ok(ours)
    }

    async fn release(&self) -> Result<(), Error> {
        let write = self.store.write().await?;
        self.update_lease(&write, 0).await?;
        write.commit_unaudited().await
    }

    async fn update_lease(&self, write: &crate::Write, until: i64) -> Result<bool, Error> {
        let updated = shipment::Entity::update_many()
            .col_expr(shipment::Column::LeasedUntil, Expr::value(until))
            .filter(shipment::Column::Destination.eq(self.destination.name()))
            .filter(shipment::Column::Shipper.eq(&self.id))
            .exec(write.transaction())
            .await?;
        Ok(updated.rows_affected == 1)
    }

    fn is_pausing(&self) -> bool {
        let failures = *self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures
            .not_before
            .is_some_and(|moment| tokio::time::Instant::now() < moment)
    }

    fn remember(&self, success: bool) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if success {
            *failures = Failures::default();
            return;
        }
        let pause = FIRST_PAUSE
            .saturating_mul(2_u32.saturating_pow(failures.count))
            .min(LONGEST_PAUSE);
        failures.count += 1;
        failures.not_before = Some(tokio::time::Instant::now() + pause);
    }
}
