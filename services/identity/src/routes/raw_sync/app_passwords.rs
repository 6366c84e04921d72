use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use stups_api::identity::{AppPassword, MadeAppPassword, NewAppPassword};
use stups_server::{Authenticated, Error, Json, Path};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::keys::own_or_administrator;
use super::users::{find, unknown};
use crate::State;
use crate::model::app_passwords;
use crate::routes::common::{Failures, author, done, managed_realm};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list_passwords, add_app_password))
        .routes(routes!(delete_app_password))
}

type Names = Path<(String, String)>;

/// The passwords of a user's devices and programs, expired ones included.
#[utoipa::path(get, path = "/raw-sync/users/{realm}/{id}/app-passwords", tag = "App passwords",
    params(("realm" = String, Path), ("id" = String, Path)), responses((status = 200, body = Vec<AppPassword>), Failures))]
async fn list_passwords(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((realm, id)): Names,
) -> Result<Json<Vec<AppPassword>>, Error> {
    let realm = managed_realm(&state, &realm)?;
    own_or_administrator(&state, &caller, (&realm, &id), "app_password.listed").await?;
    let connection = state.store.connection();
    find(connection, &realm, &id).await?.ok_or_else(unknown)?;
    Ok(Json(app_passwords::list(connection, &realm, &id).await?))
}

/// Makes a password for a device or program, which is said only now. It is good at the Token Service alone.
#[utoipa::path(post, path = "/raw-sync/users/{realm}/{id}/app-passwords", tag = "App passwords",
    params(("realm" = String, Path), ("id" = String, Path)), request_body = NewAppPassword,
    responses((status = 201, body = MadeAppPassword), Failures))]
async fn add_app_password(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((realm, id)): Names,
    Json(wanted): Json<NewAppPassword>,
) -> Result<Response, Error> {
    let realm = managed_realm(&state, &realm)?;
    own_or_administrator(&state, &caller, (&realm, &id), "app_password.added").await?;
    let write = state.store.write().await?;
    find(write.transaction(), &realm, &id).await?.ok_or_else(unknown)?;
    let author = author(&state, &caller);
    let user = (realm.as_str(), id.as_str());
    let made = app_passwords::add(write.transaction(), &state.hasher, user, &wanted, &author).await?;
    let details = json!({ "id": made.id, "name": wanted.name, "scopes": wanted.scopes });
    let subject = format!("{realm}/{id}");
    write
        .commit(done(&caller, "app_password.added", subject, details))
        .await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// Removes a password of a device or program.
#[utoipa::path(delete, path = "/raw-sync/users/{realm}/{id}/app-passwords/{password}", tag = "App passwords",
    params(("realm" = String, Path), ("id" = String, Path), ("password" = String, Path)),
    responses((status = 200, description = "It is good no more"), Failures))]
async fn delete_app_password(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((realm, id, password)): Path<(String, String, String)>,
) -> Result<StatusCode, Error> {
    let realm = managed_realm(&state, &realm)?;
    own_or_administrator(&state, &caller, (&realm, &id), "app_password.removed").await?;
    let write = state.store.write().await?;
    if !app_passwords::delete(write.transaction(), (&realm, &id), &password).await? {
        return Err(Error::not_found("There is no such password."));
    }
    let (subject, details) = (format!("{realm}/{id}"), json!({ "id": password }));
    write
        .commit(done(&caller, "app_password.removed", subject, details))
        .await?;
    Ok(StatusCode::OK)
}
