use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde_json::json;
use stups_server::{Job, JobResult};
use stups_store::Error;

use crate::State;
use crate::model::{assertions, codes, device_codes, refresh_tokens, revocations, sessions, throttle, upstream_logins};
use crate::revoked::RETENTION_SECONDS;

/// Forgets what has expired: codes, refresh tokens, sessions, throttles, old revocations.
pub struct Expire(pub State);

impl Job for Expire {
    fn name(&self) -> &'static str {
        "expire"
    }

    fn interval(&self) -> Duration {
        Duration::from_mins(10)
    }

    fn run(&self) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
        Box::pin(async move {
            let removed = expire(&self.0).await.map_err(|error| error.to_string())?;
            Ok(json!({ "removed": removed }))
        })
    }
}

async fn expire(state: &State) -> Result<u64, Error> {
    let now = state.clock.milliseconds();
    // A code that is presented twice takes back what it gave: it is remembered as long as that may live.
    let tokens_alive_since = now - state.realms.longest_lifetime_seconds() * 1000;
    let write = state.store.write().await?;
    let transaction = write.transaction();
    let mut removed = codes::expire(transaction, tokens_alive_since).await?;
    removed += refresh_tokens::expire(transaction, now).await?;
    removed += device_codes::expire(transaction, now - 3_600_000).await?;
    removed += sessions::expire(transaction, now).await?;
    removed += upstream_logins::expire(transaction, now).await?;
    removed += throttle::expire(transaction, now - state.config.throttle.forget_seconds * 1000).await?;
    removed += assertions::expire(transaction, now).await?;
    removed += revocations::expire(transaction, now / 1000 - RETENTION_SECONDS).await?;
    write.commit_unaudited().await?;
    Ok(removed)
}
