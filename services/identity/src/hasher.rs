use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::Params;
use ring::hmac;
use tokio::sync::Semaphore;

use crate::argon2id::Argon2id;
use crate::config::Argon2Config;
use crate::master_key::MasterKey;
use crate::model::passwords::Remembered;

/// What password hashing stands on: argon2id with the configured costs, computed on blocking threads, a bounded number at a
/// time, so that a flood of logins can exhaust neither memory nor the runtime; and the key under which machine secrets are
/// hashed fast. Cloning is cheap.
#[derive(Clone)]
pub struct PasswordHasher {
    argon2id: Arc<Argon2id>,
    machine_secrets: hmac::Key,
    remembered: Remembered,
    permits: Arc<Semaphore>,
    /// How many hashes are computed or waited for, and how many may.
    places: Arc<AtomicUsize>,
    limit: usize,
}

/// Why there is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many logins at the same time: services answer 503.
    #[error("too many logins at the same time; try again")]
    Busy,
    /// The computation ended without a result: services answer 500.
    #[error("the password could not be hashed")]
    Failed,
}

impl std::fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PasswordHasher({:?})", self.argon2id.params())
    }
}

impl PasswordHasher {
    /// Costs from the configuration, raised to the floor of contract identity 5.4 when they are below it. Errors: they are
    /// beyond what argon2 can do.
    pub fn new(config: &Argon2Config, master: &MasterKey) -> Result<Self, argon2::Error> {
        let params = Params::new(config.memory_kib.max(19 * 1024), config.iterations.max(2), 1, None)?;
        let parallel = config.parallel.map_or_else(
            || std::thread::available_parallelism().map_or(2, NonZeroUsize::get),
            |parallel| parallel.max(1),
        );
        Ok(Self {
            argon2id: Arc::new(Argon2id::new(params)),
            machine_secrets: master.derive("machine secrets"),
            remembered: Remembered::default(),
            permits: Arc::new(Semaphore::new(parallel)),
            places: Arc::default(),
            limit: parallel.saturating_add(config.queue),
        })
    }

    /// The key for HMAC-SHA-256 over secrets that we generated: at least 128 random bits need no slow hash.
    pub fn machine_secret_key(&self) -> &hmac::Key {
        &self.machine_secrets
    }

    /// Passwords of machines that matched a moment ago.
    pub(crate) fn remembered(&self) -> &Remembered {
        &self.remembered
    }

    /// Runs a slow hash computation on a blocking thread when it is its turn. Errors: too many wait already; the
    /// computation panicked, or the process is ending.
    pub async fn run<T: Send + 'static>(
        &self,
        compute: impl FnOnce(&Argon2id) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let _place = Place::take(&self.places, self.limit)?;
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| HashError::Failed)?;
        let argon2id = Arc::clone(&self.argon2id);
        // The permit goes with the work, which goes on when the caller has gone away.
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            compute(&argon2id)
        });
        work.await.map_err(|_| HashError::Failed)
    }
}

/// A place among those that are computed or waited for; given back when dropped, also when the caller goes away.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(places: &'a AtomicUsize, limit: usize) -> Result<Self, HashError> {
        let place = Self(places);
        if places.fetch_add(1, Ordering::Relaxed) < limit {
            Ok(place)
        } else {
            Err(HashError::Busy)
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
