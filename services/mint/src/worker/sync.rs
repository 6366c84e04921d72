//! The steps for one active application (contract mint-berry 2.7, sync-app), each safe to be the last before a crash.

use std::sync::PoisonError;

use futures::future::join_all;
use secrecy::SecretString;
use serde_json::json;
use stups_api::identity::{ClientConfig, ServiceUserWrite, UserConfig};
use stups_api::kio::Application;
use stups_aws::SecretObject;
use stups_store::Write;

use super::Worker;
use super::cycle::{CycleStatus, Learnt};
use super::failure::Failure;
use super::secrets::Secrets;
use crate::audit;
use crate::model::application::Model;
use crate::model::lease::Lease;
use crate::model::{bucket, store};

impl Worker {
    /// Probes the buckets if anything will be put into them, brings the service user in line, rotates what is due.
    pub(super) async fn sync(
        &self,
        lease: &Lease<'_>,
        mut row: Model,
        application: &Application,
        learnt: &Learnt,
        status: &mut CycleStatus,
    ) -> Result<(), Failure> {
        let now = self.clock.milliseconds();
        let due = self.settings.due(&row, now);
        let is_public_and_new = due.user && !row.is_client_confidential && needs_client_file(&row);
        if due.password || due.client || due.problems || is_public_and_new {
            self.probe(lease, &row).await?;
        }
        if due.user {
            self.sync_user(lease, &mut row, application, learnt).await?;
            status.synced += 1;
        }
        let is_well = is_well(&row);
        if due.password {
            self.rotate_password(lease, &row, is_well && !due.client).await?;
            status.passwords += 1;
        }
        if due.client {
            self.rotate_client(lease, &row, is_well).await?;
            status.clients += 1;
        }
        if is_well {
            return Ok(());
        }
        self.note_success(&row).await
    }

    /// Writes into every bucket of the application. Nothing is made for buckets that cannot take it.
    async fn probe(&self, lease: &Lease<'_>, row: &Model) -> Result<(), Failure> {
        let buckets = row.buckets();
        let now = self.clock.milliseconds();
        let failing = if self.has_failing(&buckets) {
            bucket::failing(self.store.connection(), &buckets).await?
        } else {
            Vec::new()
        };
        let longest = self.settings.longest_backoff;
        let waits = |failing: &&bucket::Model| failing.next_attempt > now && failing.next_attempt <= now + 2 * longest;
        let waiting: Vec<&bucket::Model> = failing.iter().filter(waits).collect();
        if let Some(until) = waiting.iter().map(|waiting| waiting.next_attempt).max() {
            let messages: Vec<&str> = waiting.iter().map(|waiting| waiting.message.as_str()).collect();
            return Err(Failure::Waiting {
                message: format!("({})", messages.join(", ")),
                until,
            });
        }
        self.still_mine(lease).await?;
        let probed: Vec<String> = buckets
            .into_iter()
            .filter(|bucket| Secrets::takes_probes(bucket))
            .collect();
        let probes = join_all(probed.iter().map(|bucket| self.secrets.probe(bucket, &row.id))).await;
        // What other workers have noted since the cycle began.
        let failing = if failing.is_empty() && probes.iter().any(Result::is_err) {
            bucket::failing(self.store.connection(), &probed).await?
        } else {
            failing
        };
        self.note_buckets(&probed, probes, &failing).await
    }

    /// Learns which buckets failed last. What other workers find out later in the cycle is not known here: then a bucket is asked once
    /// more than it needs be.
    pub(super) async fn learn_failing(&self) -> Result<(), Failure> {
        let failing = bucket::all_failing(self.store.connection()).await?;
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = failing;
        Ok(())
    }

    fn has_failing(&self, buckets: &[String]) -> bool {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.iter().any(|bucket| failing.contains(bucket))
    }

    /// Puts a file into every bucket of the application; all are tried.
    pub(super) async fn put_everywhere(
        &self,
        row: &Model,
        file: SecretObject,
        content: &SecretString,
    ) -> Result<(), Failure> {
        let buckets = row.buckets();
        let puts = buckets
            .iter()
            .map(|bucket| self.secrets.put(bucket, &row.id, file, content));
        let puts = join_all(puts).await;
        // With the probe that a bucket took before, its failures were forgotten.
        if puts.iter().all(Result::is_ok) && buckets.iter().all(|bucket| Secrets::takes_probes(bucket)) {
            return Ok(());
        }
        let failing = bucket::failing(self.store.connection(), &buckets).await?;
        self.note_buckets(&buckets, puts, &failing).await
    }

