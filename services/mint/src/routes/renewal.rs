//! `/apps/{application_id}/renewal`

use axum::http::StatusCode;
use serde_json::json;
use stups_api::Problem;
use stups_server::{Authenticated, Error, Failures, Path};

use super::app::later_than;
use super::{Shared, application_id, not_found};
use crate::audit;
use crate::model::application::Model;
use crate::model::{bucket, store};

/// Lets the worker rotate an application's password and client secret at once, and forget that it had problems.
#[utoipa::path(
    post,
    path = "/apps/{application_id}/renewal",
    tag = "applications",
    params(("application_id" = String, Path, description = "The application", pattern = "^[a-z][a-z0-9-]*[a-z0-9]$")),
    responses(
        Failures,
        (status = 200, description = "The next cycle rotates"),
        (status = 400, description = "The id cannot be one", body = Problem),
        (status = 404, description = "The application is not configured", body = Problem),
    )
)]
pub(super) async fn create(state: Shared, caller: Authenticated, Path(id): Path<String>) -> Result<StatusCode, Error> {
    application_id(&id)?;
    state.authorise(&caller, &id, "application.renewed").await?;
    let write = state.store.write().await?;
    let stored = store::locked(state.store.dialect(), write.transaction(), &id).await?;
    let stored = stored.ok_or_else(not_found)?;
    bucket::forget(write.transaction(), &stored.buckets()).await?;
    let renewed = Model {
        last_modified: later_than(&stored, state.clock.milliseconds()),
        last_password_rotation: None,
        last_client_rotation: None,
        s3_errors: 0,
        next_attempt: None,
        ..stored
    };
    store::update(write.transaction(), &renewed).await?;
    write
        .commit(audit::done("application.renewed", &id, caller.actor(), json!({})))
        .await?;
    Ok(StatusCode::OK)
}
