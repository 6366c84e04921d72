//! Shipping the audit trail to files and over HTTP, at least once, whatever happens between.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::put;
use futures::TryStreamExt as _;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use stups_store::audit::{self, Destination, Format, Record, Shipper, ShippingError, TokenSource};
use stups_store::objects::object_store::aws::AmazonS3Builder;
use stups_store::objects::object_store::{ObjectStore as _, ObjectStoreExt as _};
use stups_store::objects::s3;
use stups_store::{Dialect, Store};
use stups_testkit::{Account, AwsApi};

use crate::support::{TestDatabase, event};

on_both_databases!(
    a_file_gets_every_record_once,
    an_http_destination_gets_every_record,
    a_bucket_gets_objects_of_lines,
    a_destination_that_fails_gets_the_rest_later,
    two_shippers_share_the_work,
);

async fn add(store: &Store, count: usize) {
    let events = (0..count).map(|number| event(&number.to_string())).collect();
    store.write().await.unwrap().commit_all(events).await.unwrap();
}

fn records_of(path: &std::path::Path) -> Vec<Record> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn a_file_gets_every_record_once(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    let path = database.directory.path().join("trail.jsonl");
    let shipper = || Shipper::new(store.clone(), Destination::File(path.clone()));
    assert_eq!(shipper().run().await.unwrap().shipped, 0);

    add(&store, 450).await;
    let shipment = shipper().run().await.unwrap();
    assert_eq!((shipment.shipped, shipment.position), (450, 450));
    add(&store, 3).await;
    assert_eq!(shipper().run().await.unwrap().position, 453);
    assert_eq!(audit::verify(records_of(&path)).unwrap().length(), 453);

    // The process died while it wrote the next line, before it could remember how far it was.
    add(&store, 2).await;
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(shipper().run().await.unwrap().shipped, 2);
    let written = std::fs::read(&path).unwrap();
    std::fs::write(&path, &written[..written.len() - 20]).unwrap();
    forget_position(&database, &store, 452).await;
    assert_eq!(shipper().run().await.unwrap().position, 455);
    assert!(written.starts_with(&whole));
    assert_eq!(std::fs::read(&path).unwrap(), written);
    assert_eq!(audit::verify(records_of(&path)).unwrap().length(), 455);
}

/// As if the process had died before it remembered more than `position`.
async fn forget_position(_: &TestDatabase, store: &Store, position: i64) {
    use sea_orm::ConnectionTrait as _;
    let write = store.write().await.unwrap();
    let back = format!("UPDATE audit_shipments SET sequence = {position}");
    write.transaction().execute_unprepared(&back).await.unwrap();
    write.commit_unaudited().await.unwrap();
}

/// An HTTP destination that keeps what it gets, and fails when it is told to.
#[derive(Clone, Default)]
struct Receiver {
    bodies: Arc<Mutex<BTreeMap<String, String>>>,
    calls: Arc<AtomicUsize>,
    broken: Arc<AtomicBool>,
    /// answers so many calls, then fails
    patience: Arc<Mutex<Option<usize>>>,
}

impl Receiver {
    async fn start(&self) -> url::Url {
        let app = axum::Router::new()
            .route("/events/{key}", put(receive))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        url.parse().unwrap()
    }