    /// Remembers which buckets failed, for all applications and workers, and which do no more.
    async fn note_buckets(
        &self,
        buckets: &[String],
        results: Vec<Result<(), String>>,
        failing: &[bucket::Model],
    ) -> Result<(), Failure> {
        let errors_of = |bucket: &str| {
            failing
                .iter()
                .find(|known| known.bucket == bucket)
                .map_or(0, |known| known.errors)
        };
        let (mut failed, mut well) = (Vec::new(), Vec::new());
        for (bucket, result) in buckets.iter().zip(results) {
            match result {
                Ok(()) if errors_of(bucket) > 0 => well.push(bucket.clone()),
                Ok(()) => {}
                Err(reason) => {
                    let errors = errors_of(bucket).saturating_add(1);
                    failed.push(bucket::Model {
                        next_attempt: self.clock.milliseconds() + self.settings.wait_after(errors),
                        errors,
                        message: format!("{bucket}: {reason}"),
                        bucket: bucket.clone(),
                    });
                }
            }
        }
        if failed.is_empty() && well.is_empty() {
            return Ok(());
        }
        let messages: Vec<String> = failed.iter().map(|failed| failed.message.clone()).collect();
        self.failing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(failed.iter().map(|failed| failed.bucket.clone()));
        let write = self.store.write().await?;
        bucket::forget(write.transaction(), &well).await?;
        for failed in failed {
            bucket::failed(write.transaction(), failed).await?;
        }
        write.commit_unaudited().await?;
        if messages.is_empty() {
            Ok(())
        } else {
            Err(Failure::Unwritable(format!("({})", messages.join(", "))))
        }
    }

    /// Brings the service user in line with the configuration. A client without a secret is told to its buckets here.
    async fn sync_user(
        &self,
        lease: &Lease<'_>,
        row: &mut Model,
        application: &Application,
        learnt: &Learnt,
    ) -> Result<(), Failure> {
        let scopes = store::scopes(self.store.connection(), &row.id).await?;
        let scopes = self.user_scopes(&learnt.scopes, &scopes).await?;
        let (name, subtitle) = Self::described(application);
        let wanted = ServiceUserWrite {
            id: row.username.clone(),
            name,
            owner: application.team_id.clone(),
            subtitle,
            client_config: ClientConfig {
                redirect_urls: row.redirect_url.iter().cloned().collect(),
                scopes: scopes.of_client,
                confidential: row.is_client_confidential,
            },
            user_config: UserConfig { scopes: scopes.of_user },
        };
        // Always asked: whoever makes the service user of a configuration that is gone makes one that nobody removes.
        if !lease.renew(self.clock.milliseconds()).await? {
            return Err(Failure::LostLease);
        }
        let answer = self.services.service_users.put_service_user(&wanted).await?;
        let client_id = answer.client_id.or(row.client_id.clone());
        let mut told_at = row.last_client_rotation;
        if !row.is_client_confidential && needs_client_file(row) {
            let file = json!({"client_id": client_id, "client_secret": null}).to_string();
            self.put_everywhere(row, SecretObject::Client, &file.into()).await?;
            told_at = Some(self.clock.milliseconds());
        }
        let now = self.clock.milliseconds();
        let seen = row.last_modified;
        let (write, stored) = self.begin(&row.id).await?;
        let synced = Model {
            // Whoever has changed the configuration meanwhile wants another turn.
            last_synced: Some(if stored.last_modified == seen {
                now.max(seen)
            } else {
                seen
            }),
            client_id,
            last_client_rotation: if stored.last_modified == seen {
                told_at
            } else {
                stored.last_client_rotation
            },
            ..stored
        };
        store::update(write.transaction(), &synced).await?;
        let details =
            json!({"username": synced.username, "client_id": synced.client_id, "scopes": wanted.client_config.scopes});
        write
            .commit(audit::by_worker("service_user.synced", &row.id, details))
            .await?;
        *row = synced;
        Ok(())
    }

    /// Says that all is well.
    async fn note_success(&self, row: &Model) -> Result<(), Failure> {
        let (write, stored) = self.begin(&row.id).await?;
        let well = Model {
            has_problems: false,
            message: String::new(),
            s3_errors: 0,
            next_attempt: None,
            ..stored
        };
        store::update(write.transaction(), &well).await?;
        Ok(write.commit_unaudited().await?)
    }

    /// A sign of life before a step that others can see. Ends the work when another worker has the application meanwhile.
    pub(super) async fn still_mine(&self, lease: &Lease<'_>) -> Result<(), Failure> {
        let held = lease.is_held(self.clock.milliseconds()).await?;
        if held { Ok(()) } else { Err(Failure::LostLease) }
    }

    /// Begins to write what a step came to, if the application is still this worker's.
    pub(super) async fn begin(&self, id: &str) -> Result<(Write, Model), Failure> {
        let write = self.store.write().await?;
        let stored = store::locked(self.store.dialect(), write.transaction(), id).await?;
        match stored {
            Some(stored) if stored.lease_owner.as_ref() == Some(&self.name) => Ok((write, stored)),
            _ => Err(Failure::LostLease),
        }
    }
}

/// Whether nothing was said of problems.
fn is_well(row: &Model) -> bool {
    !row.has_problems && row.s3_errors == 0 && row.message.is_empty() && row.next_attempt.is_none()
}

/// Whether a client without a secret has not been told to all of its buckets yet.
fn needs_client_file(row: &Model) -> bool {
    !row.buckets().is_empty() && (row.client_id.is_none() || row.last_client_rotation.is_none())
}
