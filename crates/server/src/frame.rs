//! The frame around every route of a service, in one layer: what a request passes on its way in and out.
//!
//! One layer instead of a dozen: each layer of the router costs an allocation and a clone per request.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{self, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use futures::FutureExt as _;
use http_body_util::Limited;
use tower::{Layer, Service};

use crate::context::{Context, ContextSettings};
use crate::cors::Cors;
use crate::error::{Error, WAIT};
use crate::extract::authenticate;
use crate::render::{self, ErrorShape, render};
use crate::request_id;

/// What the frame of one service knows.
pub(crate) struct FrameSettings {
    pub(crate) shape: ErrorShape,
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
    /// The floor's own routes: health, metrics, documents. Never shed.
    Floor,
}

/// Puts the frame around routes.
#[derive(Clone)]
pub(crate) struct FrameLayer {
    pub(crate) settings: Arc<FrameSettings>,
    pub(crate) access: Access,
}

impl<S> Layer<S> for FrameLayer {
    type Service = Frame<S>;

    fn layer(&self, inner: S) -> Frame<S> {
        Frame {
            inner,
            settings: self.settings.clone(),
            access: self.access,
        }
    }
}

#[derive(Clone)]
pub(crate) struct Frame<S> {
    inner: S,
    settings: Arc<FrameSettings>,
    access: Access,
}

impl<S> Service<Request> for Frame<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        // Routes of the router are always ready; an overloaded service refuses instead of letting callers wait.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let inner = self.inner.clone();
        let settings = self.settings.clone();
        let access = self.access;
        Box::pin(async move { Ok(settings.answer(request, inner, access).await) })
    }
}

impl FrameSettings {
    async fn answer<S>(&self, mut request: Request, inner: S, access: Access) -> Response
    where
        S: Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        let request_id = request_id::of(request.headers_mut());
        let accept = render::accept(request.headers());
        let cors = self.cors.of(request.headers());
        let path = request.extensions().get::<MatchedPath>().cloned();

        let mut response = if request.method() == Method::OPTIONS {
            Response::new(Body::empty())
        } else {
            let context = Context {
                request_id: request_id.clone(),
                address: crate::address::of(&request, &self.trusted_proxies),
                caller: None,
                settings: self.context.clone(),
            };
            self.admitted(request, inner, access, context).await
        };
        if let Some(error) = response.extensions_mut().remove::<Error>() {
            response = render(
                self.shape,
                accept.as_ref(),
                request_id.to_str().unwrap_or_default(),
                error,
            );
        }
        let _ = path;
        cors.write(response.headers_mut());
        response.headers_mut().insert(request_id::HEADER.clone(), request_id);
        response
    }

    /// Runs the request unless the service is full already.
    async fn admitted<S>(&self, request: Request, inner: S, access: Access, context: Context) -> Response
    where
        S: Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        let _place = match (Place::take(&self.in_flight, self.concurrent_requests), access) {
            (Some(place), _) => Some(place),
            (None, Access::Floor) => None,
            (None, _) => return refused(Error::new(StatusCode::SERVICE_UNAVAILABLE, OVERLOADED).retry_after(WAIT)),
        };
        let work = AssertUnwindSafe(self.guarded(request, inner, access, context)).catch_unwind();
        match tokio::time::timeout(self.request_timeout, work).await {
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
    ) -> Result<Response, Error>
    where
        S: Service<Request, Response = Response, Error = Infallible> + Send,
        S::Future: Send,
    {
        if access != Access::Open && *request.method() == Method::HEAD && self.shape == ErrorShape::Friboo {
            return Err(undefined(request.method(), request.uri().path()));
        }
        if access == Access::Guarded {
            context.caller = Some(authenticate(&context.settings, request.headers()).await?);
        }
        request.extensions_mut().insert(context);
        let request = self.bounded(request)?;
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
