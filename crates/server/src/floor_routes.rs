//! The routes that every service has: health, readiness, status, metrics, API documents, audit.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_TYPE, HOST, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use serde_json::{Map, Value, json};
use stups_store::Store;
use utoipa_swagger_ui::Config;

use crate::context::Context;
use crate::error::Error;
use crate::extract::{Authenticated, Json};
use crate::frame::FrameSettings;
use crate::job::Jobs;
use crate::measurements;

/// How long the database may take to say that it is there.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// Says whether something that a service stands on answers.
pub(crate) type Ready = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync>;

pub(crate) struct Floor {
    pub(crate) service: &'static str,
    pub(crate) version: &'static str,
    pub(crate) started: Instant,
    pub(crate) store: Option<Store>,
    /// What has to answer beside the database.
    pub(crate) ready: Option<Ready>,
    pub(crate) jobs: Jobs,
    pub(crate) frame: Arc<FrameSettings>,
    /// The OpenAPI 3.1 document.
    pub(crate) openapi: String,
    /// The Swagger 2 document, without `host`.
    pub(crate) swagger: Value,
    pub(crate) ui: Arc<Config<'static>>,
}

/// The routes; `/` only where the service has none of its own.
pub(crate) fn routes(floor: Arc<Floor>, root: bool) -> Router {
    let router = Router::new()
        // Whatever a load balancer asks with (contract pierone 2.1).
        .route("/.well-known/health", any(async || Json(json!({"health": true}))))
        .route("/.well-known/ready", get(ready))
        .route("/.well-known/schema-discovery", get(discovery))
        .route("/openapi.json", get(openapi))
        .route("/swagger.json", get(swagger))
        .route("/ui", get(async || see("/ui/")))
        .route("/ui/", get(ui_index))
        .route("/ui/{*file}", get(ui_file))
        .route(
            "/favicon.ico",
            get(async || (StatusCode::NOT_FOUND, "There is no icon.\n")),
        )
        .route("/metrics", get(metrics))
        .route("/status", get(status));
    let router = if root {
        router.route("/", get(async || see("/ui/")))
    } else {
        router
    };
    router.with_state(floor)
}

fn see(location: &'static str) -> Response {
    (StatusCode::FOUND, [(LOCATION, location)]).into_response()
}

async fn ready(State(floor): State<Arc<Floor>>) -> Result<Json<Value>, Error> {
    if let Some(store) = &floor.store {
        match tokio::time::timeout(READY_TIMEOUT, store.ping()).await {
            Ok(answered) => answered?,
            Err(_) => return Err(Error::unavailable("the database does not answer.")),
        }
    }
    if let Some(other) = &floor.ready {
        match tokio::time::timeout(READY_TIMEOUT, other()).await {
            Ok(answered) => answered?,
            Err(_) => return Err(Error::unavailable("something that it stands on does not answer.")),
        }
    }
    Ok(Json(json!({"ready": true})))
}

async fn discovery() -> Json<Value> {
    Json(json!({"schema_url": "/swagger.json", "schema_type": "swagger-2.0", "ui_url": "/ui/"}))
}

async fn openapi(State(floor): State<Arc<Floor>>) -> Response {
    ([(CONTENT_TYPE, "application/json")], floor.openapi.clone()).into_response()
}

/// The definition as the originals serve it: with `host` as the caller wrote it.
async fn swagger(State(floor): State<Arc<Floor>>, headers: HeaderMap) -> Json<Value> {
    let mut document = floor.swagger.clone();
    if let (Value::Object(members), Some(Ok(host))) = (&mut document, headers.get(HOST).map(HeaderValue::to_str)) {
        members.insert("host".to_owned(), Value::from(host));
    }
    Json(document)
}

async fn ui_index(State(floor): State<Arc<Floor>>) -> Result<Response, Error> {
    ui("index.html", &floor)
}

async fn ui_file(State(floor): State<Arc<Floor>>, Path(file): Path<String>) -> Result<Response, Error> {
    ui(&file, &floor)
}

/// What a page of the Swagger UI may do: show itself, and call this service.
const UI_HEADERS: [(&str, &str); 4] = [
    (
        "content-security-policy",
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'",
    ),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
];

fn ui(path: &str, floor: &Floor) -> Result<Response, Error> {
    let file = utoipa_swagger_ui::serve(path, floor.ui.clone()).map_err(|error| {
        tracing::error!(%error, "the API pages cannot be served");
        Error::internal()
    })?;
    let file = file.ok_or_else(|| Error::not_found(format!("GET /ui/{path} not found.")))?;
    let mut response = file.bytes.into_owned().into_response();
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_str(&file.content_type).unwrap_or(HeaderValue::from_static("text/plain")),
    );
    if file.gzpipped {
        headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    }
    for (name, value) in UI_HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    Ok(response)
}

async fn metrics(State(floor): State<Arc<Floor>>, context: Context, headers: HeaderMap) -> Result<Response, Error> {
    operator(&context, &headers).await?;
    let text = measurements::render(floor.service, floor.frame.in_flight.load(Ordering::Relaxed));
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

async fn status(State(floor): State<Arc<Floor>>, context: Context, headers: HeaderMap) -> Result<Json<Value>, Error> {
    operator(&context, &headers).await?;
    let jobs: Map<String, Value> = floor
        .jobs
        .entries
        .iter()
        .map(|entry| {
            (
                entry.name().to_owned(),
                serde_json::to_value(entry.status()).unwrap_or_default(),
            )
        })
        .collect();
    Ok(Json(json!({
        "service": floor.service,
        "version": floor.version,
        "uptime_seconds": floor.started.elapsed().as_secs(),
        "jobs": jobs,
    })))
}

/// Lets in who may look inside: anybody on this machine, otherwise callers with a valid token.
async fn operator(context: &Context, headers: &HeaderMap) -> Result<(), Error> {
    let forwarded = headers.contains_key("x-forwarded-for") || headers.contains_key("forwarded");
    if context.address.is_some_and(|address| address.is_loopback()) && !forwarded {
        return Ok(());
    }
    crate::extract::authenticate(&context.settings, headers)
        .await
        .map(|_| ())
}

/// Asserts that extractors for the floor's own guarded routes see the same caller.
pub(crate) fn auditor(caller: &Authenticated) -> Result<(), Error> {
    caller.require_scope("audit.read")
}
