//! Verifying tokens and asking for permissions over real HTTP, against an identity service that does what tests tell it.

mod policy;
mod token_info;
mod tokens_by_keys;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

/// What identity answers to one path.
type Answers = Arc<Mutex<Vec<(String, Given)>>>;

#[derive(Clone)]
enum Given {
    Json(u16, Value),
    Text(u16, &'static str, String),
    /// Never.
    Hang,
}

/// A service that answers what it was told and remembers what it was asked.
#[derive(Clone)]
struct Stub {
    url: Url,
    answers: Answers,
    asked: Arc<Mutex<Vec<(String, HeaderMap, String)>>>,
    count: Arc<AtomicUsize>,
}

impl Stub {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let stub = Self {
            url,
            answers: Arc::default(),
            asked: Arc::default(),
            count: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(stub.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        stub
    }

    /// From now on `path` (with its query, when one is given) is answered like this.
    fn set(&self, path: &str, given: Given) {
        let mut answers = self.answers.lock().unwrap();
        answers.retain(|(known, _)| known != path);
        answers.push((path.to_owned(), given));
    }

    fn json(&self, path: &str, body: Value) {
        self.set(path, Given::Json(200, body));
    }

    fn count(&self, path: &str) -> usize {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .filter(|(asked, _, _)| asked.split('?').next() == Some(path))
            .count()
    }

    /// The numbers behind `name` in the queries to the path.
    fn queries(&self, path: &str, name: &str) -> Vec<i64> {
        let asked = self.asked.lock().unwrap();
        let queries = asked
            .iter()
            .filter_map(|(asked, _, _)| asked.strip_prefix(path)?.strip_prefix('?'));
        queries
            .filter_map(|query| query.strip_prefix(name)?.parse().ok())
            .collect()
    }

    fn last(&self) -> (String, HeaderMap, String) {
        self.asked.lock().unwrap().last().unwrap().clone()
    }
}

async fn answer(State(stub): State<Stub>, request: Request) -> Response {
    stub.count.fetch_add(1, Ordering::SeqCst);
    let (parts, body) = request.into_parts();
    let asked = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    stub.asked.lock().unwrap().push((
        asked.clone(),
        parts.headers,
        String::from_utf8_lossy(&body).into_owned(),
    ));
    let given = {
        let answers = stub.answers.lock().unwrap();
        let found = answers
            .iter()
            .find(|(path, _)| *path == asked || *path == parts.uri.path());
        found.map(|(_, given)| given.clone())
    };
    match given {
        None => (StatusCode::NOT_FOUND, "{}").into_response(),
        Some(Given::Json(status, body)) => (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response(),
        Some(Given::Text(status, kind, body)) => (
            StatusCode::from_u16(status).unwrap(),
            [(header::CONTENT_TYPE, kind)],
            body,
        )
            .into_response(),
        Some(Given::Hang) => std::future::pending().await,
    }
}

/// Waits for something that happens in the background.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

fn no_revocations() -> Value {
    json!({"meta": {"MAX_TIME_DELTA": 2_678_400}, "revocations": []})
}
