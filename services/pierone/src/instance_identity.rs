//! Instances that prove with a signed document where they run (contract pierone 2.3, 5.5).

mod certificates;
mod signed;

use std::time::Duration;

use moka::future::Cache;
use serde_json::json;
use stups_api::Timestamp;
use stups_api::client::{Client, Error};

pub(crate) use certificates::Certificates;

/// How long the verifier may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How long its answer is believed.
const BELIEVED: Duration = Duration::from_mins(2);

/// Longer documents are none.
const LONGEST: usize = 16 << 10;

/// Says whether documents are genuine: by AWS's certificates, by the word of a service, or by either where there are both.
pub(crate) struct InstanceIdentity {
    certificates: Option<Certificates>,
    verifier: Option<Client>,
    /// By the hash of the document.
    known: Cache<Vec<u8>, bool>,
}

impl InstanceIdentity {
    /// With what there is; without either nothing is genuine.
    pub(crate) fn new(certificates: Option<Certificates>, verifier: Option<Client>) -> Self {
        Self {
            certificates,
            verifier: verifier.map(|verifier| verifier.with_timeout(TIMEOUT)),
            known: Cache::builder().max_capacity(10_000).time_to_live(BELIEVED).build(),
        }
    }

    /// Whether the document is genuine. A verifier that does not answer has not said yes.
    pub(crate) async fn verify(&self, signature: &str) -> bool {
        if signature.len() > LONGEST {
            return false;
        }
        let hash = ring::digest::digest(&ring::digest::SHA256, signature.as_bytes());
        let asked = self.known.try_get_with(hash.as_ref().to_vec(), self.ask(signature));
        match asked.await {
            Ok(genuine) => genuine,
            Err(error) => {
                tracing::warn!(%error, "instance identities cannot be verified");
                false
            }
        }
    }

    async fn ask(&self, signature: &str) -> Result<bool, Error> {
        if let Some(certificates) = &self.certificates {
            match certificates.refuse(signature, Timestamp::now()) {
                None => return Ok(true),
                Some(reason) => tracing::info!(reason, "an instance's identity document is not believed"),
            }
        }
        let Some(verifier) = &self.verifier else {
            return Ok(false);
        };
        let request = verifier.post(&[]).json(&json!({"iid_signature": signature}));
        request.any_answer().await.map(|answer| answer.status == 200)
    }
}
