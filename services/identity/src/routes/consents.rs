use axum::extract::State as Shared;
use axum::http::StatusCode;
use serde_json::{Value, json};
use stups_server::{Authenticated, Error, Path};
use stups_store::audit::{Event, Outcome};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;
use crate::administration;
use crate::grants;
use crate::model::consents::{self, Between};
use crate::model::refresh_tokens;

/// What users have agreed to (contract identity 2.8), at both places that the originals name.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(get_consent, delete_consent)).routes(routes!(get_synced, delete_synced))
}

type Names = Path<(String, String, String)>;

/// The scopes that the user lets the client have.
#[utoipa::path(
    get,
    path = "/consents/{realm}/{username}/{client_id}",
    tag = "Consents",
    params(("realm" = String, Path), ("username" = String, Path), ("client_id" = String, Path)),
    responses(
        (status = 200, description = "The scopes; none when nothing is stored", body = Object),
        (status = 400, description = "There is no such realm"),
        (status = 401, description = "The token is missing or not valid"),
        (status = 403, description = "The caller is neither the user nor an administrator"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn get_consent(Shared(state): Shared<State>, caller: Authenticated, names: Names) -> Result<axum::Json<Value>, Error> {
    let between = between(&state, &caller, names)?;
    let scopes = consents::scopes(state.store.connection(), &between).await?;
    Ok(axum::Json(json!({ "scopes": scopes })))
}

/// Takes the agreement back, and ends the refresh tokens that came from it.
#[utoipa::path(
    delete,
    path = "/consents/{realm}/{username}/{client_id}",
    tag = "Consents",
    params(("realm" = String, Path), ("username" = String, Path), ("client_id" = String, Path)),
    responses(
        (status = 204, description = "Nothing is stored any more"),
        (status = 400, description = "There is no such realm"),
        (status = 401, description = "The token is missing or not valid"),
        (status = 403, description = "The caller is neither the user nor an administrator"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn delete_consent(Shared(state): Shared<State>, caller: Authenticated, names: Names) -> Result<StatusCode, Error> {
    let between = between(&state, &caller, names)?;
    let write = state.store.write().await?;
    let transaction = write.transaction();
    consents::delete(transaction, &between).await?;
    let families =
        refresh_tokens::of_user_and_client(transaction, &between.realm, &between.uid, &between.client_id).await?;
    let revoked = grants::kill_families(&state, transaction, &families).await?;
    let event = Event {
        action: "consent.withdrawn".to_owned(),
        subject: format!("{}/{}", between.realm, between.uid),
        actor: caller.actor(),
        outcome: Outcome::Success,
        details: json!({ "client_id": between.client_id }),
    };
    write.commit(event).await?;
    state.revoked.add(&revoked);
    Ok(StatusCode::NO_CONTENT)
}

/// The scopes that the user lets the client have: where the originals' description has it.
#[utoipa::path(
    get,
    path = "/raw-sync/consents/{realm}/{username}/{client_id}",
    tag = "Consents",
    params(("realm" = String, Path), ("username" = String, Path), ("client_id" = String, Path)),
    responses(
        (status = 200, description = "The scopes; none when nothing is stored", body = Object),
        (status = 400, description = "There is no such realm"),
        (status = 401, description = "The token is missing or not valid"),
        (status = 403, description = "The caller is neither the user nor an administrator"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn get_synced(state: Shared<State>, caller: Authenticated, names: Names) -> Result<axum::Json<Value>, Error> {
    get_consent(state, caller, names).await
}

/// Takes the agreement back: where the originals' description has it.
#[utoipa::path(
    delete,
    path = "/raw-sync/consents/{realm}/{username}/{client_id}",
    tag = "Consents",
    params(("realm" = String, Path), ("username" = String, Path), ("client_id" = String, Path)),
    responses(
        (status = 204, description = "Nothing is stored any more"),
        (status = 400, description = "There is no such realm"),
        (status = 401, description = "The token is missing or not valid"),
        (status = 403, description = "The caller is neither the user nor an administrator"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn delete_synced(state: Shared<State>, caller: Authenticated, names: Names) -> Result<StatusCode, Error> {
    delete_consent(state, caller, names).await
}

/// The users themselves may, and administrators; with the realm's slash or without.
fn between(state: &State, caller: &Authenticated, names: Names) -> Result<Between, Error> {
    let Path((realm, uid, client_id)) = names;
    caller.require_scope("uid")?;
    let (realm, _) = state.realms.get(&realm).ok_or_else(|| {
        Error::oauth(StatusCode::BAD_REQUEST, "realm_not_found", "There is no such realm")
    })?;
    if !(caller.realm == realm && caller.uid == uid) {
        administration::require(state, caller)?;
    }
    Ok(Between { realm: realm.to_owned(), uid, client_id })
}
