//! The frame of a service over real HTTP: a small service with a registry's kinds of routes, asked as callers ask.

mod audit;
mod authentication;
mod documents;
mod frame;
mod limits;
mod operation;
mod tls;

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Client, Method};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stups_auth::{Caller, Verification, Verifier, Verify, VerifyError};
use stups_server::{
    Authenticated, Built, Environment, Error, ErrorShape, Job, JobResult, Json, Origin, Path, Query, Service,
};
use stups_store::{DatabaseUrl, Store};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Knows the tokens `good`, `auditor`, `nobody` and `away`.
struct Tokens;

impl Verify for Tokens {
    fn verify<'a>(&'a self, token: &'a str) -> Verification<'a> {
        let scopes: &[&str] = if token == "auditor" {
            &["uid", "audit.read"]
        } else {
            &["uid"]
        };
        Box::pin(ready(match token {
            "good" | "auditor" => Ok(Arc::new(Caller {
                uid: "jdoe".to_owned(),
                realm: "/employees".to_owned(),
                scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
                client_id: None,
                expires_at: i64::MAX,
                token: SecretString::from(token),
            })),
            "nobody" => Err(VerifyError::Nobody),
            "away" => Err(VerifyError::Unavailable("10.0.0.1 refused the connection".to_owned())),
            _ => Err(VerifyError::Invalid),
        }))
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct App {
    name: String,
    #[serde(default)]
    level: Option<i32>,
}

/// What the routes wait for, so that tests decide when a request ends.
#[derive(Clone)]
struct Gate {
    entered: Arc<Semaphore>,
    leave: Arc<Semaphore>,
}

/// One application.
#[utoipa::path(get, path = "/apps/{id}", params(("id" = String, Path)), responses((status = 200, body = App)))]
async fn get_app(caller: Authenticated, Path(id): Path<String>) -> Result<Json<Value>, Error> {
    if id == "none" {
        return Err(Error::not_found("There is no application none."));
    }
    Ok(Json(
        json!({"id": id, "uid": caller.uid, "request_id": caller.actor().request_id, "text": "x".repeat(5000)}),
    ))
}

/// Writes one.
#[utoipa::path(put, path = "/apps/{id}", params(("id" = String, Path)), request_body = App, responses((status = 200, body = App)))]
async fn put_app(_: Authenticated, Json(app): Json<App>) -> Json<App> {
    Json(app)
}

#[derive(Deserialize)]
struct Filter {
    limit: Option<u32>,
}

/// All.
#[utoipa::path(get, path = "/apps", responses((status = 200, body = Vec<App>)))]
async fn list_apps(Query(filter): Query<Filter>) -> Json<Value> {
    Json(json!({"limit": filter.limit}))
}

/// Where the caller is.
#[utoipa::path(get, path = "/origin", responses((status = 200)))]
async fn origin(origin: Origin, caller: Option<Authenticated>) -> Json<Value> {
    Json(
        json!({"address": origin.address, "request_id": origin.request_id, "uid": caller.map(|caller| caller.uid.clone())}),
    )
}

/// Panics.
#[utoipa::path(get, path = "/panic", responses((status = 200)))]
async fn panics() -> Json<Value> {
    panic!("the secret is 42")
}

/// Waits until the test lets it go.
#[utoipa::path(get, path = "/wait", responses((status = 200)))]
async fn waits(State(gate): State<Gate>) -> Result<&'static str, StatusCode> {
    gate.entered.add_permits(1);
    gate.leave
        .acquire()
        .await
        .map_err(|_| StatusCode::IM_A_TEAPOT)?
        .forget();
    Ok("done")
}

struct Counting;

impl Job for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn interval(&self) -> Duration {
        Duration::from_hours(1)
    }

    fn run(&self) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
        Box::pin(ready(Ok(json!({"counted": 3}))))
    }
}

struct Failing;

impl Job for Failing {
    fn name(&self) -> &'static str {
        "failing"
    }

    fn interval(&self) -> Duration {
        Duration::from_hours(1)
    }

    fn run(&self) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
        Box::pin(async { panic!("out of luck") })
    }
}

/// A running service. It ends when dropped.
struct Running {
    url: String,
    client: Client,
    gate: Gate,
    built: Arc<Built>,
    stop: Option<oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
    store: Store,
    _directory: tempfile::TempDir,
}

fn environment() -> Environment {
    Environment::new("/nowhere", "http://kio.example.org".parse().unwrap())
}

async fn start(shape: ErrorShape, environment: &Environment) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let database = DatabaseUrl::sqlite_file(&directory.path().join("test.db"));
    let store = Store::open(&database, "test", Vec::new()).await.unwrap();
    let gate = Gate {
        entered: Arc::new(Semaphore::new(0)),
        leave: Arc::new(Semaphore::new(0)),
    };
    let built = Service::new("test", "1.2.3")
        .shape(shape)
        .environment(environment)
        .store(store.clone())
        .verifier(Verifier::new(Tokens))
        .routes(
            OpenApiRouter::new()
                .routes(routes!(get_app, put_app))
                .routes(routes!(list_apps)),
        )
        .open_routes(
            OpenApiRouter::new()
                .routes(routes!(origin))
                .routes(routes!(panics))
                .routes(routes!(waits))
                .with_state(gate.clone()),
        )
        .job(Counting)
        .job(Failing)
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move { drop(stopped.await) };
    let served = tokio::spawn(stups_server::serve(listener, built.router.clone(), None, shutdown));
    let client = Client::builder().redirect(reqwest::redirect::Policy::none());
    Running {
        url,
        client: client.tls_backend_preconfigured(no_tls()).build().unwrap(),
        gate,
        built: Arc::new(built),
        stop: Some(stop),
        served,
        store,
        _directory: directory,
    }
}

/// A client that trusts nobody: the tests speak plain HTTP.
fn no_tls() -> rustls::ClientConfig {
    trusting(rustls::RootCertStore::empty())
}

fn trusting(roots: rustls::RootCertStore) -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

async fn friboo() -> Running {
    start(ErrorShape::Friboo, &environment()).await
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Running {
    async fn ask(&self, method: Method, path: &str, headers: &[(&'static str, &str)], body: Option<&str>) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(HeaderName::from_static(name), *value);
        }
        if let Some(body) = body {
            request = request.body(body.to_owned());
        }
        let response = request.send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned(),
        }
    }

    /// With a valid token.
    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[("authorization", "Bearer good")], None)
            .await
    }

    /// Without a token.
    async fn get_open(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], None).await
    }
}
