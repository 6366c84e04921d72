//! The distribution protocol, `/v2/` (contract pierone 5.1).
//!
//! Names of repositories have slashes, which no router takes in the middle of a path: one route takes all, and the path is read here
//! from its end, undecoded, so that an encoded slash is no slash.

mod blobs;
mod document;
mod lists;
mod manifests;
mod measured;
mod token;
mod uploads;

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ALLOW, CONTENT_LENGTH, HOST, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http_body_util::BodyExt as _;
use serde_json::json;
use stups_server::{Error, Json, LogFields, Origin};
use url::form_urlencoded;
use utoipa_axum::router::OpenApiRouter;

pub(crate) use lists::{TagList, TagPage};

use super::State;
use crate::PierOne;
use crate::config::Challenge;
use crate::names::{Digest, Repository};
use crate::principal::{INSTANCES, Identity, Principal};

const VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

pub(super) fn routes(pierone: Arc<PierOne>) -> OpenApiRouter {
    let routes = OpenApiRouter::new()
        .route("/v2", any(answer))
        .route("/v2/", any(answer))
        .route("/v2/{*rest}", any(answer))
        .with_state(pierone);
    document::with(routes)
}

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
enum Target<'a> {
    Base,
    Token,
    Catalog,
    Extensions,
    ExtensionsOf(&'a str),
    Uploads(&'a str),
    Upload(&'a str, &'a str),
    Blob(&'a str, &'a str),
    Manifest(&'a str, &'a str),
    Tags(&'a str),
    Referrers(&'a str, &'a str),
}

impl<'a> Target<'a> {
    /// Of the path behind `/v2`.
    fn parse(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        match path {
            "" => return Some(Self::Base),
            "token" => return Some(Self::Token),
            "_catalog" => return Some(Self::Catalog),
            "_oci/ext/discover" => return Some(Self::Extensions),
            _ => {}
        }
        if let Some(name) = path.strip_suffix("/_oci/ext/discover") {
            return Some(Self::ExtensionsOf(name));
        }
        let (front, last) = path.rsplit_once('/')?;
        let (name, verb) = front.rsplit_once('/')?;
        match (verb, last) {
            ("blobs", "uploads") => Some(Self::Uploads(name)),
            ("blobs", digest) => Some(Self::Blob(name, digest)),
            ("manifests", reference) => Some(Self::Manifest(name, reference)),
            ("tags", "list") => Some(Self::Tags(name)),
            ("referrers", digest) => Some(Self::Referrers(name, digest)),
            ("uploads", id) => Some(Self::Upload(name.strip_suffix("/blobs")?, id)),
            _ => None,
        }
    }

    fn repository(&self) -> Option<&'a str> {
        match self {
            Self::Base | Self::Token | Self::Catalog | Self::Extensions => None,
            Self::ExtensionsOf(name)
            | Self::Uploads(name)
            | Self::Tags(name)
            | Self::Upload(name, _)
            | Self::Blob(name, _)
            | Self::Manifest(name, _)
            | Self::Referrers(name, _) => Some(name),
        }
    }
}

/// Parameters of a query; the same name may come several times.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    fn of(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    fn first(&self, name: &'static str) -> Option<&str> {
        self.all(name).next()
    }

    fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn digest(&self, name: &'static str) -> Result<Option<Digest>, Error> {
        self.first(name).map(Digest::parse).transpose()
    }
}

/// A request of the protocol, whose caller is known.
struct Call<'a> {
    pierone: &'a Arc<PierOne>,
    who: &'a Principal,
    query: &'a Query,
}

async fn answer(axum::extract::State(pierone): State, origin: Origin, request: Request) -> Response {
    // A body cannot be shared between threads; what is looked at while waiting is the rest.
    let (parts, body) = request.into_parts();
    let uri = parts.uri.clone();
    let target = Target::parse(uri.path().strip_prefix("/v2").unwrap_or_default());
    let writes = !matches!(parts.method, Method::GET | Method::HEAD);
    let method = parts.method.clone();
    let (body, received) = if writes {
        let (body, received) = counted(body);
        (body, Some(received))
    } else {
        (body, None)
    };
    let mut who = None;
    // On the heap: it is as large as the largest of all answers.
    let answered = Box::pin(dispatch(&pierone, origin, target.as_ref(), parts, body, &mut who)).await;
    let mut response = match answered {
        Ok(mut response) => {
            response
                .headers_mut()
                .insert(VERSION, HeaderValue::from_static("registry/2.0"));
            response
        }
        Err(error) => {
            let mut error = error.with_header(VERSION, HeaderValue::from_static("registry/2.0"));
            if error.status == StatusCode::UNAUTHORIZED {
                let challenge = challenge(&pierone, target.as_ref(), writes);
                error = error.with_header(WWW_AUTHENTICATE, challenge);
            }
            error.into_response()
        }
    };
    measured::count(target.as_ref(), &method, response.status());
    let bytes = match received {
        Some(received) => Some(received.load(Ordering::Relaxed)),
        None if method == Method::GET => number(response.headers().get(CONTENT_LENGTH)),
        None => None,
    };
    let fields = log_fields(
        who.as_ref(),
        target.as_ref(),
        response.headers().get(blobs::DIGEST),
        bytes,
    );
    response.extensions_mut().insert(fields);
    if let Some(caller) = who.as_ref().and_then(Principal::access_token) {
        response.extensions_mut().insert(caller.clone());
    }
    response
}

