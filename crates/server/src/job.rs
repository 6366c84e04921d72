//! Work that a service does by itself, again and again.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What one run of a job came to: its status, or why it failed (one line, no secret: it is served).
pub type JobResult = Result<Value, String>;

/// A background job. It may run twice, also at the same time on two machines.
pub trait Job: Send + Sync + 'static {
    /// Its name, in metrics, logs and at `/status`.
    fn name(&self) -> &'static str;

    /// How long to wait between the end of a run and the next.
    fn interval(&self) -> Duration;

    /// Does the work once.
    fn run(&self) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>>;
}

/// How a job's last run went, as served at `/status`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct JobStatus {
    /// How many runs there were since the service started.
    runs: u64,
    /// How many of them failed.
    failures: u64,
    /// When the last run ended, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_run: Option<String>,
    /// How long the last run took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    /// What the last successful run said.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Value>,
    /// Why the last run failed, when it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(crate) struct Entry {
    job: Box<dyn Job>,
    status: Mutex<JobStatus>,
}

impl Entry {
    pub(crate) fn new(job: impl Job) -> Self {
        Self {
            job: Box::new(job),
            status: Mutex::default(),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.job.name()
    }

    pub(crate) fn status(&self) -> JobStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs the job once. A panic is a failure of this run, not the end of the job.
    async fn run(&self, service: &'static str) {
        let started = Instant::now();
        let result = AssertUnwindSafe(async { self.job.run().await }).catch_unwind().await;
        let result = result.unwrap_or_else(|_| Err("it panicked; the log tells more".to_owned()));
        let took = started.elapsed();
        let name = self.job.name();
        let outcome = if result.is_ok() { "success" } else { "failure" };
        metrics::counter!("stups_job_runs_total", "service" => service, "job" => name, "outcome" => outcome)
            .increment(1);
        metrics::gauge!("stups_job_duration_seconds", "service" => service, "job" => name).set(took.as_secs_f64());
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.runs += 1;
        status.last_run = Some(Timestamp::now().to_string());
        status.duration_ms = Some(took.as_millis() as u64);
        match result {
            Ok(value) => {
                tracing::debug!(job = name, status = %value, "job ran");
                status.status = Some(value);
                status.error = None;
            }
            Err(reason) => {
                tracing::warn!(job = name, %reason, "job failed");
                status.failures += 1;
                status.error = Some(reason);
            }
        }
    }
}

/// The jobs of a built service. They do nothing until they are started.
#[derive(Clone)]
pub struct Jobs {
    pub(crate) service: &'static str,
    pub(crate) entries: Arc<Vec<Entry>>,
}

impl Jobs {
    /// Starts every job at once. They run until [`RunningJobs::stop`].
    pub fn start(&self) -> RunningJobs {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for index in 0..self.entries.len() {
            tasks.spawn(repeat(self.clone(), index, stopped.clone()));
        }
        RunningJobs { stop, tasks }
    }

    /// Runs the named job once, now. Says whether there is such a job.
    pub async fn run_once(&self, name: &str) -> bool {
        let Some(entry) = self.entries.iter().find(|entry| entry.name() == name) else {
            return false;
        };
        entry.run(self.service).await;
        true
    }
}

async fn repeat(jobs: Jobs, index: usize, mut stopped: watch::Receiver<bool>) {
    let entry = &jobs.entries[index];
    loop {
        entry.run(jobs.service).await;
        let rest = tokio::time::sleep(entry.job.interval());
        tokio::select! {
            () = rest => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// Jobs that run. Dropped, they are cut off.
#[derive(Debug)]
pub struct RunningJobs {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl RunningJobs {
    /// Lets the runs that are under way finish, for at most `patience`; starts none.
    pub async fn stop(mut self, patience: Duration) {
        let _ = self.stop.send(true);
        let finished = tokio::time::timeout(patience, async { while self.tasks.join_next().await.is_some() {} }).await;
        if finished.is_err() {
            tracing::warn!(
                "jobs were cut off: they took longer than {} seconds to finish",
                patience.as_secs()
            );
        }
    }
}
