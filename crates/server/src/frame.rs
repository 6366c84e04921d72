//! The frame around every route of a service, in one layer: what a request passes on its way in and out.
//!
//! One layer instead of a dozen: each layer of the router costs an allocation and a clone per request.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{Extensions, HeaderMap, Method, StatusCode, Version};
use axum::response::Response;
use futures::FutureExt as _;
use http_body_util::Limited;
use stups_auth::Caller;
use tower::{Layer, Service, ServiceExt as _};
use tower_http::compression::Compression;
use tower_http::compression::predicate::{And, Predicate as _, SizeAbove};
use tracing::Instrument as _;

use crate::access_log::{self, Line};
use crate::context::{Context, ContextSettings};
use crate::cors::Cors;
use crate::error::{Error, WAIT};
use crate::extract::admit;
use crate::log_fields::LogFields;
use crate::measurements::{Requests, known_method};
use crate::render::{self, ErrorShape, render};
use crate::{request_id, telemetry};

/// What the frame of one service knows.
pub(crate) struct FrameSettings {
    pub(crate) service: &'static str,
    pub(crate) shape: ErrorShape,
    pub(crate) requests: Requests,
    pub(crate) cors: Cors,
    pub(crate) request_timeout: Duration,
    pub(crate) concurrent_requests: usize,
    pub(crate) trusted_proxies: Vec<std::net::IpAddr>,
    pub(crate) context: Arc<ContextSettings>,
    /// How many requests are being worked on.
    pub(crate) in_flight: AtomicUsize,
}

/// Whom a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Callers with a valid token; everybody else is refused before the handler runs.
    Guarded,
    /// Everybody: the handler authenticates, if it must.
    Open,
    /// Everybody, as pages in a browser: other sites' scripts may not read them.
    Page,
    /// Everybody, with bodies of any size that take any time: the handler bounds both.
    Protocol,
    /// The floor's own routes: health, metrics, documents. Never shed.
    Floor,
}

/// Puts the frame around routes.
#[derive(Clone)]
pub(crate) struct FrameLayer {
    pub(crate) settings: Arc<FrameSettings>,
    pub(crate) access: Access,
    pub(crate) shape: ErrorShape,
}

impl<S: Clone> Layer<S> for FrameLayer {
    type Service = Frame<S>;

    fn layer(&self, inner: S) -> Frame<S> {
        let worth = SizeAbove::new(SMALLEST_COMPRESSED).and(worth_compressing as WorthCompressing);
        let compressing = Compression::new(inner.clone()).gzip(true).compress_when(worth);
        Frame {
            inner,
            compressing,
            settings: self.settings.clone(),
            access: self.access,
            shape: self.shape,
        }
    }
}

/// An answer whose bytes are never compressed on the way: clients compare their digest. Put into its extensions.
#[derive(Clone, Copy, Debug)]
pub struct Verbatim;

type WorthCompressing = fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool;

/// Only answers that are text, with status 200 (contract kio 2.1).
fn worth_compressing(status: StatusCode, _: Version, headers: &HeaderMap, extensions: &Extensions) -> bool {
    if extensions.get::<Verbatim>().is_some() {
        return false;
    }
    let text = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| {
            ["json", "javascript", "xml"].iter().any(|word| kind.contains(word)) || kind.starts_with("text/")
        });
    status == StatusCode::OK && text
}

#[derive(Clone)]
pub(crate) struct Frame<S> {
    inner: S,
    /// The same, for callers that take gzip.
    compressing: Compression<S, And<SizeAbove, WorthCompressing>>,
    settings: Arc<FrameSettings>,
    access: Access,
    shape: ErrorShape,
}

impl<S> Service<Request> for Frame<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        // Routes of the router are always ready; an overloaded service refuses instead of letting callers wait.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let settings = self.settings.clone();
        let (access, shape) = (self.access, self.shape);
        if accepts_gzip(request.headers()) {
            let inner = self
                .compressing
                .clone()
                .map_response(|response| response.map(Body::new));
            return Box::pin(async move { Ok(settings.answer(request, inner, access, shape).await) });
        }
        let inner = self.inner.clone();
        Box::pin(async move { Ok(settings.answer(request, inner, access, shape).await) })
    }
}

/// How many bytes an answer has that is compressed: below, gzip makes it larger or saves no packet.
const SMALLEST_COMPRESSED: u64 = 1024;

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT_ENCODING)
        .is_some_and(|value| value.to_str().is_ok_and(|value| value.contains("gzip")))
}

impl FrameSettings {
    async fn answer<S>(&self, request: Request, inner: S, access: Access, shape: ErrorShape) -> Response
    where
        S: Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        let started = Instant::now();
        let request_id = request_id::of(request.headers());
        let accept = render::accept(request.headers());
        let cors = if access == Access::Page {
            Cors::forbidden()
        } else {
            self.cors.of(request.headers())
        };
        let route = request.extensions().get::<MatchedPath>().cloned();
        let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
        let method = request.method().clone();
        let uri = request.uri().clone();
        let address = crate::address::of(&request, &self.trusted_proxies);
        let caller = OnceLock::new();

