//! What mint talks to: a Kio, an essentials, a service user API and an S3 that note every call and do as they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use serde_json::{Value, json};
use stups_testkit::{HttpService, until};

/// What there is, what was called, and what goes wrong.
#[derive(Default)]
pub(crate) struct Facts {
    /// Applications in Kio, and whether each is active.
    pub(crate) applications: BTreeMap<String, bool>,
    /// Of these Kio's list says nothing, although they are there.
    pub(crate) unlisted: BTreeSet<String>,
    pub(crate) service_users: BTreeSet<String>,
    /// Files by `bucket/key`.
    pub(crate) files: BTreeMap<String, Value>,
    /// Headers of the last file that was put.
    pub(crate) headers: HeaderMap,
    /// Every call, as `PUT users/services/stups_kio`.
    pub(crate) calls: Vec<String>,
    /// What was sent to the service user API, by call.
    pub(crate) bodies: BTreeMap<String, Value>,
    /// The beginning of calls, and the status with which each is refused.
    pub(crate) refused: BTreeMap<String, u16>,
    /// The beginning of paths on which nothing is answered as long as it is here.
    pub(crate) hanging: BTreeSet<String>,
    /// How many requests were not answered at once for that.
    pub(crate) waited: usize,
    /// Where a bucket is, if not where it was looked for.
    pub(crate) regions: BTreeMap<String, String>,
    count: usize,
}

impl Facts {
    fn call(&mut self, call: String) -> Option<Response> {
        let refused = self
            .refused
            .iter()
            .find(|(beginning, _)| call.starts_with(beginning.as_str()));
        let status = refused.map(|(_, status)| *status);
        self.calls.push(call);
        status.map(|status| {
            let status = StatusCode::from_u16(status).unwrap();
            (status, axum::Json(json!({"message": "as it was told"}))).into_response()
        })
    }

    fn next(&mut self) -> usize {
        self.count += 1;
        self.count
    }
}

/// All of them, each on a port of its own.
#[derive(Clone)]
pub(crate) struct World {
    facts: Arc<Mutex<Facts>>,
    pub(crate) kio: url::Url,
    pub(crate) essentials: url::Url,
    pub(crate) users: url::Url,
    pub(crate) s3: url::Url,
}

type Shared = State<Arc<Mutex<Facts>>>;

impl World {
    pub(crate) async fn new() -> Self {
        let facts = Arc::<Mutex<Facts>>::default();
        let serve = async |router: Router<Arc<Mutex<Facts>>>| {
            let hanging = from_fn_with_state(facts.clone(), hang);
            HttpService::start(|_| router.layer(hanging).with_state(facts.clone()))
                .await
                .url
        };
        Self {
            kio: serve(
                Router::new()
                    .route("/apps", get(applications))
                    .route("/apps/{id}", get(application)),
            )
            .await,
            essentials: serve(Router::new().route("/resource-types/{*path}", get(resource_type))).await,
            users: serve(
                Router::new()
                    .route("/services", get(service_users))
                    .route("/services/{id}", any(service_user))
                    .route("/services/{id}/{what}", any(credentials)),
            )
            .await,
            s3: serve(Router::new().fallback(any(object))).await,
            facts,
        }
    }

    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap()
    }

    /// The calls since this was last asked for.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.facts().calls)
    }

    /// The content of a file.
    pub(crate) fn file(&self, place: &str) -> Value {
        self.facts().files.get(place).cloned().unwrap_or_default()
    }
}

/// Whoever asks for what hangs waits until they have had enough.
async fn hang(State(facts): Shared, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let hangs = || {
        facts
            .lock()
            .unwrap()
            .hanging
            .iter()
            .any(|beginning| path.starts_with(beginning))
    };
    if hangs() {
        facts.lock().unwrap().waited += 1;
        until("an answer", async || !hangs()).await;
    }
    next.run(request).await
}

fn described(id: &str, active: bool) -> Value {
    json!({
        "id": id, "team_id": "stups", "active": active, "name": id.to_uppercase(), "subtitle": "A subtitle",
        "created": "2026-01-01T00:00:00.000Z", "created_by": "x", "last_modified": "2026-01-01T00:00:00.000Z",
        "last_modified_by": "x",
    })
}

async fn applications(State(facts): Shared) -> Response {
    let mut facts = facts.lock().unwrap();
    if let Some(refused) = facts.call("GET kio/apps".to_owned()) {
        return refused;
    }
    let listed = facts
        .applications
        .iter()
        .filter(|(id, _)| !facts.unlisted.contains(*id));
    axum::Json(listed.map(|(id, active)| described(id, *active)).collect::<Vec<_>>()).into_response()
}

