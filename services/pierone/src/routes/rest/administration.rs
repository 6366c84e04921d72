//! `/purges`, `/garbage-collections` and `/imports`: for administrators of the registry.

use serde::Deserialize;
use serde_json::Value;
use stups_api::Problem;
use stups_api::pierone::{Import, Imported, Purge, Tombstone};
use stups_server::{Authenticated, Error, Json};

use super::enforce;
use crate::import::Original;
use crate::jobs;
use crate::names::{self, Repository};
use crate::principal::Principal;
use crate::purge;
use crate::routes::State;

async fn administrator(state: &State, caller: &Authenticated, action: &str, subject: &str) -> Result<(), Error> {
    let allowed = state.permissions.is_admin(caller.caller());
    let refusal = (!allowed).then(|| "the token does not have the scope application.registry_admin".to_owned());
    enforce(state, caller, action, subject, refusal).await
}

/// Lists images that were removed for good, and those that somebody wants to remove.
#[utoipa::path(
    get,
    path = "/purges",
    tag = "administration",
    responses(
        (status = 200, description = "The newest first", body = Vec<Tombstone>),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 403, description = "The caller does not administer the registry", body = Problem),
    )
)]
pub(super) async fn purges(state: State, caller: Authenticated) -> Result<Json<Vec<Tombstone>>, Error> {
    administrator(&state, &caller, "image.purges_read", "").await?;
    Ok(Json(purge::list(state.store.connection()).await?))
}

/// Asks for an image to be removed for good; the same from somebody else does it.
#[utoipa::path(
    post,
    path = "/purges",
    tag = "administration",
    request_body = Purge,
    responses(
        (status = 200, description = "What is left, or what waits for somebody else to agree", body = Tombstone),
        (status = 400, description = "Something is missing", body = Problem),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 403, description = "The caller does not administer the registry", body = Problem),
        (status = 404, description = "There is no such image", body = Problem),
        (status = 409, description = "The caller has asked already, or for something else, or an index lists it", body = Problem),
    )
)]
pub(super) async fn purge(
    state: State,
    caller: Authenticated,
    Json(body): Json<Purge>,
) -> Result<Json<Tombstone>, Error> {
    let subject = format!("{}@{}", body.repository, body.digest);
    administrator(&state, &caller, "image.purged", &subject).await?;
    if body.reason.trim().is_empty() || body.ticket.trim().is_empty() {
        return Err(Error::bad_request(
            "reason and ticket say why, and where that was decided",
        ));
    }
    Ok(Json(state.purge(&caller, &body).await?))
}

/// How to collect.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Collection {
    /// Whether to say only what would be removed.
    #[serde(default)]
    dry_run: bool,
}

/// Removes what nothing ever referred to, or says what that would be.
#[utoipa::path(
    post,
    path = "/garbage-collections",
    tag = "administration",
    request_body = Collection,
    responses(
        (status = 200, description = "What was removed, or would be", body = Object),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 403, description = "The caller does not administer the registry", body = Problem),
    )
)]
pub(super) async fn collect(
    state: State,
    caller: Authenticated,
    Json(body): Json<Collection>,
) -> Result<Json<Value>, Error> {
    administrator(&state, &caller, "garbage.collected", "").await?;
    let collected = jobs::collect(&state, body.dry_run, &caller.actor()).await?;
    let value = serde_json::to_value(collected).map_err(|_| Error::internal())?;
    Ok(Json(value))
}

/// Takes over a tag of an original Pier One, whose content is at the root of the storage or was pushed here before.
#[utoipa::path(
    post,
    path = "/imports",
    tag = "administration",
    request_body = Import,
    responses(
        (status = 200, description = "It is here", body = Imported),
        (status = 400, description = "Content is missing, or is not what its name says", body = Problem),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 403, description = "The caller does not administer the registry", body = Problem),
        (status = 409, description = "The tag is another image here", body = Problem),
    )
)]
pub(super) async fn import(
    state: State,
    caller: Authenticated,
    who: Principal,
    Json(body): Json<Import>,
) -> Result<Json<Imported>, Error> {
    let subject = format!("{}:{}", body.repository, body.tag);
    administrator(&state, &caller, "tag.imported", &subject).await?;
    let wrong = |error: Error| Error::bad_request(error.message);
    let repository = Repository::parse(&body.repository).map_err(wrong)?;
    names::tag(&body.tag).map_err(wrong)?;
    let original = Original {
        repository: &repository,
        tag: &body.tag,
        manifest: body.manifest.as_bytes(),
        created: body.created,
        created_by: body.created_by.as_deref().unwrap_or_default(),
        source: body.scm_source,
    };
    let digest = state.import(&who, original).await?;
    Ok(Json(Imported {
        digest: digest.as_str().to_owned(),
    }))
}
