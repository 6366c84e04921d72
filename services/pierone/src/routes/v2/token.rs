//! The docker token flow: an access token in, a token for repositories out (contract pierone 5.5).

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, Limited};
use serde_json::json;
use stups_api::Timestamp;
use stups_server::{Error, Json, Origin};

use super::{Query, not_allowed};
use crate::PierOne;
use crate::names::Repository;
use crate::principal::{Identity, Principal, unauthorized};
use crate::registry_tokens::{Access, Claims, LIFETIME};

/// How large a form may be.
const LARGEST_FORM: usize = 64 << 10;

/// For how many repositories one token is.
const MOST_REPOSITORIES: usize = 100;

/// Grants what of the wanted is allowed, and says nothing about the rest: clients try and see.
pub(super) async fn answer(
    pierone: &PierOne,
    origin: Origin,
    query: Query,
    parts: &Parts,
    body: Body,
) -> Result<Response, Error> {
    let (query, who) = match parts.method {
        Method::GET => {
            let who = Principal::of(pierone, &parts.headers, origin).await?;
            (query, who)
        }
        Method::POST => {
            let form = form(body).await?;
            let who = Principal::of(pierone, &credentials(&form)?, origin).await?;
            (form, who)
        }
        ref method => return Err(not_allowed(method, "GET, POST")),
    };
    // A token of ours is not renewed by itself: then it would live for ever.
    if matches!(who.identity, Identity::Registry(_)) {
        return Err(unauthorized());
    }
    let nobody = matches!(who.identity, Identity::Nobody);
    if nobody && pierone.config.public_read.is_empty() {
        return Err(unauthorized());
    }
    let mut access: Vec<Access> = Vec::new();
    for scope in query.all("scope").flat_map(str::split_whitespace) {
        let Some((repository, wanted)) = parse(scope) else {
            continue;
        };
        let granted = granted(pierone, &who, &repository, &wanted).await?;
        if let Some(known) = access.iter_mut().find(|known| known.repository == repository.as_str()) {
            known.actions.extend(granted);
        } else if access.len() < MOST_REPOSITORIES {
            access.push(Access {
                repository: repository.as_str().to_owned(),
                actions: granted,
            });
        }
    }
    let now = Timestamp::now();
    let actor = who.actor();
    let claims = Claims {
        uid: actor.uid,
        realm: actor.realm,
        scopes: match &who.identity {
            Identity::Caller(caller) => caller
                .scopes
                .iter()
                .filter(|scope| scope.starts_with("application."))
                .cloned()
                .collect(),
            _ => Vec::new(),
        },
        access,
        expires_at: now.0 / 1000 + LIFETIME,
    };
    let token = pierone.tokens.issue(&claims);
    // No refresh token: clients keep the first for ever (moby 39718).
    let body = json!({"token": token, "access_token": token, "expires_in": LIFETIME, "issued_at": now});
    let mut response = Json(body).into_response();
    response
        .headers_mut()
        .insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `repository:team/artifact:pull,push`. Other things than repositories are not ours.
fn parse(scope: &str) -> Option<(Repository, Vec<&str>)> {
    let rest = scope.strip_prefix("repository:")?;
    let (name, actions) = rest.rsplit_once(':')?;
    Some((Repository::parse(name).ok()?, actions.split(',').collect()))
}

async fn granted(
    pierone: &PierOne,
    who: &Principal,
    repository: &Repository,
    wanted: &[&str],
) -> Result<Vec<String>, Error> {
    let wants = |action| wanted.contains(&action) || wanted.contains(&"*");
    let mut granted = Vec::new();
    if wants("pull") && pierone.permissions.may_pull(who, repository) {
        granted.push("pull".to_owned());
    }
    let proved = matches!(who.identity, Identity::Caller(_));
    if wants("push") && proved && pierone.permissions.push(who, repository).await?.is_none() {
        granted.push("push".to_owned());
    }
    Ok(granted)
}

async fn form(body: Body) -> Result<Query, Error> {
    let collected = Limited::new(body, LARGEST_FORM).collect();
    let bytes = match tokio::time::timeout(std::time::Duration::from_secs(30), collected).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        _ => {
            return Err(Error::oci(
                StatusCode::BAD_REQUEST,
                "UNSUPPORTED",
                "the form broke off or is too large",
            ));
        }
    };
    Ok(Query::of(&String::from_utf8_lossy(&bytes)))
}

/// The user and the password of a form, as a header has them. We issue no refresh tokens; an access token in its place is one.
fn credentials(form: &Query) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    let basic = match form.first("grant_type") {
        Some("password") => {
            let part = |name| form.first(name).unwrap_or_default();
            format!("{}:{}", part("username"), part("password"))
        }
        Some("refresh_token") => format!("oauth2:{}", form.first("refresh_token").unwrap_or_default()),
        _ => {
            return Err(Error::oci(
                StatusCode::BAD_REQUEST,
                "UNSUPPORTED",
                "grant_type is password or refresh_token",
            ));
        }
    };
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(basic))).map_err(|_| unauthorized())?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    Ok(headers)
}
