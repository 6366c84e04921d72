//! `/apps/{application_id}`

use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use stups_api::Problem;
use stups_api::kio::{APPLICATION, APPLICATION_PATCH, Application, ApplicationPatch, ApplicationWrite};
use stups_api::strict::Attribute;
use stups_server::{
    Authenticated, Error, Failures, Json, Path, Preconditions, WriteFailures, json_unless_known, revision_tag,
};

use super::{State, application_id, attributes};
use crate::model::merge::Null;
use crate::permissions::Permissions;
use crate::write_application::{Change, write_application};

/// Reads one application.
#[utoipa::path(
    get,
    path = "/apps/{application_id}",
    tag = "applications",
    params(("application_id" = String, Path, description = "The application", pattern = "^[a-z][a-z0-9-]*[a-z0-9]$")),
    responses(
        Failures,
        (status = 200, description = "The application", body = Application),
        (status = 304, description = "The application is the one whose tag is in If-None-Match"),
        (status = 400, description = "The id cannot be one", body = Problem),
        (status = 404, description = "There is no such application", body = Problem),
    )
)]
pub(super) async fn read(
    state: State,
    caller: Authenticated,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    Permissions::read(&caller)?;
    application_id(&id)?;
    let detail = state.reader.read(&id).await?.ok_or_else(not_found)?;
    let tag = revision_tag(detail.revision);
    Ok(json_unless_known(&headers, tag, detail.body.clone()))
}

/// Registers an application, or changes those of its attributes that are not null. With `If-Match`, only if it still is what the
/// caller has read; with `If-None-Match: *`, only if it is new.
#[utoipa::path(
    put,
    path = "/apps/{application_id}",
    tag = "applications",
    params(("application_id" = String, Path, description = "The application", pattern = "^[a-z][a-z0-9-]*[a-z0-9]$")),
    request_body = ApplicationWrite,
    responses(
        WriteFailures,
        (status = 200, description = "It is written"),
        (status = 400, description = "The id or an attribute cannot be used, or there is no such team", body = Problem),
        (status = 412, description = "It is not what If-Match or If-None-Match demand", body = Problem),
    )
)]
pub(super) async fn put(
    state: State,
    caller: Authenticated,
    headers: HeaderMap,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Result<Response, Error> {
    let change = change(id, &headers, &body, APPLICATION, Null::Keeps)?;
    let written = write_application(&state, &caller, &change).await?;
    Ok((StatusCode::OK, [(ETAG, revision_tag(written.revision))]).into_response())
}

/// Changes attributes of an application: a JSON merge patch (RFC 7396). Null clears.
#[utoipa::path(
    patch,
    path = "/apps/{application_id}",
    tag = "applications",
    params(("application_id" = String, Path, description = "The application", pattern = "^[a-z][a-z0-9-]*[a-z0-9]$")),
    request_body(content((ApplicationPatch = "application/merge-patch+json"), (ApplicationPatch = "application/json"))),
    responses(
        WriteFailures,
        (status = 200, description = "The application as it is now", body = Application),
        (status = 400, description = "The id or an attribute cannot be used, or there is no such team", body = Problem),
        (status = 404, description = "There is no such application", body = Problem),
        (status = 412, description = "It is not what If-Match or If-None-Match demand", body = Problem),
    )
)]
pub(super) async fn patch(
    state: State,
    caller: Authenticated,
    headers: HeaderMap,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Result<Response, Error> {
    let change = change(id, &headers, &body, APPLICATION_PATCH, Null::Clears)?;
    let written = write_application(&state, &caller, &change).await?;
    let tag = revision_tag(written.revision);
    Ok(([(ETAG, tag)], Json(written.detail())).into_response())
}

fn change(id: String, headers: &HeaderMap, body: &Value, schema: &[Attribute], null: Null) -> Result<Change, Error> {
    application_id(&id)?;
    Ok(Change {
        id,
        attributes: attributes("application", body, schema)?,
        null,
        preconditions: Preconditions::of(headers),
    })
}

/// The originals answered an empty object; a message is beside it now (contract kio 4, D11).
pub(crate) fn not_found() -> Error {
    Error::not_found("There is no such application.")
}
