//! `PATCH /apps/{application_id}`: what a worker of old says of an application's secrets.

use axum::http::StatusCode;
use serde_json::{Value, json};
use stups_api::Problem;
use stups_api::mint::{STATUS, StatusWrite};
use stups_server::{Authenticated, Error, Json, Path, WriteFailures};

use super::{Shared, application_id, attributes, not_found};
use crate::audit;
use crate::model::application::Model;
use crate::model::store;

/// Says how an application's secrets are. What is missing or null stays.
#[utoipa::path(
    patch,
    path = "/apps/{application_id}",
    tag = "applications",
    params(("application_id" = String, Path, description = "The application", pattern = "^[a-z][a-z0-9-]*[a-z0-9]$")),
    request_body = StatusWrite,
    responses(
        WriteFailures,
        (status = 200, description = "It is written"),
        (status = 400, description = "The id or an attribute cannot be used", body = Problem),
        (status = 404, description = "The application is not configured", body = Problem),
    )
)]
pub(super) async fn patch(
    state: Shared,
    caller: Authenticated,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Result<StatusCode, Error> {
    application_id(&id)?;
    let decision = state.permissions.write_status(&caller);
    state
        .enforce(decision, "application.status_written", &id, &caller)
        .await?;
    let attributes = attributes("status", &body, STATUS)?;
    let number = |name: &str| attributes.get(name).and_then(Value::as_i64);
    let text = |name: &str| attributes.get(name).and_then(Value::as_str).map(str::to_owned);

    let write = state.store.write().await?;
    let stored = store::locked(state.store.dialect(), write.transaction(), &id).await?;
    let stored = stored.ok_or_else(not_found)?;
    let errors = number("s3_errors").and_then(|errors| i32::try_from(errors).ok());
    let changed = Model {
        client_id: text("client_id").or(stored.client_id.clone()),
        last_password_rotation: number("last_password_rotation").or(stored.last_password_rotation),
        last_client_rotation: number("last_client_rotation").or(stored.last_client_rotation),
        last_synced: number("last_synced").or(stored.last_synced),
        has_problems: attributes
            .get("has_problems")
            .and_then(Value::as_bool)
            .unwrap_or(stored.has_problems),
        message: text("message").unwrap_or_else(|| stored.message.clone()),
        s3_errors: errors.unwrap_or(stored.s3_errors),
        ..stored.clone()
    };
    if changed == stored {
        return Ok(StatusCode::OK);
    }
    store::update(write.transaction(), &changed).await?;
    let given: serde_json::Map<String, Value> = attributes.into_iter().filter(|(_, value)| !value.is_null()).collect();
    let event = audit::done("application.status_written", &id, caller.actor(), json!(given));
    write.commit(event).await?;
    Ok(StatusCode::OK)
}
