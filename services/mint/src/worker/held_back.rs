//! The brake: when too many applications would lose their service users in one cycle, none does, until somebody lets it through.

use std::collections::BTreeSet;

use serde_json::json;
use stups_store::Error;

use super::{Worker, WorkerSettings};
use crate::audit;
use crate::model::application;
use crate::model::brake::{self, Model};
use crate::model::store;

impl WorkerSettings {
    /// How many of so many applications may lose their service users in one cycle.
    pub(super) fn bearable(&self, total: usize) -> usize {
        let share = (total as f64 * self.brake_share).floor() as usize;
        share.max(self.brake_minimum)
    }
}

impl Worker {
    /// Of the applications that are to be removed, those that may be now. Whether the brake is engaged is noted for all workers.
    pub(super) async fn let_through(
        &self,
        removals: Vec<&application::Model>,
        total: usize,
    ) -> Result<(BTreeSet<String>, bool), Error> {
        let (released, held): (Vec<_>, Vec<_>) = removals.into_iter().partition(|row| row.removal_released);
        let ids = |rows: Vec<&application::Model>| rows.into_iter().map(|row| row.id.clone()).collect::<BTreeSet<_>>();
        let (mut through, held) = (ids(released), ids(held));
        let engaged = held.len() > self.settings.bearable(total);
        if !engaged {
            through.extend(held.iter().cloned());
        }
        self.note(engaged.then_some(&held), total).await?;
        Ok((through, engaged))
    }

    async fn note(&self, held: Option<&BTreeSet<String>>, total: usize) -> Result<(), Error> {
        let known = brake::read(self.store.connection()).await?;
        if held.is_none() && known.engaged_since.is_none() {
            return Ok(());
        }
        let applications = json!(held.cloned().unwrap_or_default()).to_string();
        if held.is_some() && known.engaged_since.is_some() && known.applications == applications {
            return Ok(());
        }
        let write = self.store.write().await?;
        let known = brake::locked(self.store.dialect(), write.transaction()).await?;
        let wanted = Model {
            engaged_since: held.map(|_| known.engaged_since.unwrap_or_else(|| self.clock.milliseconds())),
            applications,
            total: i64::try_from(total).unwrap_or(i64::MAX),
            released: false,
            ..known.clone()
        };
        brake::write(write.transaction(), &wanted).await?;
        let details = json!({"applications": held, "of": total});
        match (known.engaged_since.is_some(), held.is_some()) {
            (false, true) => {
                tracing::error!(
                    count = held.map(BTreeSet::len),
                    total,
                    "the brake holds a mass deletion back"
                );
                write
                    .commit(audit::by_worker("brake.engaged", "brake", details))
                    .await?;
            }
            (true, false) => {
                write
                    .commit(audit::by_worker("brake.disengaged", "brake", json!({})))
                    .await?;
            }
            _ => write.commit_unaudited().await?,
        }
        Ok(())
    }

    /// The application is active again: a release of its removal is over.
    pub(super) async fn forget_release(&self, rows: &[&application::Model]) -> Result<(), Error> {
        let ids: Vec<String> = rows
            .iter()
            .filter(|row| row.removal_released)
            .map(|row| row.id.clone())
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let write = self.store.write().await?;
        store::release_removals(write.transaction(), &ids, false).await?;
        write.commit_unaudited().await
    }
}
