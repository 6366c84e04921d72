use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde_json::json;
use stups_server::{Job, JobResult};
use stups_store::Error;

use crate::State;
use crate::model::revocations;
use crate::revoked::RETENTION_SECONDS;

/// How far back is read again: another instance's clock may be behind, its write may have taken its time.
const TOLERANCE_SECONDS: i64 = 60;

/// Learns of revocations that other instances have written.
pub struct FollowRevocations(pub State);

impl Job for FollowRevocations {
    fn name(&self) -> &'static str {
        "follow_revocations"
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(2)
    }

    fn run(&self) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
        Box::pin(async move {
            let read = self.0.follow_revocations().await.map_err(|error| error.to_string())?;
            Ok(json!({ "read": read }))
        })
    }
}

impl State {
    /// Reads revocations that are newer than the newest known one, all of them at first; answers how many it has read.
    pub async fn follow_revocations(&self) -> Result<usize, Error> {
        let oldest = self.clock.seconds() - RETENTION_SECONDS;
        let from = oldest.max(self.revoked.newest() - TOLERANCE_SECONDS);
        let read = revocations::since(self.store.connection(), from).await?;
        self.revoked.add(&read);
        Ok(read.len())
    }
}
