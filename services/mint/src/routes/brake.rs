//! `/brake`: what stops a mass deletion of service users.

use serde_json::json;
use stups_api::Problem;
use stups_api::mint::Brake;
use stups_server::{Authenticated, Error, Failures, Json};

use super::Shared;
use crate::audit;
use crate::model::brake::{self, Model};
use crate::model::store;
use crate::permissions::Permissions;

/// Says whether deletions are held back, and of which applications.
#[utoipa::path(
    get,
    path = "/brake",
    tag = "brake",
    responses(Failures, (status = 200, description = "How it is", body = Brake))
)]
pub(super) async fn read(state: Shared, caller: Authenticated) -> Result<Json<Brake>, Error> {
    Permissions::read(&caller)?;
    Ok(Json(brake::read(state.store.connection()).await?.into()))
}

/// Lets the deletions that are held back now through, once. What comes later is held back again.
#[utoipa::path(
    post,
    path = "/brake/release",
    tag = "brake",
    responses(
        Failures,
        (status = 200, description = "How it is now", body = Brake),
        (status = 409, description = "It holds nothing back", body = Problem),
    )
)]
pub(super) async fn release(state: Shared, caller: Authenticated) -> Result<Json<Brake>, Error> {
    let decision = state.permissions.release_brake(&caller);
    state.enforce(decision, "brake.released", "brake", &caller).await?;
    let write = state.store.write().await?;
    let held = brake::locked(state.store.dialect(), write.transaction()).await?;
    if held.engaged_since.is_none() {
        return Err(Error::conflict(
            "The brake is not engaged: there is nothing to let through.",
        ));
    }
    let applications = held.held();
    store::release_removals(write.transaction(), &applications, true).await?;
    let released = Model { released: true, ..held };
    brake::write(write.transaction(), &released).await?;
    let details = json!({"applications": applications});
    write
        .commit(audit::done("brake.released", "brake", caller.actor(), details))
        .await?;
    Ok(Json(released.into()))
}
