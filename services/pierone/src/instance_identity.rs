//! Instances that prove with a signed document where they run (contract pierone 2.3).

use std::time::Duration;

use moka::future::Cache;
use serde_json::json;
use stups_api::client::Client;
use stups_auth::SetupError;
use url::Url;

/// How long the verifier may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How long its answer is believed.
const BELIEVED: Duration = Duration::from_mins(2);

/// Longer documents are none.
const LONGEST: usize = 16 << 10;

/// Asks a service whether documents are genuine.
pub(crate) struct InstanceIdentity {
    verifier: Client,
    /// By the hash of the document.
    known: Cache<Vec<u8>, bool>,
}

impl InstanceIdentity {
    pub(crate) fn new(url: Url) -> Result<Self, SetupError> {
        Ok(Self {
            verifier: Client::new(url)?.with_timeout(TIMEOUT),
            known: Cache::builder().max_capacity(10_000).time_to_live(BELIEVED).build(),
        })
    }

    /// Whether the document is genuine. A verifier that does not answer has not said yes.
    pub(crate) async fn verify(&self, signature: &str) -> bool {
        if signature.len() > LONGEST {
            return false;
        }
        let hash = ring::digest::digest(&ring::digest::SHA256, signature.as_bytes());
        let asked = self.known.try_get_with(hash.as_ref().to_vec(), async {
            let request = self.verifier.post(&[]).json(&json!({"iid_signature": signature}));
            request.any_answer().await.map(|answer| answer.status == 200)
        });
        match asked.await {
            Ok(genuine) => genuine,
            Err(error) => {
                tracing::warn!(%error, "instance identities cannot be verified");
                false
            }
        }
    }
}
