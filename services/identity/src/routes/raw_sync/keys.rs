use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use stups_api::identity::{NewSshKey, SshKey};
use stups_server::{Authenticated, Error, Json, Path};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::users::{find, unknown};
use crate::State;
use crate::model::ssh_keys;
use crate::model::write::WriteError;
use crate::routes::common::{Failures, administrator, author, done, managed_realm};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list_keys, add_key))
        .routes(routes!(delete_key))
}

type Names = Path<(String, String)>;

/// Lets the user through, and administrators.
pub(super) async fn own_or_administrator(
    state: &State,
    caller: &Authenticated,
    (realm, id): (&str, &str),
    action: &str,
) -> Result<(), Error> {
    if caller.realm == realm && caller.uid == id && caller.has_scope("uid") {
        return Ok(());
    }
    administrator(state, caller, action, &format!("{realm}/{id}")).await
}

/// The SSH keys of a user, expired ones included.
#[utoipa::path(get, path = "/raw-sync/users/{realm}/{id}/keys", tag = "SSH keys",
    params(("realm" = String, Path), ("id" = String, Path)), responses((status = 200, body = Vec<SshKey>), Failures))]
async fn list_keys(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((realm, id)): Names,
) -> Result<Json<Vec<SshKey>>, Error> {
    let realm = managed_realm(&state, &realm)?;
    own_or_administrator(&state, &caller, (&realm, &id), "ssh_key.listed").await?;
    find(state.store.connection(), &realm, &id).await?.ok_or_else(unknown)?;
    Ok(Json(ssh_keys::list(state.store.connection(), &realm, &id).await?))
}

/// Adds an SSH key.
#[utoipa::path(post, path = "/raw-sync/users/{realm}/{id}/keys", tag = "SSH keys",
    params(("realm" = String, Path), ("id" = String, Path)), request_body = NewSshKey,
    responses((status = 201, body = SshKey), Failures))]
async fn add_key(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((realm, id)): Names,
    Json(body): Json<NewSshKey>,
) -> Result<Response, Error> {
    let realm = managed_realm(&state, &realm)?;
    own_or_administrator(&state, &caller, (&realm, &id), "ssh_key.added").await?;
    let row = ssh_keys::new_row(&realm, &id, &body, &author(&state, &caller)).map_err(WriteError::from)?;
    let write = state.store.write().await?;
    find(write.transaction(), &realm, &id).await?.ok_or_else(unknown)?;
    let key = ssh_keys::add(write.transaction(), row).await?;
    let details = json!({ "id": key.id, "fingerprint": key.fingerprint, "expires_at": key.expires_at });
    write
        .commit(done(&caller, "ssh_key.added", format!("{realm}/{id}"), details))
        .await?;
    Ok((StatusCode::CREATED, Json(key)).into_response())
}

/// Removes an SSH key.
#[utoipa::path(delete, path = "/raw-sync/users/{realm}/{id}/keys/{key}", tag = "SSH keys",
    params(("realm" = String, Path), ("id" = String, Path), ("key" = String, Path)),
    responses((status = 200, description = "It is gone"), Failures))]
async fn delete_key(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((realm, id, key)): Path<(String, String, String)>,
) -> Result<StatusCode, Error> {
    let realm = managed_realm(&state, &realm)?;
    own_or_administrator(&state, &caller, (&realm, &id), "ssh_key.removed").await?;
    let write = state.store.write().await?;
    if !ssh_keys::delete(write.transaction(), &realm, &id, &key).await? {
        return Err(Error::not_found("There is no such key."));
    }
    write
        .commit(done(
            &caller,
            "ssh_key.removed",
            format!("{realm}/{id}"),
            json!({ "id": key }),
        ))
        .await?;
    Ok(StatusCode::OK)
}
