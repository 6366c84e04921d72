//! A proxy that ends a process at a chosen moment of what that process does.

use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use url::Url;

use crate::client;

/// No body here is larger.
const LARGEST_BODY: usize = 1 << 20;

/// When a process is ended, in relation to one of its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The call never arrives.
    Before,
    /// The call was done, and its answer never arrives.
    After,
}

/// Forwards calls, counts those that change something, and ends the process that makes them (SIGKILL) at one of them. Several proxies
/// can count together.
#[derive(Clone, Debug, Default)]
pub struct Proxy(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    process: u32,
    count: usize,
    end: Option<(usize, Moment)>,
}

#[derive(Clone)]
struct Forward {
    proxy: Proxy,
    target: Url,
}

impl Proxy {
    /// Serves another place; everything but GET and HEAD counts there.
    pub async fn before(&self, target: &Url) -> Url {
        let forward = Forward {
            proxy: self.clone(),
            target: target.clone(),
        };
        let router = Router::new().fallback(forwarded).with_state(forward);
        stups_testkit::HttpService::start(|_| router).await.url
    }

    /// Begins to count, and ends the process at the `number`th call from now (from 1).
    pub fn end(&self, process: u32, number: usize, moment: Moment) {
        *self.plan() = Plan {
            process,
            count: 0,
            end: Some((number, moment)),
        };
    }

    /// Ends nothing any more.
    pub fn disarm(&self) {
        self.plan().end = None;
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, method: &Method) -> usize {
        let mut plan = self.plan();
        if *method != Method::GET && *method != Method::HEAD {
            plan.count += 1;
            return plan.count;
        }
        0
    }

    fn end_if_planned(&self, number: usize, moment: Moment) {
        let plan = self.plan();
        if number > 0 && plan.end == Some((number, moment)) {
            let killed = Command::new("kill").args(["-9", &plan.process.to_string()]).status();
            assert!(killed.is_ok_and(|status| status.success()), "the process can be ended");
        }
    }
}

async fn forwarded(State(forward): State<Forward>, request: Request) -> Response {
    let number = forward.proxy.count(request.method());
    forward.proxy.end_if_planned(number, Moment::Before);
    if forward
        .proxy
        .plan()
        .end
        .is_some_and(|(end, moment)| moment == Moment::Before && end == number)
    {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let (head, body) = request.into_parts();
    let body = to_bytes(body, LARGEST_BODY).await.expect("bodies are small");
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let target = format!("{}{path}", forward.target.as_str().trim_end_matches('/'));
    let mut headers = head.headers;
    for name in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    let answer = client()
        .request(head.method, target)
        .headers(headers)
        .body(body)
        .send()
        .await;
    let Ok(answer) = answer else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let body = answer.bytes().await.unwrap_or_default();
    forward.proxy.end_if_planned(number, Moment::After);
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    (status, headers, Body::from(body)).into_response()
}