async fn application(State(facts): Shared, Path(id): Path<String>) -> Response {
    let mut facts = facts.lock().unwrap();
    if let Some(refused) = facts.call(format!("GET kio/apps/{id}")) {
        return refused;
    }
    match facts.applications.get(&id) {
        Some(active) => axum::Json(described(&id, *active)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `sales_order.read` is an owner's scope, `sales_order.write` an application's; there is no other.
async fn resource_type(State(facts): Shared, Path(path): Path<String>) -> Response {
    if let Some(refused) = facts.lock().unwrap().call(format!("GET essentials/{path}")) {
        return refused;
    }
    let scope = |id: &str, owned: bool| json!({"id": id, "summary": id, "is_resource_owner_scope": owned, "criticality_level": 2});
    let found = match path.as_str() {
        "sales_order" => json!({"id": "sales_order", "name": "Sales Order", "resource_owners": ["customers"]}),
        "sales_order/scopes/read" => scope("read", true),
        "sales_order/scopes/write" => scope("write", false),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    axum::Json(found).into_response()
}

async fn service_users(State(facts): Shared) -> Response {
    let mut facts = facts.lock().unwrap();
    if let Some(refused) = facts.call("GET users/services".to_owned()) {
        return refused;
    }
    axum::Json(
        facts
            .service_users
            .iter()
            .map(|id| json!({"id": id}))
            .collect::<Vec<_>>(),
    )
    .into_response()
}

async fn service_user(State(facts): Shared, method: Method, Path(id): Path<String>, body: Bytes) -> Response {
    let mut facts = facts.lock().unwrap();
    let call = format!("{method} users/services/{id}");
    if let Some(refused) = facts.call(call.clone()) {
        return refused;
    }
    if method == Method::DELETE {
        let removed = facts.service_users.remove(&id);
        return if removed {
            axum::Json(json!({})).into_response()
        } else {
            StatusCode::NOT_FOUND.into_response()
        };
    }
    facts.bodies.insert(call, serde_json::from_slice(&body).unwrap());
    facts.service_users.insert(id.clone());
    axum::Json(json!({"client_id": format!("client-of-{id}")})).into_response()
}

async fn credentials(
    State(facts): Shared,
    method: Method,
    Path((id, what)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let mut facts = facts.lock().unwrap();
    let call = format!("{method} users/services/{id}/{what}");
    if let Some(refused) = facts.call(call.clone()) {
        return refused;
    }
    if !facts.service_users.contains(&id) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let body: Value = serde_json::from_slice(&body).unwrap();
    let has_key = body.get("public_key").is_some();
    facts.bodies.insert(call, body);
    let number = facts.next();
    let txid = format!("tx-{number}");
    let made = match (method.as_str(), what.as_str()) {
        ("POST", "password") => json!({"txid": txid, "password": format!("secret-{number}")}),
        ("POST", _) if has_key => json!({"txid": txid, "client_id": format!("client-{number}"), "client_secret": null}),
        ("POST", _) => {
            json!({"txid": txid, "client_id": format!("client-{number}"), "client_secret": format!("secret-{number}")})
        }
        _ => json!({}),
    };
    axum::Json(made).into_response()
}

async fn object(State(facts): Shared, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut facts = facts.lock().unwrap();
    let place = uri.path().trim_start_matches('/').to_owned();
    if let Some(refused) = facts.call(format!("{method} s3/{place}")) {
        let code = if refused.status() == StatusCode::FORBIDDEN {
            "AccessDenied"
        } else {
            "InternalError"
        };
        let error = format!("<Error><Code>{code}</Code><Message>as it was told</Message></Error>");
        return (refused.status(), error).into_response();
    }
    let bucket = place.split('/').next().unwrap();
    let signed_for = headers
        .get("authorization")
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    if let Some(region) = facts
        .regions
        .get(bucket)
        .filter(|region| !signed_for.contains(&format!("/{region}/s3/")))
    {
        let error = "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>";
        return (
            StatusCode::MOVED_PERMANENTLY,
            [("x-amz-bucket-region", region.clone())],
            error,
        )
            .into_response();
    }
    let content = content(&headers, &body);
    facts.files.insert(place, serde_json::from_slice(&content).unwrap());
    facts.headers = headers;
    StatusCode::OK.into_response()
}

/// The SDK sends a body in chunks with a checksum behind it, or as it is.
fn content(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    if !headers
        .get("content-encoding")
        .is_some_and(|encoding| encoding.to_str().unwrap().contains("aws-chunked"))
    {
        return body.to_vec();
    }
    let text = String::from_utf8(body.to_vec()).unwrap();
    let (length, rest) = text.split_once("\r\n").unwrap();
    let length = usize::from_str_radix(length.split(';').next().unwrap(), 16).unwrap();
    rest.as_bytes()[..length].to_vec()
}