        let mut response = if method == Method::OPTIONS {
            Response::new(Body::empty())
        } else {
            let id = request_id.to_str().unwrap_or_default();
            let span = telemetry::span(self.service, known_method(&method), route, id, request.headers());
            let context = Context {
                request_id: request_id.clone(),
                address,
                caller: None,
                settings: self.context.clone(),
            };
            // Pinned before anything is put around it: it would be moved each time, and it is large.
            let admitted = pin!(self.admitted(request, inner, access, context, &caller));
            let response = admitted.instrument(span.clone()).await;
            span.record("http.response.status_code", response.status().as_u16());
            response
        };
        let told = response.extensions_mut().remove::<Arc<Caller>>();
        let fields = response.extensions_mut().remove::<LogFields>();
        if let Some(error) = response.extensions_mut().remove::<Error>() {
            response = render(shape, accept.as_ref(), request_id.to_str().unwrap_or_default(), error);
        }
        cors.write(response.headers_mut());
        response
            .headers_mut()
            .insert(request_id::HEADER.clone(), request_id.clone());

        let took = started.elapsed();
        let status = response.status().as_u16();
        self.requests.note(route, &method, status, took);
        access_log::write(&Line {
            service: self.service,
            request_id: request_id.to_str().unwrap_or_default(),
            method: known_method(&method),
            path: uri.path(),
            query: uri.query(),
            status,
            duration: took,
            address,
            caller: caller.get().or(told.as_ref()).map(|caller| &**caller),
            fields: fields.as_ref(),
        });
        response
    }

    /// Runs the request unless the service is full already.
    async fn admitted<S>(
        &self,
        request: Request,
        inner: S,
        access: Access,
        context: Context,
        caller: &OnceLock<Arc<Caller>>,
    ) -> Response
    where
        S: Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        let _place = match (Place::take(&self.in_flight, self.concurrent_requests), access) {
            (Some(place), _) => Some(place),
            (None, Access::Floor) => None,
            (None, _) => return refused(Error::new(StatusCode::SERVICE_UNAVAILABLE, OVERLOADED).retry_after(WAIT)),
        };
        let guarded = pin!(self.guarded(request, inner, access, context, caller));
        let work = AssertUnwindSafe(guarded).catch_unwind();
        let answered = if access == Access::Protocol {
            Ok(work.await)
        } else {
            tokio::time::timeout(self.request_timeout, work).await
        };
        match answered {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(error))) => refused(error),
            Ok(Err(panic)) => {
                tracing::error!(panic = panic_message(&*panic), "a handler panicked");
                refused(Error::internal())
            }
            Err(_) => refused(Error::new(StatusCode::SERVICE_UNAVAILABLE, TOO_SLOW).retry_after(WAIT)),
        }
    }

    /// Verifies the token, bounds the body, and lets the handler answer.
    async fn guarded<S>(
        &self,
        mut request: Request,
        mut inner: S,
        access: Access,
        mut context: Context,
        caller: &OnceLock<Arc<Caller>>,
    ) -> Result<Response, Error>
    where
        S: Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        let without_head =
            matches!(self.shape, ErrorShape::Friboo | ErrorShape::FribooDetail) && access == Access::Guarded;
        if without_head && *request.method() == Method::HEAD {
            return Err(undefined(request.method(), request.uri().path()));
        }
        if access == Access::Guarded {
            let verified = admit(&context.settings, request.headers()).await?;
            let _ = caller.set(verified.clone());
            context.caller = Some(verified);
        }
        request.extensions_mut().insert(context);
        let request = if access == Access::Protocol {
            request
        } else {
            self.bounded(request)?
        };
        match inner.call(request).await {
            Ok(response) => Ok(response),
            Err(never) => match never {},
        }
    }

    /// Refuses a body that says it is too large; cuts off one that turns out to be.
    fn bounded(&self, request: Request) -> Result<Request, Error> {
        if request.body().is_end_stream() {
            return Ok(request);
        }
        let limit = self.context.body_limit;
        let length = request
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > limit as u64) {
            return Err(crate::extract::too_large(limit));
        }
        Ok(request.map(|body| Body::new(Limited::new(body, limit))))
    }
}

const OVERLOADED: &str = "The service has more requests than it can work on. Try again later.";
const TOO_SLOW: &str = "The request took too long.";

/// 404 in the words of the originals (contract kio 2.1).
pub(crate) fn undefined(method: &Method, path: &str) -> Error {
    Error::not_found(format!("{method} {path} not found."))
}

fn refused(error: Error) -> Response {
    axum::response::IntoResponse::into_response(error)
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// One of the places for requests that are worked on; free again when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(in_flight: &'a AtomicUsize, limit: usize) -> Option<Self> {
        let place = Self(in_flight);
        if in_flight.fetch_add(1, Ordering::Relaxed) < limit {
            Some(place)
        } else {
            None
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
