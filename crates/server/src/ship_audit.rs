use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stups_api::Timestamp;
use stups_auth::tokens::{ServiceToken, ServiceTokenSettings, ServiceTokens};
use stups_store::Store;
use stups_store::audit::{Destination, Format, Record, Shipper};
use stups_store::objects::{self, FileWrites};
use url::Url;

use crate::{Job, JobResult, StartError};

/// The name of the token that audit services get (contract kio 2.10, pierone 2.13).
const TOKEN: &str = "http-audit-logger";

/// How often records that are there are shipped where each is for itself.
const SOON: Duration = Duration::from_secs(1);

/// Ships the audit trail to a destination, at least once and in order: what is written does not wait for it.
pub struct ShipAudit {
    name: &'static str,
    interval: Duration,
    shipper: Shipper,
}

impl ShipAudit {
    /// One for each destination that is configured: a file that gets each record as a line of JSON, and an audit service that
    /// gets what `format` makes of a record, with the service's own token.
    pub fn configured(
        store: &Store,
        file: Option<&Path>,
        url: Option<&Url>,
        format: Format,
    ) -> Result<Vec<Self>, StartError> {
        let mut jobs = Vec::new();
        if let Some(path) = file {
            jobs.push(Self {
                name: "ship-audit-file",
                interval: SOON,
                shipper: Shipper::new(store.clone(), Destination::File(path.to_owned())),
            });
        }
        if let Some(url) = url {
            let wrong = |reason: String| StartError::Configuration {
                service: store.service(),
                reason,
            };
            let settings = ServiceTokenSettings::from_environment().map_err(wrong)?;
            let token = ServiceTokens::new(settings).manage(TOKEN, &["uid"]);
            let destination = Destination::Http {
                url: url.clone(),
                token: Some(Arc::new(move || Box::pin(get(token.clone())))),
                format: Some(format),
            };
            jobs.push(Self {
                name: "ship-audit-http",
                interval: SOON,
                shipper: Shipper::new(store.clone(), destination),
            });
        }
        Ok(jobs)
    }

    /// One for a bucket (`s3://bucket/prefix`, or a directory: `file:///directory`) that gets what happened within `interval` as an
    /// object, below the date and `directory` (contract pierone 2.13).
    pub fn to_bucket(store: &Store, url: &Url, directory: String, interval: Duration) -> Result<Self, StartError> {
        let objects =
            objects::open(url, FileWrites::Cached).map_err(|error| StartError::wrong(store.service(), error))?;
        let destination = Destination::Bucket {
            url: url.clone(),
            objects,
            directory,
        };
        Ok(Self {
            name: "ship-audit-bucket",
            interval,
            shipper: Shipper::new(store.clone(), destination),
        })
    }
}

/// The envelope in which the originals told an audit service of an event (contract kio 2.10). It is the same for the same record
/// however often it is made: its digest is the key under which it is sent.
pub fn audit_envelope(record: &Record, name: &str, version: &str, payload: &Value) -> Value {
    let actor = &record.event.actor;
    json!({
        "event_type": {"namespace": "cloud.zalando.com", "name": name, "version": version},
        "triggered_at": Timestamp(record.recorded_at),
        "triggered_by": {"type": "USER", "id": actor.uid, "additional": {"realm": actor.realm}},
        "payload": payload,
    })
}

async fn get(token: ServiceToken) -> Result<secrecy::SecretString, String> {
    token.get().await.map_err(|error| error.to_string())
}

impl Job for ShipAudit {
    fn name(&self) -> &'static str {
        self.name
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    fn run(&self) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
        Box::pin(async {
            let shipment = self.shipper.run().await.map_err(|error| error.to_string())?;
            serde_json::to_value(shipment).map_err(|error| error.to_string())
        })
    }
}