/// The body, and how much of it has arrived so far.
fn counted(body: Body) -> (Body, Arc<AtomicU64>) {
    let received = Arc::new(AtomicU64::new(0));
    let counter = received.clone();
    let body = body.map_frame(move |frame| {
        if let Some(data) = frame.data_ref() {
            counter.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        frame
    });
    (Body::new(body), received)
}

/// Under which name the service was called.
fn host(parts: &Parts) -> &str {
    let header = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    parts.uri.host().or(header).unwrap_or_default()
}

fn number(header: Option<&HeaderValue>) -> Option<u64> {
    header?.to_str().ok()?.parse().ok()
}

/// What the access log tells of a request beside what it tells of every one (contract pierone 5.10). Who has an access token is
/// told there.
fn log_fields(
    who: Option<&Principal>,
    target: Option<&Target<'_>>,
    digest: Option<&HeaderValue>,
    bytes: Option<u64>,
) -> LogFields {
    let mut fields = LogFields::default();
    match who.map(|who| &who.identity) {
        Some(Identity::Registry(claims)) if !claims.uid.is_empty() => {
            fields = fields
                .text("realm", claims.realm.as_str())
                .text("uid", claims.uid.as_str());
        }
        Some(Identity::Instance) => fields = fields.text("realm", INSTANCES),
        _ => {}
    }
    if let Some(name) = target.and_then(Target::repository) {
        fields = fields.text("repository", name);
    }
    if let Some(digest) = digest.and_then(|digest| digest.to_str().ok()) {
        fields = fields.text("digest", digest);
    }
    match bytes {
        Some(bytes) => fields.number("bytes", bytes),
        None => fields,
    }
}

async fn dispatch(
    pierone: &Arc<PierOne>,
    origin: Origin,
    target: Option<&Target<'_>>,
    parts: Parts,
    body: Body,
    caller: &mut Option<Principal>,
) -> Result<Response, Error> {
    let query = Query::of(parts.uri.query().unwrap_or_default());
    if target == Some(&Target::Token) {
        return token::answer(pierone, origin, query, &parts, body).await;
    }
    let who = &*caller.insert(Principal::of(pierone, &parts.headers, origin).await?);
    let call = Call {
        pierone,
        who,
        query: &query,
    };
    let Some(target) = target else {
        call.known()?;
        return Err(Error::oci(
            StatusCode::NOT_FOUND,
            "UNSUPPORTED",
            "there is no such endpoint",
        ));
    };
    // Who has not said who he is learns nothing about names either, unless some are for everybody.
    if pierone.config.public_read.is_empty() {
        call.known()?;
    }
    let method = parts.method.clone();
    let name = target.repository().map(Repository::parse).transpose()?;
    match (target, name) {
        (Target::Base, _) => read_only(&method, call.base(host(&parts))),
        (Target::Catalog, _) => read_only(&method, call.catalog().await),
        (Target::Extensions, _) => read_only(&method, call.extensions()),
        (Target::ExtensionsOf(_), Some(name)) => read_only(&method, call.extensions_of(&name).await),
        (Target::Uploads(_), Some(name)) if method == Method::POST => call.start(&name, &parts.headers, body).await,
        (Target::Uploads(_), _) => Err(not_allowed(&method, "POST")),
        (Target::Upload(_, id), Some(name)) => match method {
            Method::GET | Method::HEAD => call.progress(&name, id).await,
            Method::PATCH => call.append(&name, id, &parts.headers, body).await,
            Method::PUT => call.finish(&name, id, &parts.headers, body).await,
            Method::DELETE => call.cancel(&name, id).await,
            _ => Err(not_allowed(&method, "GET, HEAD, PATCH, PUT, DELETE")),
        },
        (Target::Blob(_, digest), Some(name)) => match method {
            Method::GET | Method::HEAD => call.blob(&name, digest, &parts).await,
            Method::DELETE => call.delete_blob(&name, digest).await,
            _ => Err(not_allowed(&method, "GET, HEAD")),
        },
        (Target::Manifest(_, reference), Some(name)) => match method {
            Method::GET | Method::HEAD => call.manifest(&name, reference, &parts).await,
            Method::PUT => call.put(&name, reference, &parts.headers, body).await,
            Method::DELETE => call.delete_manifest(&name, reference).await,
            _ => Err(not_allowed(&method, "GET, HEAD, PUT")),
        },
        (Target::Tags(_), Some(name)) => read_only(&method, call.tags(&name).await),
        (Target::Referrers(_, digest), Some(name)) => read_only(&method, call.referrers(&name, digest).await),
        (_, None) | (Target::Token, _) => Err(Error::internal()),
    }
}

impl Call<'_> {
    /// Refuses who has not said who he is.
    fn known(&self) -> Result<(), Error> {
        match self.who.identity {
            Identity::Nobody => Err(crate::principal::unauthorized()),
            _ => Ok(()),
        }
    }

    /// end-1. Clients learn from its 401 how to authenticate; those who get none send no credentials at all.
    fn base(&self, host: &str) -> Result<Response, Error> {
        let config = &self.pierone.config;
        let open = match &config.write_host {
            Some(word) => !config.public_read.is_empty() && !host.contains(word.as_str()),
            None => false,
        };
        if !open {
            self.known()?;
        }
        Ok(Json(json!({})).into_response())
    }

    /// Refuses who may not push, with a record of it.
    async fn may_push(&self, repository: &Repository) -> Result<(), Error> {
        self.pierone.may_push(self.who, repository).await
    }
}

