//! One cycle: who is there, who goes, and what is due for the rest, in the order of their ids.

use futures::stream::{FuturesUnordered, StreamExt as _};
use serde::Serialize;
use serde_json::json;
use stups_api::kio::Application;
use stups_api::mint::ApplicationFilter;
use tokio::sync::OnceCell;

use super::Worker;
use super::failure::Failure;
use super::presence::Presence;
use super::scopes::KnownScopes;
use crate::audit;
use crate::model::application::Model;
use crate::model::lease::Lease;
use crate::model::{departed, store};

/// What a cycle came to, as `/status` serves it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CycleStatus {
    /// How many applications are configured.
    pub applications: usize,
    /// For how many something was due.
    pub due: usize,
    /// How many another worker had.
    pub taken: usize,
    /// How many passwords were rotated.
    pub passwords: usize,
    /// How many clients were.
    pub clients: usize,
    /// How many service users were brought in line.
    pub synced: usize,
    /// How many service users were removed.
    pub removed: usize,
    /// How many failed in this cycle.
    pub failed: usize,
    /// How many have problems, those of earlier cycles included.
    pub problems: usize,
    /// How many Kio's list lacks.
    pub missing: usize,
    /// Whether a mass deletion is held back: see `/brake`.
    pub brake_engaged: bool,
    /// Whether it was left out, or ended early, because a service said that it was asked too often.
    pub paused: bool,
}

impl CycleStatus {
    /// Counts what was done for one application.
    fn add(&mut self, done: &Self) {
        self.taken += done.taken;
        self.passwords += done.passwords;
        self.clients += done.clients;
        self.synced += done.synced;
        self.removed += done.removed;
        self.failed += done.failed;
        self.problems += done.problems;
    }
}

/// What is to be done for an application.
enum Task<'a> {
    /// It is not active any more.
    Remove,
    /// Something is due; Kio says this of it.
    Sync(&'a Application),
}

/// What was learnt in a cycle and is asked only once.
#[derive(Default)]
pub(super) struct Learnt {
    pub(super) scopes: KnownScopes,
    pub(super) service_users: OnceCell<std::collections::HashSet<String>>,
}

impl Worker {
    /// One cycle; and for how many milliseconds none is to begin, if somebody said so.
    pub(super) async fn cycle(&self) -> Result<(CycleStatus, Option<i64>), String> {
        let mut status = CycleStatus::default();
        match self.go_over(&mut status).await {
            Ok(()) => Ok((status, None)),
            Err(Failure::TooManyRequests { message, pause }) => {
                tracing::warn!(%message, pause, "the cycle ends early");
                status.paused = true;
                Ok((status, Some(pause)))
            }
            Err(failure) => Err(failure.to_string()),
        }
    }

    async fn go_over(&self, status: &mut CycleStatus) -> Result<(), Failure> {
        let now = self.clock.milliseconds();
        let connection = self.store.connection();
        let rows = store::applications(connection, &ApplicationFilter::default()).await?;
        status.applications = rows.len();
        status.problems = rows.iter().filter(|row| row.has_problems).count();
        self.remove_departed().await?;
        if rows.is_empty() {
            return Ok(());
        }
        let in_kio = self.applications_in_kio().await?;
        let presences = self.presences(&rows, &in_kio, now).await?;
        let leaves = |presence: &Presence| matches!(presence, Presence::Inactive | Presence::Gone);
        let removals = rows.iter().zip(&presences).filter(|(_, presence)| leaves(presence));
        let (through, engaged) = self
            .let_through(removals.map(|(row, _)| row).collect(), rows.len())
            .await?;
        status.brake_engaged = engaged;
        let stays = rows
            .iter()
            .zip(&presences)
            .filter(|(_, presence)| matches!(presence, Presence::Active));
        self.forget_release(&stays.map(|(row, _)| row).collect::<Vec<_>>())
            .await?;

        let mut tasks = Vec::new();
        for (row, presence) in rows.iter().zip(&presences) {
            match presence {
                Presence::Missing => status.missing += 1,
                Presence::Inactive | Presence::Gone if !through.contains(&row.id) => {}
                Presence::Inactive | Presence::Gone => tasks.push((row, Task::Remove)),
                Presence::Active => {
                    let is_due = || self.settings.due(row, now).anything();
                    let application = in_kio.get(&row.id).filter(|_| is_due());
                    tasks.extend(application.map(|application| (row, Task::Sync(application))));
                }
            }
        }
        status.due = tasks.len();
        if !tasks.is_empty() {
            self.learn_failing().await?;
        }
        self.attend(tasks, status).await
    }

