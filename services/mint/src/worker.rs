//! What makes configurations true: a cycle over all applications (contract mint-berry 2.7), safe to run on several machines at once
//! and to be killed anywhere.
//!
//! [`Worker`] is the job; `cycle` goes over the applications; `sync` does the steps for one of them, `rotation` the two of
//! them that make secrets; `secrets` puts files into buckets; `schedule` says what is due; `presence` whom Kio still knows;
//! `held_back` stops a mass deletion.

mod cycle;
mod failure;
mod held_back;
mod key;
mod presence;
mod rotation;
mod schedule;
mod scopes;
mod secrets;
mod sync;

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use stups_api::client::Client;
use stups_api::essentials::EssentialsClient;
use stups_api::identity::IdentityClient;
use stups_api::kio::KioClient;
use stups_aws::Session;
use stups_server::{Clock, Job, JobResult};
use stups_store::Store;

pub use cycle::CycleStatus;

use self::presence::Registry;
use self::secrets::Secrets;
use crate::config::{Config, Rotation};

/// How often AWS is asked before a bucket counts as unwritable: the next cycle asks again.
const ATTEMPTS: u32 = 3;

/// Whom the worker calls, with its own tokens.
#[derive(Clone, Debug)]
pub struct Services {
    /// Which applications there are.
    pub kio: KioClient,
    /// Which scopes there are.
    pub essentials: EssentialsClient,
    /// Who administers service users.
    pub service_users: IdentityClient,
    /// Who puts secrets into `gs://` buckets.
    pub coworker: Option<Client>,
}

/// How the worker works. Times are milliseconds.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    pub(crate) interval: Duration,
    pub(crate) concurrency: usize,
    pub(crate) password_rotation: Rotation,
    pub(crate) client_rotation: Rotation,
    pub(crate) missing: i64,
    pub(crate) brake_share: f64,
    pub(crate) brake_minimum: usize,
    pub(crate) lease: i64,
    pub(crate) backoff: i64,
    pub(crate) longest_backoff: i64,
    pub(crate) people_realm: String,
    pub(crate) service_realm: String,
}

impl WorkerSettings {
    /// As the settings of the service say; why not, if one cannot be used.
    pub fn of(config: &Config) -> Result<Self, String> {
        if !(0.0..=1.0).contains(&config.brake_share) {
            return Err(format!(
                "brake_share is {}, but a share is from 0 to 1",
                config.brake_share
            ));
        }
        Ok(Self {
            interval: Duration::from_millis(time("interval_seconds", config.interval_seconds, 1)? as u64),
            concurrency: config.concurrency.get(),
            password_rotation: config.password_rotation,
            client_rotation: config.client_rotation,
            missing: time("missing_seconds", config.missing_seconds, 0)?,
            brake_share: config.brake_share,
            brake_minimum: config.brake_minimum,
            lease: time("lease_seconds", config.lease_seconds, 1)?,
            backoff: time("backoff_seconds", config.backoff_seconds, 1)?,
            longest_backoff: time("longest_backoff_seconds", config.longest_backoff_seconds, 1)?,
            people_realm: config.people_realm.clone(),
            service_realm: config.service_realm.clone(),
        })
    }
}

/// A setting in milliseconds, of which it has to have so many at least.
fn time(name: &str, seconds: f64, minimum: i64) -> Result<i64, String> {
    let milliseconds = (seconds * 1000.0) as i64;
    if seconds.is_finite() && (minimum..=i64::MAX / 4).contains(&milliseconds) {
        Ok(milliseconds)
    } else {
        Err(format!("{name} is {seconds}, which is no time that can pass"))
    }
}

/// The job that makes configurations true.
pub struct Worker {
    store: Store,
    services: Services,
    secrets: Secrets,
    settings: WorkerSettings,
    clock: Clock,
    /// Who has a lease: another one in every process.
    name: String,
    registry: Registry,
    /// The buckets that had failed when the cycle began, and those that this worker has found to fail since.
    failing: Mutex<HashSet<String>>,
    /// No cycle begins before: a service said that it was asked too often.
    paused_until: AtomicI64,
}

impl Worker {
    /// A worker that has done nothing yet.
    pub fn new(store: Store, services: Services, session: &Session, settings: WorkerSettings, clock: Clock) -> Self {
        Self {
            secrets: Secrets::new(session.with_attempts(ATTEMPTS), services.coworker.clone()),
            registry: Registry::default(),
            failing: Mutex::default(),
            store,
            services,
            settings,
            clock,
            name: uuid::Uuid::new_v4().to_string(),
            paused_until: AtomicI64::new(i64::MIN),
        }
    }

    /// Goes over all applications once.
    pub async fn run_cycle(&self) -> Result<CycleStatus, String> {
        let now = self.clock.milliseconds();
        if now < self.paused_until.load(Ordering::Relaxed) {
            return Ok(CycleStatus {
                paused: true,
                ..CycleStatus::default()
            });
        }
        let (status, pause) = self.cycle().await?;
        if let Some(pause) = pause {
            self.paused_until
                .store(self.clock.milliseconds() + pause, Ordering::Relaxed);
        }
        Ok(status)
    }
}

impl Job for Worker {
    fn name(&self) -> &'static str {
        "rotate"
    }

    fn interval(&self) -> Duration {
        self.settings.interval
    }

    fn run(&self) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
        Box::pin(async move {
            let status = self.run_cycle().await?;
            metrics::gauge!("stups_mint_applications").set(status.applications as f64);
            metrics::gauge!("stups_mint_applications_with_problems").set(status.problems as f64);
            metrics::gauge!("stups_mint_brake_engaged").set(if status.brake_engaged { 1.0 } else { 0.0 });
            serde_json::to_value(status).map_err(|error| error.to_string())
        })
    }
}
