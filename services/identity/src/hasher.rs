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

/// Too many logins at the same time: services answer 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many logins at the same time; try again")]
pub struct Busy;

impl std::fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PasswordHasher({:?})", self.argon2id.params())
    }
}

impl PasswordHasher {
    /// Costs from the configuration, raised to the floor of contract identity 5.4 when they are below it.
    pub fn new(config: &Argon2Config, master: &MasterKey) -> Self {
        let params = Params::new(config.memory_kib.max(19 * 1024), config.iterations.max(2), 1, None)
            .expect("the costs are within the bounds of argon2");
        let parallel = config.parallel.map_or_else(
            || std::thread::available_parallelism().map_or(2, NonZeroUsize::get),
            |parallel| parallel.max(1),
        );
        Self {
            argon2id: Arc::new(Argon2id::new(params)),
            machine_secrets: master.derive("machine secrets"),
            remembered: Remembered::default(),
            permits: Arc::new(Semaphore::new(parallel)),
            places: Arc::default(),
            limit: parallel + config.queue,
        }
    }

    /// The key for HMAC-SHA-256 over secrets that we generated: at least 128 random bits need no slow hash.
    pub fn machine_secret_key(&self) -> &hmac::Key {
        &self.machine_secrets
    }

    /// Passwords of machines that matched a moment ago.
    pub(crate) fn remembered(&self) -> &Remembered {
        &self.remembered
    }

    /// Runs a slow hash computation on a blocking thread when it is its turn. Errors: too many wait already.
    pub async fn run<T: Send + 'static>(
        &self,
        compute: impl FnOnce(&Argon2id) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let _place = Place::take(&self.places, self.limit)?;
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let argon2id = Arc::clone(&self.argon2id);
        // The permit goes with the work, which goes on when the caller has gone away.
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            compute(&argon2id)
        });
        Ok(work.await.expect("hashing does not panic"))
    }
}

/// A place among those that are computed or waited for; given back when dropped, also when the caller goes away.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(places: &'a AtomicUsize, limit: usize) -> Result<Self, Busy> {
        let place = Self(places);
        if places.fetch_add(1, Ordering::Relaxed) < limit {
            Ok(place)
        } else {
            Err(Busy)
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
