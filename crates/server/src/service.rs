use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use stups_auth::Verifier;
use stups_store::Store;
use tower::ServiceExt as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::audit_route;
use crate::context::ContextSettings;
use crate::cors::Cors;
use crate::environment::{Environment, Limits, StartError};
use crate::error::Error;
use crate::floor_routes::{self, Floor, Ready};
use crate::frame::{Access, FrameLayer, FrameSettings, undefined};
use crate::job::{Entry, Job, Jobs};
use crate::measurements::Requests;
use crate::rates::Rates;
use crate::render::ErrorShape;
use crate::{document, swagger};

/// A service that is being put together.
///
/// ```no_run
/// # use stups_server::{Service, ErrorShape};
/// # fn example(verifier: stups_auth::Verifier) -> Result<(), stups_server::StartError> {
/// let built = Service::new("kio", "1.0.0").shape(ErrorShape::Friboo).verifier(verifier).build()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a service does nothing until it is built"]
pub struct Service {
    name: &'static str,
    title: &'static str,
    version: &'static str,
    shape: ErrorShape,
    store: Option<Store>,
    ready: Option<Ready>,
    verifier: Option<Verifier>,
    insecure_no_auth: bool,
    limits: Limits,
    guarded: OpenApiRouter,
    open: OpenApiRouter,
    pages: OpenApiRouter,
    protocol: OpenApiRouter,
    jobs: Vec<Entry>,
}

/// A service that can be served.
pub struct Built {
    /// Everything that it answers.
    pub router: Router,
    /// Its OpenAPI 3.1 document, as served at `/openapi.json`.
    pub openapi: OpenApi,
    /// What it does by itself, once started.
    pub jobs: Jobs,
    /// Its database, to be closed when it has ended: SQLite then leaves one file each.
    pub store: Option<Store>,
}

