//! What the handlers of the directory share.

use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stups_server::{Authenticated, Error, Json};
use stups_store::audit::{Event, Outcome};

use crate::State;
use crate::administration;
use crate::model::write::{Author, Change, action};

/// What every endpoint of the directory may answer beside its success.
#[derive(utoipa::IntoResponses)]
#[allow(dead_code, reason = "only its description is used: the API document is made from it")]
pub(super) enum Failures {
    /// The request is wrong; the message says where.
    #[response(status = 400)]
    BadRequest,
    /// The token is missing or not valid.
    #[response(status = 401)]
    Unauthorized,
    /// The caller may not do this.
    #[response(status = 403)]
    Forbidden,
    /// There is no such thing.
    #[response(status = 404)]
    NotFound,
    /// The body is not JSON.
    #[response(status = 406)]
    NotAcceptable,
    /// It is there already, or something that it refers to is gone.
    #[response(status = 409)]
    Conflict,
    /// Somebody changed it meanwhile.
    #[response(status = 412)]
    PreconditionFailed,
    /// The body is too large.
    #[response(status = 413)]
    TooLarge,
    /// The database is unavailable, or too many passwords are hashed at the same time.
    #[response(status = 503)]
    Unavailable,
}

/// Which part of a list is wanted.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// Items behind this id.
    pub(super) after: Option<String>,
    /// At most so many items: 1 to 1000, by default 100.
    pub(super) limit: Option<u64>,
}

impl Paging {
    /// The limit within its bounds.
    pub(super) fn limit(&self) -> Result<u64, Error> {
        match self.limit.unwrap_or(100) {
            limit @ 1..=1000 => Ok(limit),
            limit => Err(Error::bad_request(format!("limit is {limit}; 1 to 1000 is allowed"))),
        }
    }
}

/// One page of rows, of which one more than `limit` was asked for, and the id behind which the next page begins.
pub(super) fn page_of<R>(mut rows: Vec<R>, limit: u64, id: impl Fn(&R) -> &String) -> (Vec<R>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| id(row).clone());
    (rows, next)
}

/// Who writes, for the rows.
pub(super) fn author(state: &State, caller: &Authenticated) -> Author {
    Author {
        name: caller.name(),
        now: state.clock.milliseconds(),
    }
}

/// What the caller did, for the auditors.
pub(super) fn done(caller: &Authenticated, action: &str, subject: impl Into<String>, details: Value) -> Event {
    Event {
        action: action.to_owned(),
        subject: subject.into(),
        actor: caller.actor(),
        outcome: Outcome::Success,
        details,
    }
}

/// A change, for the auditors.
pub(super) fn changed(caller: &Authenticated, change: &Change) -> Event {
    let mut details = json!({ "fields": change.fields });
    if let Some(fingerprint) = &change.fingerprint {
        details["fingerprint"] = json!(fingerprint);
    }
    done(caller, &action(change), change.id.clone(), details)
}

/// Lets administrators through. A refusal is recorded.
pub(super) async fn administrator(
    state: &State,
    caller: &Authenticated,
    action: &str,
    subject: &str,
) -> Result<(), Error> {
    match administration::require(state, caller) {
        Ok(()) => Ok(()),
        Err(error) => Err(refused(state, caller, action, subject, error).await),
    }
}

/// Records a refusal; gives the error to answer.
pub(super) async fn refused(state: &State, caller: &Authenticated, action: &str, subject: &str, error: Error) -> Error {
    let event = Event {
        outcome: Outcome::Denied,
        ..done(caller, action, subject, json!({ "reason": error.message }))
    };
    match state.store.record(event).await {
        Ok(_) => error,
        Err(failed) => failed.into(),
    }
}

/// The realm that a path names, with the leading slash.
pub(super) fn realm(state: &State, name: &str) -> Result<String, Error> {
    match state.realms.get(name) {
        Some((realm, _)) => Ok(realm.to_owned()),
        None => Err(Error::oauth(
            StatusCode::BAD_REQUEST,
            "realm_not_found",
            format!("{name} not found"),
        )),
    }
}

/// The same; the users of the realm are kept here.
pub(super) fn managed_realm(state: &State, name: &str) -> Result<String, Error> {
    let realm = realm(state, name)?;
    match state.realms.get(&realm) {
        Some((_, settings)) if settings.managed => Ok(realm),
        _ => Err(Error::oauth(
            StatusCode::BAD_REQUEST,
            "realm_not_managed",
            format!("the users of {realm} are kept elsewhere"),
        )),
    }
}

/// Refuses a write when the caller has seen another version than the one that is there.
pub(super) fn check_version(headers: &HeaderMap, version: Option<i64>) -> Result<(), Error> {
    let Some(wanted) = headers
        .get(IF_MATCH)
        .map(|value| value.to_str().unwrap_or_default().trim())
    else {
        return Ok(());
    };
    let present = version.map(etag);
    let matches = |one: &str| present.is_some() && (one == "*" || Some(one) == present.as_deref());
    if wanted.split(',').any(|one| matches(one.trim())) {
        Ok(())
    } else {
        Err(Error::new(
            StatusCode::PRECONDITION_FAILED,
            "Somebody changed it meanwhile: read it again.",
        ))
    }
}

fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// A JSON answer with the version of what it shows.
pub(super) fn with_version<T: Serialize>(body: T, version: i64) -> Response {
    let mut response = Json(body).into_response();
    if let Ok(value) = HeaderValue::from_str(&etag(version)) {
        response.headers_mut().insert(ETAG, value);
    }
    response
}

/// A whole thing as a body of the administration API gives it. What a `GET` shows beyond that is ignored.
pub(super) fn whole<T: DeserializeOwned>(body: Value) -> Result<T, Error> {
    parse(without_read_only(body))
}

/// A change as a `PATCH` gives it. As a JSON merge patch, null clears. As plain JSON, null and empty keep the old value: that
/// is what the original did (contract identity 2.7).
pub(super) fn partial<T: DeserializeOwned>(headers: &HeaderMap, body: Value) -> Result<T, Error> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let merge = kind.to_ascii_lowercase().starts_with("application/merge-patch+json");
    let mut body = without_read_only(body);
    if let (Value::Object(fields), false) = (&mut body, merge) {
        fields.retain(|_, value| match value {
            Value::Null => false,
            Value::Array(items) => !items.is_empty(),
            Value::Object(map) => !map.is_empty(),
            _ => true,
        });
    }
    parse(body)
}

fn without_read_only(mut body: Value) -> Value {
    if let Value::Object(fields) = &mut body {
        for name in [
            "id",
            "realm",
            "created_at",
            "created_by",
            "last_modified_at",
            "last_modified_by",
            "passwords",
            "has_secret",
        ] {
            fields.shift_remove(name);
        }
    }
    body
}

fn parse<T: DeserializeOwned>(body: Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(body).map_err(|error| {
        let field = error.path().to_string();
        let reason = error.into_inner().to_string();
        Error::bad_request(format!("{field}: {reason}")).with_details(json!({ "field": field, "reason": reason }))
    })
}
