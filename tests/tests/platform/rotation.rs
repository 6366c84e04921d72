//! Days of rotations in seconds: identity and mint's worker by a clock that this test moves, and clients that read their files once a
//! minute. At every step of every rotation all of them are let in.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use reqwest::StatusCode;
use secrecy::SecretString;
use serde_json::{Value, json};
use stups_api::client::{Client, TokenSource};
use stups_api::essentials::EssentialsClient;
use stups_api::identity::IdentityClient;
use stups_api::kio::KioClient;
use stups_aws::{Credentials, Session};
use stups_identity::NeighbourTokens;
use stups_mint::{Config, Services, WORKER_SCOPES, Worker, WorkerSettings};
use stups_server::{Clock, Environment};
use stups_store::{DatabaseUrl, Store};
use stups_testkit::{AwsApi, HttpService};
use stups_tests::client;
use url::Url;

const BUCKET: &str = "rotation";

/// The two files, as a client has read them.
type Files = (Value, Value);

/// The clients and what they hold, by the moment at which they read.
#[derive(Clone)]
struct Clients {
    identity: Arc<Mutex<Option<Url>>>,
    held: Arc<Mutex<Vec<Files>>>,
    logins: Arc<Mutex<usize>>,
}

impl Clients {
    /// Everybody gets a token with what they hold.
    async fn all_are_let_in(&self, when: &str) {
        let Some(url) = self.identity.lock().unwrap().clone() else {
            return;
        };
        let url = url.join("oauth2/access_token?realm=/services").unwrap();
        let held = self.held.lock().unwrap().clone();
        for (user, oauth_client) in held {
            let form = [
                ("grant_type", "password"),
                ("username", user["application_username"].as_str().unwrap()),
                ("password", user["application_password"].as_str().unwrap()),
                ("scope", "uid"),
            ];
            let (id, secret) = (
                oauth_client["client_id"].as_str().unwrap(),
                oauth_client["client_secret"].as_str(),
            );
            let answer = client()
                .post(url.clone())
                .basic_auth(id, secret)
                .form(&form)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{when}");
            *self.logins.lock().unwrap() += 1;
        }
    }
}

/// Before and after each call of the worker that changes a service user, all are let in.
async fn watched(State(clients): State<Clients>, request: Request, next: Next) -> Response {
    let is_step = request.uri().path().starts_with("/services");
    let step = format!("{} {}", request.method(), request.uri().path());
    if is_step {
        Box::pin(clients.all_are_let_in(&format!("before {step}"))).await;
    }
    let response = next.run(request).await;
    if is_step {
        Box::pin(clients.all_are_let_in(&format!("after {step}"))).await;
    }
    response
}

/// The tokens of whoever asks in a process of its own.
struct Tokens(Arc<NeighbourTokens>);

impl TokenSource for Tokens {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send + '_>> {
        self.0.token()
    }
}

/// A Kio that has one application and an essentials that is not asked.
async fn kio() -> Url {
    let shop = json!({
        "id": "shop", "team_id": "stups", "active": true, "name": "Shop", "created": "2026-01-01T00:00:00.000Z",
        "created_by": "x", "last_modified": "2026-01-01T00:00:00.000Z", "last_modified_by": "x",
    });
    let list = axum::routing::get(async move || axum::Json(json!([shop])));
    HttpService::start(|_| axum::Router::new().route("/apps", list))
        .await
        .url
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_that_reads_once_a_minute_is_ever_refused() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::default();
    let clients = Clients {
        identity: Arc::default(),
        held: Arc::default(),
        logins: Arc::default(),
    };

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let identity_url: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let environment = Environment::new(directory.path(), identity_url.clone());
    let config = stups_identity::Config::default();
    let identity = stups_identity::build_at(&config, &environment, clock.clone())
        .await
        .unwrap();
    let router = identity
        .built
        .router
        .layer(from_fn_with_state(clients.clone(), watched));
    let router = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, router).await });

    let session = Session::with_credentials(
        Credentials::new("key", "secret", None, None, "test"),
        "us-east-1",
        Some(&AwsApi::shared().await.endpoint()),
    );
    session.s3().create_bucket().bucket(BUCKET).send().await.unwrap();
    let database = DatabaseUrl::sqlite_file(&directory.path().join("mint.db"));
    let store = Store::open(&database, stups_mint::NAME, stups_mint::migrations())
        .await
        .unwrap();
    let kio = kio().await;
    let mint = stups_mint::Mint {
        store: store.clone(),
        verifier: stups_auth::Verifier::insecure_no_auth(),
        policy: Arc::new(stups_auth::InsecurePolicy),
        kio: None,
        essentials: None,
        everything_is_allowed: true,
        trusted_services: "".parse().unwrap(),
        admins: "".parse().unwrap(),
        username_prefix: "stups_".to_owned(),
        clock: clock.clone(),
    };
    let insecure = Environment {
        insecure_no_auth: true,
        ..environment.clone()
    };
    let mint = HttpService::start(|_| mint.build(&insecure).unwrap().router).await;
    let configuration = json!({"is_client_confidential": true, "s3_buckets": [BUCKET]});
    assert_eq!(
        mint.call("PUT", "/apps/shop", "", Some(configuration)).await.status,
        200
    );

    let tokens = Arc::new(NeighbourTokens::new(identity.state.clone(), "mint", &WORKER_SCOPES));
    let users = Client::new(identity_url.clone()).unwrap().with_tokens(Tokens(tokens));
    let services = Services {
        kio: KioClient::new(Client::new(kio.clone()).unwrap()),
        essentials: EssentialsClient::new(Client::new(kio).unwrap()),
        service_users: IdentityClient::new(users),
        coworker: None,
    };
    let config: Config = serde_json::from_value(json!({"password_rotation": "20m", "client_rotation": "45m"})).unwrap();
    let worker = Worker::new(
        store,
        services,
        &session,
        WorkerSettings::of(&config).unwrap(),
        clock.clone(),
    );

    let read = async || -> Files {
        let file = async |name: &str| -> Value {
            let object = session
                .s3()
                .get_object()
                .bucket(BUCKET)
                .key(format!("shop/{name}.json"))
                .send()
                .await
                .unwrap();
            serde_json::from_slice(&object.body.collect().await.unwrap().into_bytes()).unwrap()
        };
        (file("user").await, file("client").await)
    };
    assert_eq!(worker.run_cycle().await.unwrap().passwords, 1);
    *clients.held.lock().unwrap() = vec![read().await; 2];
    *clients.identity.lock().unwrap() = Some(identity_url);

    // Two clients, each of which reads once a minute, half a minute apart; three hours.
    let (mut passwords, mut oauth_clients) = (0, 0);
    for half_minute in 0..360 {
        clock.advance(Duration::from_secs(30));
        let status = worker.run_cycle().await.unwrap();
        assert_eq!((status.failed, status.paused), (0, false));
        passwords += status.passwords;
        oauth_clients += status.clients;
        clients.all_are_let_in(&format!("half minute {half_minute}")).await;
        let files = read().await;
        clients.held.lock().unwrap()[half_minute % 2] = files;
    }
    assert!((9..=10).contains(&passwords), "{passwords} rotations of the password");
    assert!(
        (4..=5).contains(&oauth_clients),
        "{oauth_clients} rotations of the client"
    );
    assert!(*clients.logins.lock().unwrap() > 720);
}