impl Service {
    /// A service of this name and version, with the originals' error shape and no routes.
    pub fn new(name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            title: name,
            version,
            shape: ErrorShape::Friboo,
            store: None,
            ready: None,
            verifier: None,
            insecure_no_auth: false,
            limits: Limits::default(),
            guarded: OpenApiRouter::new(),
            open: OpenApiRouter::new(),
            pages: OpenApiRouter::new(),
            protocol: OpenApiRouter::new(),
            jobs: Vec::new(),
        }
    }

    /// What its API documents are called, where old clients look for another title than the service's name.
    pub fn title(self, title: &'static str) -> Self {
        Self { title, ..self }
    }

    /// How its original writes errors.
    pub fn shape(self, shape: ErrorShape) -> Self {
        Self { shape, ..self }
    }

    /// Where it runs: limits, CORS, and whether authentication is off.
    pub fn environment(self, environment: &Environment) -> Self {
        Self {
            limits: environment.limits.clone(),
            insecure_no_auth: environment.insecure_no_auth,
            ..self
        }
    }

    /// The database that readiness asks and whose audit trail is served at `/audit`.
    pub fn store(self, store: Store) -> Self {
        Self {
            store: Some(store),
            ..self
        }
    }

    /// What readiness asks beside the database. It has a few seconds to answer.
    pub fn ready<F>(self, ready: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        Self {
            ready: Some(Arc::new(move || Box::pin(ready()))),
            ..self
        }
    }

    /// How tokens are verified. Without it, [`Service::build`] fails.
    pub fn verifier(self, verifier: Verifier) -> Self {
        Self {
            verifier: Some(verifier),
            ..self
        }
    }

    /// Adds routes for callers with a valid token. Everybody else is refused with 401 before a handler runs.
    pub fn routes(self, routes: OpenApiRouter) -> Self {
        Self {
            guarded: self.guarded.merge(routes),
            ..self
        }
    }

    /// Adds routes that everybody may call: token endpoints, login pages, key sets. Their handlers authenticate if they must.
    pub fn open_routes(self, routes: OpenApiRouter) -> Self {
        Self {
            open: self.open.merge(routes),
            ..self
        }
    }

    /// Adds pages for people in a browser, which everybody may call and no other site's scripts may read: they answer without CORS.
    pub fn page_routes(self, routes: OpenApiRouter) -> Self {
        Self {
            pages: self.pages.merge(routes),
            ..self
        }
    }

    /// Adds the routes of the OCI distribution protocol. Everybody may call them: their handlers authenticate. Bodies may be
    /// of any size and take any time, so that handlers bound both; `HEAD` reaches them; errors have the protocol's shape.
    pub fn protocol_routes(self, routes: OpenApiRouter) -> Self {
        Self {
            protocol: self.protocol.merge(routes),
            ..self
        }
    }

    /// Adds a background job.
    pub fn job(mut self, job: impl Job) -> Self {
        self.jobs.push(Entry::new(job));
        self
    }

    /// Puts the frame around the routes.
    pub fn build(self) -> Result<Built, StartError> {
        let verifier = self.verifier.ok_or(StartError::NoVerifier { service: self.name })?;
        let cors = Cors::new(&self.limits.cors_origins).map_err(|reason| StartError::Configuration {
            service: self.name,
            reason,
        })?;
        let settings = Arc::new(FrameSettings {
            service: self.name,
            requests: Requests::new(self.name),
            shape: self.shape,
            cors,
            request_timeout: self.limits.request_timeout,
            concurrent_requests: self.limits.concurrent_requests,
            trusted_proxies: self.limits.trusted_proxies,
            context: Arc::new(ContextSettings {
                verifier,
                insecure_no_auth: self.insecure_no_auth,
                body_limit: self.limits.body_bytes,
                rates: self.limits.requests_per_minute.map(Rates::new),
            }),
            in_flight: AtomicUsize::new(0),
        });
        let frame = |access| FrameLayer {
            settings: settings.clone(),
            access,
            shape: if access == Access::Protocol {
                ErrorShape::Oci
            } else {
                self.shape
            },
        };
        let guarded = match &self.store {
            Some(store) => self.guarded.merge(audit_route::routes(store.clone())),
            None => self.guarded,
        };
        let (guarded, guarded_api) = guarded.split_for_parts();
        let (open, mut open_api) = self.open.split_for_parts();
        let (pages, pages_api) = self.pages.split_for_parts();
        open_api.merge(pages_api);
        let (protocol, protocol_api) = self.protocol.split_for_parts();
        let openapi = document::of(
            self.title,
            self.version,
            self.shape,
            guarded_api,
            open_api,
            protocol_api,
        );
        let jobs = Jobs {
            service: self.name,
            entries: Arc::new(self.jobs),
        };
        let document = serde_json::to_value(&openapi)
            .map_err(|error| StartError::Other(format!("{}: the API document: {error}", self.name)))?;
        let floor = floor_routes::routes(
            Arc::new(Floor {
                service: self.name,
                version: self.version,
                started: Instant::now(),
                store: self.store.clone(),
                ready: self.ready,
                jobs: jobs.clone(),
                frame: settings.clone(),
                openapi: document.to_string(),
                swagger: swagger::from_openapi(&document),
                ui: Arc::new(utoipa_swagger_ui::Config::from("/openapi.json")),
            }),
            !openapi.paths.paths.contains_key("/"),
        );

        let shape = self.shape;
        let undefined_method = move |method: Method, uri: Uri| async move { not_allowed(shape, &method, &uri) };
        let framed = |routes: Router, access| {
            routes
                .method_not_allowed_fallback(undefined_method)
                .layer(frame(access))
        };
        let routes = Router::new()
            .merge(framed(guarded, Access::Guarded))
            .merge(framed(open, Access::Open))
            .merge(framed(pages, Access::Page))
            .merge(framed(protocol, Access::Protocol))
            .merge(framed(floor, Access::Floor));
        let fallback = Router::new()
            .fallback(async |method: Method, uri: Uri| undefined(&method, uri.path()))
            .layer(frame(Access::Open));
        let router = routes.clone().fallback_service(tower::service_fn(move |request| {
            let (routes, fallback) = (routes.clone(), fallback.clone());
            async move { Ok(without_slash(request, routes, fallback).await) }
        }));
        Ok(Built {
            router,
            openapi,
            jobs,
            store: self.store,
        })
    }
}

/// A known path with a method that it does not have: 404 at the friboo services, 405 with `Allow` at identity.
fn not_allowed(shape: ErrorShape, method: &Method, uri: &Uri) -> Error {
    match shape {
        ErrorShape::Friboo | ErrorShape::FribooDetail => undefined(method, uri.path()),
        ErrorShape::OAuth | ErrorShape::Oci => Error::oauth(
            StatusCode::METHOD_NOT_ALLOWED,
            "not_allowed",
            format!("{} does not know the method {method}.", uri.path()),
        ),
    }
}

/// Answers a request that no route matched: without the slash at its end, if it has one (contract kio 2.1), else with 404.
async fn without_slash(mut request: Request, routes: Router, fallback: Router) -> Response {
    let trimmed = request.uri().path().trim_end_matches('/');
    let known = !trimmed.is_empty() && trimmed.len() < request.uri().path().len();
    let answered = if known {
        let query = request
            .uri()
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        if let Ok(uri) = format!("{trimmed}{query}").parse::<Uri>() {
            *request.uri_mut() = uri;
        }
        routes.fallback_service(fallback).oneshot(request).await
    } else {
        fallback.oneshot(request).await
    };
    answered.unwrap_or_else(|never| match never {}).into_response()
}