/// Lists and the like: only GET, and HEAD where GET is.
fn read_only(method: &Method, answer: Result<Response, Error>) -> Result<Response, Error> {
    if matches!(*method, Method::GET | Method::HEAD) {
        answer
    } else {
        Err(not_allowed(method, "GET, HEAD"))
    }
}

fn not_allowed(method: &Method, allowed: &'static str) -> Error {
    Error::oci(
        StatusCode::METHOD_NOT_ALLOWED,
        "UNSUPPORTED",
        format!("{method} is not supported here"),
    )
    .with_header(ALLOW, HeaderValue::from_static(allowed))
}

/// How to authenticate: with a password, or with a token for this repository.
fn challenge(pierone: &PierOne, target: Option<&Target<'_>>, writes: bool) -> HeaderValue {
    let basic = HeaderValue::from_static("Basic realm=\"Pier One Docker Registry\"");
    if pierone.config.challenge == Challenge::Basic {
        return basic;
    }
    let base = pierone.public_url.as_str().trim_end_matches('/');
    let service = pierone.public_url.host_str().unwrap_or("pierone");
    let mut text = format!("Bearer realm=\"{base}/v2/token\",service=\"{service}\"");
    let name = target.and_then(Target::repository);
    if let Some(name) = name.and_then(|name| Repository::parse(name).ok()) {
        let actions = if writes { "pull,push" } else { "pull" };
        let _ = write!(text, ",scope=\"repository:{name}:{actions}\"");
    }
    HeaderValue::from_str(&text).unwrap_or(basic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_from_their_end() {
        for (path, target) in [
            ("", Some(Target::Base)),
            ("/", Some(Target::Base)),
            ("/_catalog", Some(Target::Catalog)),
            ("/token", Some(Target::Token)),
            ("/a/b/blobs/uploads/", Some(Target::Uploads("a/b"))),
            ("/a/b/blobs/uploads", Some(Target::Uploads("a/b"))),
            ("/a/b/blobs/uploads/1", Some(Target::Upload("a/b", "1"))),
            ("/a/b/blobs/sha256:1", Some(Target::Blob("a/b", "sha256:1"))),
            ("/a/b/c/manifests/1.0", Some(Target::Manifest("a/b/c", "1.0"))),
            (
                "/a/manifests/manifests/1.0",
                Some(Target::Manifest("a/manifests", "1.0")),
            ),
            ("/a/b/tags/list", Some(Target::Tags("a/b"))),
            ("/a/b/referrers/sha256:1", Some(Target::Referrers("a/b", "sha256:1"))),
            ("/_oci/ext/discover", Some(Target::Extensions)),
            ("/a/b/_oci/ext/discover", Some(Target::ExtensionsOf("a/b"))),
            ("/a/b/uploads/1", None),
            ("/a/b", None),
            ("/tags/list", None),
        ] {
            assert_eq!(Target::parse(path), target, "{path}");
        }
    }
}
