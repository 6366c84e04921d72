//! What Kio writes reaches the audit service, whatever happens to either of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::put;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use stups_testkit::PostgreSql;
use stups_tests::{AUDIT_TOKEN, KioData, until};

/// An audit service as the originals know it: `PUT /<SHA-256 of the event>`.
#[derive(Clone, Default)]
struct AuditService(Arc<Mutex<Received>>);

#[derive(Default)]
struct Received {
    /// Calls that are to fail.
    failing: usize,
    /// The keys of calls that failed.
    failed: Vec<String>,
    /// Events by key, as they were accepted; how often does not matter.
    events: BTreeMap<String, Value>,
}

impl AuditService {
    async fn start(failing: usize) -> (Self, String) {
        let service = Self::default();
        service.received().failing = failing;
        let router = Router::new()
            .route("/events/{key}", put(receive))
            .with_state(service.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (service, url)
    }

    fn received(&self) -> MutexGuard<'_, Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names that an application had, in events that were accepted.
    fn names(&self, id: &str) -> Vec<String> {
        let received = self.received();
        let mut names: Vec<String> = received
            .events
            .values()
            .map(|event| &event["payload"]["application"])
            .filter(|application| application["id"] == id)
            .map(|application| application["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}

async fn receive(
    State(service): State<AuditService>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    let digest = Sha256::digest(&body);
    let computed = digest
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let token = headers.get("authorization").and_then(|value| value.to_str().ok());
    if token != Some(&format!("Bearer {AUDIT_TOKEN}")) || key != computed {
        return StatusCode::BAD_REQUEST;
    }
    let mut received = service.received();
    if received.failing > 0 {
        received.failing -= 1;
        received.failed.push(key);
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    received.events.insert(key, serde_json::from_str(&body).unwrap());
    StatusCode::OK
}

async fn every_write_arrives(mut data: KioData) {
    let (service, url) = AuditService::start(2).await;
    data.ship_to(url);
    let kio = data.start().await;
    assert_eq!(kio.put("one", "First").await, Some(reqwest::StatusCode::OK));
    // Refused twice, it is sent again until it is taken: the same event under the same key.
    until("the first event", async || service.names("one") == ["First"]).await;
    {
        let received = service.received();
        assert_eq!(received.failed.len(), 2);
        assert!(received.failed.iter().all(|key| received.events.contains_key(key)));
    }

    // Killed as soon as it has answered, while the audit service is out of order.
    service.received().failing = usize::MAX;
    assert_eq!(kio.put("one", "Second").await, Some(reqwest::StatusCode::OK));
    assert_eq!(kio.put("two", "First").await, Some(reqwest::StatusCode::OK));
    kio.kill().await;
    service.received().failing = 0;
    let kio = data.start().await;
    until("the events of before", async || service.names("two") == ["First"]).await;
    assert_eq!(service.names("one"), ["First", "Second"]);

    // Nothing but what was written: each record of the trail once.
    let records = kio.audit().await;
    assert_eq!(service.received().events.len(), records.len());
    let event = service.received().events.values().next().unwrap().clone();
    assert_eq!(event["event_type"]["name"], "application-modified");
    assert_eq!(event["triggered_by"]["id"], "jdoe");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_reaches_the_audit_service_on_sqlite() {
    every_write_arrives(KioData::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_reaches_the_audit_service_on_postgresql() {
    every_write_arrives(KioData::postgresql(PostgreSql::shared().await).await).await;
}