    /// Does what is due for several applications at the same time, begun in the order of their ids. Who is asked too often ends
    /// it: what is under way is finished, and nothing else begun.
    async fn attend(&self, tasks: Vec<(&Model, Task<'_>)>, status: &mut CycleStatus) -> Result<(), Failure> {
        let learnt = Learnt::default();
        let (mut waiting, mut under_way) = (tasks.into_iter(), FuturesUnordered::new());
        let mut ending = Ok(());
        loop {
            let free = self.settings.concurrency - under_way.len();
            let next = waiting.by_ref().take(if ending.is_ok() { free } else { 0 });
            under_way.extend(next.map(|(row, task)| self.with_lease(row, task, &learnt)));
            let Some((done, result)) = under_way.next().await else {
                return ending;
            };
            status.add(&done);
            ending = ending.and(result);
        }
    }

    /// Does something for an application that no other worker has. What goes wrong is noted with the application, and the next one
    /// has its turn; only who is asked too often ends the cycle.
    async fn with_lease(&self, row: &Model, task: Task<'_>, learnt: &Learnt) -> (CycleStatus, Result<(), Failure>) {
        let mut done = CycleStatus::default();
        let result = self.attempt(row, task, learnt, &mut done).await;
        (done, result)
    }

    async fn attempt(
        &self,
        row: &Model,
        task: Task<'_>,
        learnt: &Learnt,
        status: &mut CycleStatus,
    ) -> Result<(), Failure> {
        let now = self.clock.milliseconds();
        let taken = Lease::take(&self.store, &row.id, &self.name, now, self.settings.lease).await?;
        let Some((lease, row)) = taken else {
            status.taken += 1;
            return Ok(());
        };
        let had_problems = row.has_problems;
        let result = match task {
            Task::Remove => self.remove(&row, learnt, status).await,
            Task::Sync(application) => self.sync(&lease, row, application, learnt, status).await,
        };
        if let Err(failure @ (Failure::Unwritable(_) | Failure::Waiting { .. } | Failure::Other(_))) = &result {
            status.failed += 1;
            if !had_problems {
                status.problems += 1;
            }
            tracing::warn!(application = lease.id(), %failure, "an application has problems");
            self.note_failure(lease.id(), failure).await?;
        }
        lease.release().await?;
        match result {
            Err(failure @ Failure::TooManyRequests { .. }) => Err(failure),
            _ => Ok(()),
        }
    }

    /// Says that an application has problems. The counter grows only when a secret could not be stored.
    async fn note_failure(&self, id: &str, failure: &Failure) -> Result<(), Failure> {
        let write = self.store.write().await?;
        let Some(stored) = store::locked(self.store.dialect(), write.transaction(), id).await? else {
            return Ok(());
        };
        let s3_errors = stored
            .s3_errors
            .saturating_add(i32::from(matches!(failure, Failure::Unwritable(_))));
        let next_attempt = match failure {
            Failure::Unwritable(_) => Some(self.clock.milliseconds() + self.settings.wait_after(s3_errors)),
            Failure::Waiting { until, .. } => Some(*until),
            _ => None,
        };
        let noted = Model {
            has_problems: true,
            message: failure.to_string(),
            s3_errors,
            next_attempt,
            ..stored.clone()
        };
        if noted == stored {
            return Ok(());
        }
        store::update(write.transaction(), &noted).await?;
        Ok(write.commit_unaudited().await?)
    }

    /// Removes an application's service user, and then its configuration. Its buckets do not matter any more.
    async fn remove(&self, row: &Model, learnt: &Learnt, status: &mut CycleStatus) -> Result<(), Failure> {
        let users = learnt
            .service_users
            .get_or_try_init(async || {
                let listed = self.services.service_users.service_users().await?;
                Ok::<_, Failure>(listed.into_iter().map(|user| user.id).collect())
            })
            .await?;
        if users.contains(&row.username) {
            self.remove_service_user(&row.username).await?;
        }
        let write = self.store.write().await?;
        let stored = store::locked(self.store.dialect(), write.transaction(), &row.id).await?;
        if stored.is_none_or(|stored| stored.lease_owner.as_ref() != Some(&self.name)) {
            return Err(Failure::LostLease);
        }
        store::delete(write.transaction(), &row.id).await?;
        let details = json!({"username": row.username});
        write
            .commit(audit::by_worker("application.removed", &row.id, details))
            .await?;
        status.removed += 1;
        Ok(())
    }

    /// Service users of configurations that somebody has removed.
    async fn remove_departed(&self) -> Result<(), Failure> {
        for username in departed::all(self.store.connection()).await? {
            self.remove_service_user(&username).await?;
            let write = self.store.write().await?;
            departed::forget(write.transaction(), &username).await?;
            let event = audit::by_worker("service_user.removed", &username, json!({}));
            write.commit(event).await?;
        }
        Ok(())
    }

    /// Whoever was there first has done it.
    async fn remove_service_user(&self, username: &str) -> Result<(), Failure> {
        match self.services.service_users.delete_service_user(username).await {
            Err(error) if error.status().is_some_and(|status| status.as_u16() == 404) => Ok(()),
            other => Ok(other?),
        }
    }

    /// The application in Kio as its service user has it.
    pub(super) fn described(application: &Application) -> (Option<String>, Option<String>) {
        (Some(application.name.clone()), application.subtitle.clone())
    }
}
