use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stups_server::{Authenticated, Error, Path};
use stups_store::audit::{Event, Outcome};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;
use crate::config::RevocationRule;
use crate::keys::Jws;
use crate::model::revocations;
use crate::parameters::Parameters;
use crate::revoked::{RETENTION_SECONDS, SEPARATOR, token_hash};

/// The list of revocations that every token info polls (contract identity 2.12).
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list, revoke)).routes(routes!(notify))
}

/// The revocations made after a moment.
#[utoipa::path(
    get,
    path = "/revocations",
    tag = "Revocation",
    params(("from" = i64, Query, description = "Seconds since 1970 UTC, at most 31 days ago")),
    responses(
        (status = 200, description = "The list", body = Object),
        (status = 400, description = "`from` is missing, no integer, or too old"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn list(Shared(state): Shared<State>, uri: axum::http::Uri) -> Result<axum::Json<Value>, Error> {
    let from = single_number(&uri, "from").ok_or_else(|| Error::bad_request("from must be one number of seconds"))?;
    let now = state.clock.seconds();
    if from <= now - RETENTION_SECONDS {
        return Err(Error::bad_request("from is more than 31 days ago"));
    }
    let connection = state.store.connection();
    let entries: Vec<Value> = revocations::since(connection, from).await?.iter().map(entry).collect();
    let mut meta = json!({ "MAX_TIME_DELTA": RETENTION_SECONDS });
    if let Some(refresh) = revocations::last_refresh(connection, now - RETENTION_SECONDS).await? {
        meta["REFRESH_FROM"] = json!(refresh.refresh_from);
        meta["REFRESH_TIMESTAMP"] = json!(refresh.requested_at);
    }
    Ok(axum::Json(json!({ "meta": meta, "revocations": entries })))
}

/// The query has exactly this parameter, and it is an integer.
fn single_number(uri: &axum::http::Uri, name: &str) -> Option<i64> {
    let mut pairs = url::form_urlencoded::parse(uri.query()?.as_bytes());
    let (given, value) = pairs.next()?;
    (given == name && pairs.next().is_none()).then(|| value.parse().ok()).flatten()
}

fn entry(revocation: &revocations::Model) -> Value {
    let data: Value = serde_json::from_str(&revocation.data).unwrap_or_default();
    json!({ "type": revocation.kind, "revoked_at": revocation.revoked_at, "data": data })
}

/// What is to be revoked.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Request {
    /// `TOKEN` or `CLAIM`.
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

/// By what.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Data {
    /// The whole token, for `TOKEN`.
    token: Option<String>,
    /// Names and values, for `CLAIM`; their order is kept.
    #[schema(value_type = Option<Object>)]
    claims: Option<Map<String, Value>>,
    /// Seconds since 1970 UTC; default now.
    issued_before: Option<i64>,
}

/// Revokes a token, or all tokens with some claims.
#[utoipa::path(
    post,
    path = "/revocations",
    tag = "Revocation",
    request_body = Request,
    responses(
        (status = 201, description = "Revoked"),
        (status = 400, description = "The request is not valid"),
        (status = 401, description = "The caller's token is not valid, or no rule allows these claims"),
        (status = 403, description = "Tokens are not revoked globally through this interface"),
        (status = 413, description = "The body is too large"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn revoke(
    Shared(state): Shared<State>,
    caller: Authenticated,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<Response, Error> {
    check_caller(&caller)?;
    let request: Request =
        serde_json::from_slice(&body).map_err(|_| Error::bad_request("The body is not a revocation in JSON"))?;
    let now = state.clock.seconds();
    let salt = &state.config.revocation.hashing_salt;
    let (kind, mut data, default_before) = match request.kind.as_str() {
        "TOKEN" => {
            let token = request.data.token.filter(|token| !token.is_empty());
            let token = token.ok_or_else(|| Error::bad_request("data.token is missing"))?;
            let data = json!({ "token_hash": token_hash(salt, &token), "hash_algorithm": "SHA-256" });
            ("TOKEN", data, after_issue(&token, now))
        }
        "CLAIM" => {
            let claims = request.data.claims.filter(|claims| !claims.is_empty());
            let claims = claims.ok_or_else(|| Error::bad_request("data.claims is missing"))?;
            let data = claim_data(salt, &claims)?;
            let own = claims_of(&headers);
            if !state.config.revocation.rules.iter().any(|rule| allows(rule, &own, &claims)) {
                return Err(Error::unauthorized("No rule allows to revoke these claims"));
            }
            ("CLAIM", data, now)
        }
        "GLOBAL" => return Err(Error::forbidden("Tokens are not revoked globally through this interface")),
        _ => return Err(Error::bad_request("type must be TOKEN or CLAIM")),
    };
    if let Some(before) = request.data.issued_before {
        check_issued_before(before, now, state.config.revocation.future_seconds)?;
    }
    let issued_before = request.data.issued_before.unwrap_or(default_before);
    data["issued_before"] = json!(issued_before);
    let revocation = revocations::Model {
        id: uuid::Uuid::now_v7().to_string(),
        kind: kind.to_owned(),
        data: data.to_string(),
        issued_before,
        revoked_at: now,
        revoked_by: caller.name(),
    };
    let write = state.store.write().await?;
    revocations::insert(write.transaction(), revocation.clone()).await?;
    let details = json!({ "type": kind, "issued_before": issued_before, "names": data.get("names") });
    write.commit(event(&caller, "token.revoked", &revocation.id, details)).await?;
    state.revoked.add(&[revocation]);
    Ok(StatusCode::CREATED.into_response())
}

/// Scope `uid`, and from inside.
fn check_caller(caller: &Authenticated) -> Result<(), Error> {
    caller.require_scope("uid")?;
    if caller.is_service() || caller.is_employee() {
        Ok(())
    } else {
        Err(Error::forbidden("Forbidden: only services and employees revoke tokens."))
    }
}

/// Now; for a token issued within this very second one second later, or it would not be hit.
fn after_issue(token: &str, now: i64) -> i64 {
    let issued_at = Jws::parse(token).ok().and_then(|jws| jws.claims.get("iat").and_then(Value::as_i64));
    issued_at.filter(|issued_at| *issued_at == now).map_or(now, |issued_at| issued_at + 1)
}

fn check_issued_before(before: i64, now: i64, future_seconds: i64) -> Result<(), Error> {
    if before > now + future_seconds {
        return Err(Error::bad_request("issued_before is in the future"));
    }
    if before < now - RETENTION_SECONDS {
        return Err(Error::bad_request("issued_before is more than 31 days ago"));
    }
    Ok(())
}

/// What the list says of claims: their names and the hash of their values.
fn claim_data(salt: &str, claims: &Map<String, Value>) -> Result<Value, Error> {
    let values: Option<Vec<&str>> = claims.values().map(Value::as_str).collect();
    let values = values.ok_or_else(|| Error::bad_request("The values in data.claims must be strings"))?;
    Ok(json!({
        "names": claims.keys().collect::<Vec<_>>(),
        "value_hash": token_hash(salt, &values.join(SEPARATOR)),
        "hash_algorithm": "SHA-256",
        "separator": SEPARATOR,
    }))
}

/// The claims of the caller's token, which the verifier has checked already.
fn claims_of(headers: &HeaderMap) -> Map<String, Value> {
    let header = headers.get(axum::http::header::AUTHORIZATION).and_then(|header| header.to_str().ok());
    let token = header.and_then(|header| header.trim().split_once(' ')).map(|(_, token)| token.trim());
    token.and_then(|token| Jws::parse(token).ok()).map(|jws| jws.claims).unwrap_or_default()
}

fn allows(rule: &RevocationRule, own: &Map<String, Value>, revoked: &Map<String, Value>) -> bool {
    let has = |claims: &Map<String, Value>, name: &String, value: &String| {
        claims.get(name).and_then(Value::as_str) == Some(value.as_str())
    };
    rule.required_user_claims.iter().all(|(name, value)| has(own, name, value))
        && rule.allowed_revocation_claims.iter().all(|(name, value)| has(revoked, name, value))
}

/// Tells everybody who polls the list to forget and read again from a moment.
#[utoipa::path(
    post,
    path = "/notifications/{type}",
    tag = "Revocation",
    params(
        ("type" = String, Path, description = "REFRESH_FROM"),
        ("value" = i64, Query, description = "Seconds since 1970 UTC"),
    ),
    responses(
        (status = 201, description = "Will be told"),
        (status = 400, description = "The type is unknown or the value no integer"),
        (status = 401, description = "The token is missing or not valid"),
        (status = 403, description = "The caller is no service or employee with the scope `uid`"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn notify(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(kind): Path<String>,
    uri: axum::http::Uri,
) -> Result<StatusCode, Error> {
    check_caller(&caller)?;
    if kind != "REFRESH_FROM" {
        return Err(Error::bad_request("The only notification is REFRESH_FROM"));
    }
    let parameters = Parameters::of_query(uri.query())?;
    let from: i64 = parameters
        .get("value")
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| Error::bad_request("value must be a number of seconds"))?;
    let refresh = revocations::refresh::Model {
        id: uuid::Uuid::now_v7().to_string(),
        refresh_from: from,
        requested_at: state.clock.seconds(),
        requested_by: caller.name(),
    };
    let write = state.store.write().await?;
    revocations::insert_refresh(write.transaction(), refresh.clone()).await?;
    let details = json!({ "refresh_from": from });
    write.commit(event(&caller, "revocations.refresh_requested", &refresh.id, details)).await?;
    Ok(StatusCode::CREATED)
}

fn event(caller: &Authenticated, action: &str, subject: &str, details: Value) -> Event {
    Event {
        action: action.to_owned(),
        subject: subject.to_owned(),
        actor: caller.actor(),
        outcome: Outcome::Success,
        details,
    }
}