    fn records(&self) -> Vec<Record> {
        let bodies = self.bodies.lock().unwrap();
        let mut records: Vec<Record> = bodies
            .values()
            .map(|body| serde_json::from_str(body).unwrap())
            .collect();
        records.sort_by_key(|record| record.sequence);
        records
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

async fn receive(State(it): State<Receiver>, Path(key): Path<String>, headers: HeaderMap, body: String) -> StatusCode {
    it.calls.fetch_add(1, Ordering::SeqCst);
    if headers.get("authorization").map(HeaderValue::as_bytes) != Some(b"Bearer swordfish") {
        return StatusCode::UNAUTHORIZED;
    }
    let mut patience = it.patience.lock().unwrap();
    match patience.as_mut() {
        Some(0) => return StatusCode::SERVICE_UNAVAILABLE,
        Some(left) => *left -= 1,
        None => {}
    }
    if key != hexadecimal(&Sha256::digest(&body)) {
        return StatusCode::BAD_REQUEST;
    }
    it.bodies.lock().unwrap().insert(key, body);
    // The answer is lost, what was sent is not.
    if it.broken.load(Ordering::SeqCst) {
        StatusCode::BAD_GATEWAY
    } else {
        StatusCode::CREATED
    }
}

fn token(value: &'static str) -> TokenSource {
    Arc::new(move || Box::pin(async move { Ok(SecretString::from(value)) }))
}

async fn an_http_destination_gets_every_record(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    add(&store, 7).await;
    let destination = Destination::Http {
        url: url.clone(),
        token: Some(token("swordfish")),
        format: None,
    };
    let shipment = Shipper::new(store.clone(), destination).run().await.unwrap();
    assert_eq!((shipment.shipped, shipment.position), (7, 7));
    assert_eq!(audit::verify(receiver.records()).unwrap().length(), 7);

    // Another destination, in its own shape, and only some of the records.
    let format: Format = Arc::new(|record| {
        (record.sequence % 2 == 0)
            .then(|| serde_json::json!({"event_type": record.event.action, "number": record.sequence}))
    });
    let other = Receiver::default();
    let destination = Destination::Http {
        url: other.start().await,
        token: Some(token("swordfish")),
        format: Some(format),
    };
    assert_eq!(
        Shipper::new(store.clone(), destination).run().await.unwrap().position,
        7
    );
    let bodies: Vec<String> = other.bodies.lock().unwrap().values().cloned().collect();
    assert_eq!(bodies.len(), 3);
    assert!(
        bodies.contains(&r#"{"event_type":"fruit.added","number":2}"#.to_owned()),
        "{bodies:?}"
    );

    let wrong = Destination::Http {
        url,
        token: Some(token("guess")),
        format: None,
    };
    let again = Shipper::new(store.clone(), wrong);
    assert_eq!(again.run().await.unwrap().shipped, 0);
    add(&store, 1).await;
    assert!(matches!(again.run().await, Err(ShippingError::Refused(401))));
}

async fn a_bucket_gets_objects_of_lines(dialect: Dialect) {
    let bucket = format!("trail-{dialect:?}").to_lowercase();
    let account = Account::builder(AwsApi::shared().await).bucket(&bucket).build().await;
    let objects_at = |url: &str| {
        let environment = account.environment();
        let from = |name: &str| environment.iter().find(|(key, _)| key == name).unwrap().1.clone();
        let settings = AmazonS3Builder::new()
            .with_endpoint(from("AWS_ENDPOINT_URL"))
            .with_access_key_id(from("AWS_ACCESS_KEY_ID"))
            .with_secret_access_key(from("AWS_SECRET_ACCESS_KEY"))
            .with_token(from("AWS_SESSION_TOKEN"))
            .with_region("us-east-1");
        let url: url::Url = url.parse().unwrap();
        (s3(&url, settings).unwrap(), url)
    };
    let (objects, url) = objects_at(&format!("s3://{bucket}/audit"));
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    let shipper = || {
        let destination = Destination::Bucket {
            url: url.clone(),
            objects: objects.clone(),
            directory: "pierone/1.8/../i-0123/".to_owned(),
        };
        Shipper::new(store.clone(), destination)
    };
    let written = async || {
        let mut found: Vec<_> = objects.list(None).try_collect().await.unwrap();
        found.sort_by(|one, other| one.location.cmp(&other.location));
        let mut records: Vec<Record> = Vec::new();
        for object in &found {
            let bytes = objects.get(&object.location).await.unwrap().bytes().await.unwrap();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            records.extend(text.lines().map(|line| serde_json::from_str::<Record>(line).unwrap()));
        }
        records.sort_by_key(|record| record.sequence);
        (
            found
                .into_iter()
                .map(|object| object.location.to_string())
                .collect::<Vec<_>>(),
            records,
        )
    };
    // Nothing that happened is no object.
    assert_eq!(shipper().run().await.unwrap().shipped, 0);
    assert!(written().await.0.is_empty());

    add(&store, 250).await;
    assert_eq!(shipper().run().await.unwrap().position, 250);
    let (places, records) = written().await;
    assert_eq!(places.len(), 2);
    assert_eq!(audit::verify(records.clone()).unwrap().length(), 250);
    let first = jiff::Timestamp::from_millisecond(records[0].recorded_at).unwrap();
    // What leads nowhere is a name like any other.
    let expected = first.strftime("%Y/%m/%d/pierone/1.8/%2E%2E/i-0123/modifying-requests-%H-%M-%S-1.log");
    let expected = expected.to_string();
    assert!(places.contains(&expected), "{places:?} {expected}");

    // It died before it could remember how far it was: the same object is written again, with what has come meanwhile.
    add(&store, 1).await;
    forget_position(&database, &store, 200).await;
    assert_eq!(shipper().run().await.unwrap().position, 251);
    let (again, records) = written().await;
    assert_eq!(again, places);
    assert_eq!(audit::verify(records).unwrap().length(), 251);

    let (objects, url) = objects_at("s3://no-such-bucket");
    let gone = Destination::Bucket {
        url,
        objects,
        directory: String::new(),
    };
    let failing = Shipper::new(store.clone(), gone);
    assert!(matches!(failing.run().await, Err(ShippingError::Bucket(_))));
    assert_eq!(failing.position().await.unwrap(), 0);
}

async fn a_destination_that_fails_gets_the_rest_later(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let shipper = || {
        Shipper::new(
            store.clone(),
            Destination::Http {
                url: url.clone(),
                token: Some(token("swordfish")),
                format: None,
            },
        )
    };
    add(&store, 10).await;

    *receiver.patience.lock().unwrap() = Some(4);
    let failing = shipper();
    assert!(matches!(failing.run().await, Err(ShippingError::Refused(503))));
    assert_eq!(failing.position().await.unwrap(), 4);
    // It is left alone for a moment.
    let calls = receiver.calls.load(Ordering::SeqCst);
    assert!(failing.run().await.unwrap().waiting);
    assert_eq!(receiver.calls.load(Ordering::SeqCst), calls);

    *receiver.patience.lock().unwrap() = None;
    receiver.broken.store(true, Ordering::SeqCst);
    free_lease(&store).await;
    assert!(matches!(shipper().run().await, Err(ShippingError::Refused(502))));
    assert_eq!(receiver.records().len(), 5, "the fifth is there, but nobody said so");

    receiver.broken.store(false, Ordering::SeqCst);
    free_lease(&store).await;
    assert_eq!(shipper().run().await.unwrap().position, 10);
    assert_eq!(audit::verify(receiver.records()).unwrap().length(), 10);
}

/// As if the time of the one that failed had passed.
async fn free_lease(store: &Store) {
    use sea_orm::ConnectionTrait as _;
    let write = store.write().await.unwrap();
    write
        .transaction()
        .execute_unprepared("UPDATE audit_shipments SET leased_until = 0")
        .await
        .unwrap();
    write.commit_unaudited().await.unwrap();
}

async fn two_shippers_share_the_work(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let stores = [database.open().await, database.open().await];
    add(&stores[0], 600).await;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let shippers = stores.map(|store| {
        Shipper::new(
            store,
            Destination::Http {
                url: url.clone(),
                token: Some(token("swordfish")),
                format: None,
            },
        )
    });
    let (one, other) = tokio::join!(shippers[0].run(), shippers[1].run());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.shipped + other.shipped, 600);
    assert_eq!(receiver.calls.load(Ordering::SeqCst), 600);
    assert_eq!(shippers[0].position().await.unwrap(), 600);
}

#[tokio::test]
async fn a_file_that_is_no_trail_is_left_alone() {
    let database = TestDatabase::new(Dialect::Sqlite).await;
    let store = database.open().await;
    add(&store, 1).await;
    let path = database.directory.path().join("notes.txt");
    std::fs::write(&path, "dear diary\n").unwrap();
    let error = Shipper::new(store, Destination::File(path.clone()))
        .run()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no audit record"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "dear diary\n");
}

#[tokio::test]
async fn records_are_found_by_subject_actor_and_time() {
    let database = TestDatabase::new(Dialect::Sqlite).await;
    let store = database.open().await;
    let first = store.record(event("apple")).await.unwrap();
    let mut other = event("pear\0");
    other.actor.uid = "asmith".to_owned();
    let second = store.record(other).await.unwrap();
    let third = store.record(event("apple")).await.unwrap();
    let find = async |filter: audit::Filter, after, limit| {
        let records = audit::page(store.connection(), after, limit, &filter).await.unwrap();
        records.iter().map(|record| record.sequence).collect::<Vec<_>>()
    };
    let all = audit::Filter::default;
    assert_eq!(find(all(), 0, 2).await, [1, 2]);
    assert_eq!(find(all(), 2, 2).await, [3]);
    assert_eq!(
        find(
            audit::Filter {
                subject: Some("apple".to_owned()),
                ..all()
            },
            0,
            9
        )
        .await,
        [1, 3]
    );
    assert_eq!(
        find(
            audit::Filter {
                subject: Some("pear\0".to_owned()),
                ..all()
            },
            0,
            9
        )
        .await,
        [2]
    );
    assert_eq!(
        find(
            audit::Filter {
                actor: Some("/employees/asmith".to_owned()),
                ..all()
            },
            0,
            9
        )
        .await,
        [2]
    );
    let times = audit::Filter {
        since: Some(first.recorded_at),
        until: Some(third.recorded_at + 1),
        ..all()
    };
    assert_eq!(find(times, 0, 9).await, [1, 2, 3]);
    assert_eq!(
        find(
            audit::Filter {
                until: Some(first.recorded_at),
                ..all()
            },
            0,
            9
        )
        .await,
        [0_i64; 0]
    );
    assert_eq!(second.event.details["weight"], "1.5");
}
