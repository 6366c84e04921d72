//! `/apps/{application_id}/versions`

use axum::http::StatusCode;
use serde_json::Value;
use stups_api::kio::{VERSION, Version, VersionSummary, VersionWrite};
use stups_api::{Problem, Timestamp};
use stups_server::{Authenticated, Error, Failures, Json, Path, WriteFailures};

use super::owned::{self, required, text};
use super::{State, application_id, attributes, version_id};
use crate::audit;
use crate::model::store;
use crate::model::version::Model;
use crate::permissions::Permissions;

/// Lists the versions of an application by id.
#[utoipa::path(
    get,
    path = "/apps/{application_id}/versions",
    tag = "versions",
    params(("application_id" = String, Path, description = "The application", pattern = "^[a-z][a-z0-9-]*[a-z0-9]$")),
    responses(
        Failures,
        (status = 200, description = "The versions; an empty list if there are none", body = Vec<VersionSummary>),
        (status = 400, description = "The id cannot be one", body = Problem),
    )
)]
pub(super) async fn list(
    state: State,
    caller: Authenticated,
    Path(application): Path<String>,
) -> Result<Json<Vec<VersionSummary>>, Error> {
    Permissions::read(&caller)?;
    application_id(&application)?;
    let versions = store::versions(state.store.connection(), &application).await?;
    Ok(Json(versions.into_iter().map(VersionSummary::from).collect()))
}

/// Reads one version.
#[utoipa::path(
    get,
    path = "/apps/{application_id}/versions/{version_id}",
    tag = "versions",
    params(
        ("application_id" = String, Path, description = "The application", pattern = "^[a-z][a-z0-9-]*[a-z0-9]$"),
        ("version_id" = String, Path, description = "The version", pattern = "^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$"),
    ),
    responses(
        Failures,
        (status = 200, description = "The version", body = Version),
        (status = 400, description = "An id cannot be one", body = Problem),
        (status = 404, description = "There is no such version", body = Problem),
    )
)]
pub(super) async fn read(
    state: State,
    caller: Authenticated,
    Path((application, version)): Path<(String, String)>,
) -> Result<Json<Version>, Error> {
    Permissions::read(&caller)?;
    application_id(&application)?;
    version_id(&version)?;
    let found = store::version(state.store.connection(), &application, &version).await?;
    found
        .map(|model| Json(model.into()))
        .ok_or_else(|| Error::not_found("There is no such version."))
}

/// Registers a version or changes it. Either way its approvals are removed: they were for what stood there before.
#[utoipa::path(
    put,
    path = "/apps/{application_id}/versions/{version_id}",
    tag = "versions",
    params(
        ("application_id" = String, Path, description = "The application", pattern = "^[a-z][a-z0-9-]*[a-z0-9]$"),
        ("version_id" = String, Path, description = "The version", pattern = "^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$"),
    ),
    request_body = VersionWrite,
    responses(
        WriteFailures,
        (status = 200, description = "It is written"),
        (status = 400, description = "An id or an attribute cannot be used", body = Problem),
        (status = 404, description = "There is no such application", body = Problem),
    )
)]
pub(super) async fn put(
    state: State,
    caller: Authenticated,
    Path((application, id)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Result<StatusCode, Error> {
    application_id(&application)?;
    version_id(&id)?;
    let attributes = attributes("version", &body, VERSION)?;
    let artifact = required(&attributes, "version", "artifact", "a version has an artifact")?;
    let seen = owned::application(&state, &application).await?;
    let decision = state.permissions.write(&caller, &seen.team_id).await?;
    state
        .enforce(decision, "version.modified", &application, &caller)
        .await?;

    let write = owned::begin(&state, &seen).await?;
    let now = Timestamp::now().0;
    let model = Model {
        application_id: application.clone(),
        id: id.clone(),
        artifact,
        notes: text(&attributes, "notes"),
        created_at: now,
        created_by: caller.uid.clone(),
        last_modified_at: now,
        last_modified_by: caller.uid.clone(),
    };
    let stored = store::replace_version(write.transaction(), model).await?;
    let event = audit::version_written(caller.actor(), &application, &id, &attributes.into(), stored.is_none());
    write.commit(event).await?;
    Ok(StatusCode::OK)
}
