use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use stups_auth::tokens::{ServiceToken, ServiceTokenSettings, ServiceTokens};
use stups_server::{Job, JobResult, StartError};
use stups_store::Store;
use stups_store::audit::{Destination, Shipper};

use crate::{Config, NAME, envelope};

/// The name of the token that audit services get (contract kio 2.10).
const TOKEN: &str = "http-audit-logger";

/// Ships the audit trail to a destination, at least once and in order (contract kio 4, D4: what is written does not wait for it).
pub(crate) struct ShipAudit {
    name: &'static str,
    shipper: Shipper,
}

impl ShipAudit {
    /// One for each destination that is configured.
    pub(crate) fn configured(config: &Config, store: &Store) -> Result<Vec<Self>, StartError> {
        let mut jobs = Vec::new();
        if let Some(path) = &config.audit_file {
            let shipper = Shipper::new(store.clone(), Destination::File(path.clone()));
            jobs.push(Self {
                name: "ship-audit-file",
                shipper,
            });
        }
        if let Some(url) = &config.audit_url {
            let wrong = |reason: String| StartError::Configuration { service: NAME, reason };
            let settings = ServiceTokenSettings::from_environment().map_err(wrong)?;
            let token = ServiceTokens::new(settings).manage(TOKEN, &["uid"]);
            let destination = Destination::Http {
                url: url.clone(),
                token: Some(Arc::new(move || Box::pin(get(token.clone())))),
                format: Some(Arc::new(|record| Some(envelope(record)))),
            };
            jobs.push(Self {
                name: "ship-audit-http",
                shipper: Shipper::new(store.clone(), destination),
            });
        }
        Ok(jobs)
    }
}

async fn get(token: ServiceToken) -> Result<secrecy::SecretString, String> {
    token.get().await.map_err(|error| error.to_string())
}

impl Job for ShipAudit {
    fn name(&self) -> &'static str {
        self.name
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn run(&self) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
        Box::pin(async {
            let shipment = self.shipper.run().await.map_err(|error| error.to_string())?;
            serde_json::to_value(shipment).map_err(|error| error.to_string())
        })
    }
}
