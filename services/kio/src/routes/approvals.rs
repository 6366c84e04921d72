//! `/apps/{application_id}/approvals` and `/apps/{application_id}/versions/{version_id}/approvals`

use axum::http::StatusCode;
use serde_json::Value;
use stups_api::kio::{APPROVAL, Approval, ApprovalWrite};
use stups_api::{Problem, Timestamp};
use stups_server::{Authenticated, Error, Failures, Json, Path, WriteFailures};

use super::owned::{self, required, text};
use super::{State, application_id, attributes, version_id};
use crate::audit;
use crate::model::approval::Model;
use crate::model::store;
use crate::permissions::Permissions;

/// Lists the types of approval that versions of the application have, each once.
#[utoipa::path(
    get,
    path = "/apps/{application_id}/approvals",
    tag = "approvals",
    params(("application_id" = String, Path, description = "The application", pattern = "^[a-z][a-z0-9-]*[a-z0-9]$")),
    responses(
        Failures,
        (status = 200, description = "The types; an empty list if there are none", body = Vec<String>),
        (status = 400, description = "The id cannot be one", body = Problem),
        (status = 403, description = "The caller is neither a service nor in a team", body = Problem),
    )
)]
pub(super) async fn types(
    state: State,
    caller: Authenticated,
    Path(application): Path<String>,
) -> Result<Json<Vec<String>>, Error> {
    application_id(&application)?;
    state.permissions.read_approval_types(&caller).await?;
    Ok(Json(
        store::approval_types(state.store.connection(), &application).await?,
    ))
}

/// Lists the approvals of a version, oldest first.
#[utoipa::path(
    get,
    path = "/apps/{application_id}/versions/{version_id}/approvals",
    tag = "approvals",
    params(
        ("application_id" = String, Path, description = "The application", pattern = "^[a-z][a-z0-9-]*[a-z0-9]$"),
        ("version_id" = String, Path, description = "The version", pattern = "^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$"),
    ),
    responses(
        Failures,
        (status = 200, description = "The approvals; an empty list if there are none", body = Vec<Approval>),
        (status = 400, description = "An id cannot be one", body = Problem),
    )
)]
pub(super) async fn list(
    state: State,
    caller: Authenticated,
    Path((application, version)): Path<(String, String)>,
) -> Result<Json<Vec<Approval>>, Error> {
    Permissions::read(&caller)?;
    application_id(&application)?;
    version_id(&version)?;
    let approvals = store::approvals(state.store.connection(), &application, &version).await?;
    Ok(Json(approvals.into_iter().map(Approval::from).collect()))
}

/// Approves a version, once per person and type.
#[utoipa::path(
    post,
    path = "/apps/{application_id}/versions/{version_id}/approvals",
    tag = "approvals",
    params(
        ("application_id" = String, Path, description = "The application", pattern = "^[a-z][a-z0-9-]*[a-z0-9]$"),
        ("version_id" = String, Path, description = "The version", pattern = "^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$"),
    ),
    request_body = ApprovalWrite,
    responses(
        WriteFailures,
        (status = 200, description = "It is approved"),
        (status = 400, description = "An id or an attribute cannot be used", body = Problem),
        (status = 403, description = "The caller is no employee in the team", body = Problem),
        (status = 404, description = "There is no such application or version", body = Problem),
        (status = 409, description = "The caller has approved this already", body = Problem),
    )
)]
pub(super) async fn create(
    state: State,
    caller: Authenticated,
    Path((application, version)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Result<StatusCode, Error> {
    application_id(&application)?;
    version_id(&version)?;
    let attributes = attributes("approval", &body, APPROVAL)?;
    let approval_type = required(&attributes, "approval", "approval_type", "an approval has a type")?;
    let seen = owned::application(&state, &application).await?;
    let decision = state.permissions.approve(&caller, &seen.team_id).await?;
    state
        .enforce(decision, "version.approved", &application, &caller)
        .await?;

    // A version that is written meanwhile would lose an approval that was meant for what stood there before.
    let write = owned::begin(&state, &seen).await?;
    let transaction = write.transaction();
    if store::version(transaction, &application, &version).await?.is_none() {
        return Err(Error::not_found("There is no such version."));
    }
    let model = Model {
        application_id: application.clone(),
        version_id: version.clone(),
        user_id: caller.uid.clone(),
        approval_type: approval_type.clone(),
        approved_at: Timestamp::now().0,
        notes: text(&attributes, "notes"),
    };
    if !store::insert_approval(transaction, model).await? {
        return Err(Error::conflict(format!(
            "{} has approved {approval_type} already.",
            caller.uid
        )));
    }
    write
        .commit(audit::approved(
            caller.actor(),
            &application,
            &version,
            &attributes.into(),
        ))
        .await?;
    Ok(StatusCode::OK)
}
