//! `/resource-types/{resource_type_id}`

use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stups_api::essentials::{RESOURCE_TYPE, RESOURCE_TYPE_PATCH, ResourceType, ResourceTypePatch, ResourceTypeWrite};
use stups_api::{Problem, Timestamp};
use stups_server::{
    Authenticated, Error, Failures, Json, Path, Preconditions, Query, WriteFailures, json_unless_known, revision_tag,
};
use stups_store::Write;
use utoipa::IntoParams;

use super::{Essentials, Missing, State, attributes, contended, no_resource_type, resource_type_id};
use crate::audit;
use crate::model::resource_type::Model;
use crate::model::store;
use crate::usage;

/// How something is deleted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Deletion {
    /// Also when applications hold it
    #[serde(default)]
    pub(super) force: bool,
}

/// Reads a resource type.
#[utoipa::path(
    get,
    path = "/resource-types/{resource_type_id}",
    tag = "resource types",
    params(("resource_type_id" = String, Path, description = "The resource type", pattern = "^[a-z][a-z0-9-_]*(?:\\.[a-z0-9-_]*)?[a-z0-9]$")),
    responses(
        Failures,
        (status = 200, description = "The resource type", body = ResourceType),
        (status = 304, description = "The resource type is the one whose tag is in If-None-Match"),
        (status = 400, description = "The id cannot be one", body = Problem),
        (status = 404, description = "There is no such resource type", body = Problem),
    )
)]
pub(super) async fn read(
    state: State,
    caller: Authenticated,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    state.permissions.read(&caller)?;
    resource_type_id(&id)?;
    let found = store::resource_type(state.store.connection(), &id).await?;
    let found = found.ok_or_else(no_resource_type)?;
    let json = serde_json::to_vec(&ResourceType::from(&found)).map_err(|_| Error::internal())?;
    Ok(json_unless_known(&headers, revision_tag(found.revision), json.into()))
}

/// Makes a resource type, or replaces it: what is not in the body becomes empty. With `If-Match`, only if it still is what the caller
/// has read; with `If-None-Match: *`, only if it is new.
#[utoipa::path(
    put,
    path = "/resource-types/{resource_type_id}",
    tag = "resource types",
    params(("resource_type_id" = String, Path, description = "The resource type", pattern = "^[a-z][a-z0-9-_]*(?:\\.[a-z0-9-_]*)?[a-z0-9]$")),
    request_body = ResourceTypeWrite,
    responses(
        WriteFailures,
        (status = 200, description = "It is written; the answer is null, as the original's"),
        (status = 400, description = "The id or an attribute cannot be used, or the owners do not fit the scopes", body = Problem),
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
    resource_type_id(&id)?;
    let attributes = attributes("resource_type", &body, RESOURCE_TYPE, "name")?;
    let change = Change {
        id,
        attributes,
        missing: Missing::Clears,
        preconditions: Preconditions::of(&headers),
    };
    let written = write(&state, &caller, &change).await?;
    Ok((
        StatusCode::OK,
        [(ETAG, revision_tag(written.revision))],
        Json(Value::Null),
    )
        .into_response())
}

/// Changes attributes of a resource type: a JSON merge patch (RFC 7396). Null clears.
#[utoipa::path(
    patch,
    path = "/resource-types/{resource_type_id}",
    tag = "resource types",
    params(("resource_type_id" = String, Path, description = "The resource type", pattern = "^[a-z][a-z0-9-_]*(?:\\.[a-z0-9-_]*)?[a-z0-9]$")),
    request_body(content((ResourceTypePatch = "application/merge-patch+json"), (ResourceTypePatch = "application/json"))),
    responses(
        WriteFailures,
        (status = 200, description = "The resource type as it is now", body = ResourceType),
        (status = 400, description = "The id or an attribute cannot be used, or the owners do not fit the scopes", body = Problem),
        (status = 404, description = "There is no such resource type", body = Problem),
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
    resource_type_id(&id)?;
    let attributes = attributes("resource_type", &body, RESOURCE_TYPE_PATCH, "name")?;
    let change = Change {
        id,
        attributes,
        missing: Missing::Stays,
        preconditions: Preconditions::of(&headers),
    };
    let written = write(&state, &caller, &change).await?;
    let tag = revision_tag(written.revision);
    Ok(([(ETAG, tag)], Json(ResourceType::from(&written))).into_response())
}

/// Removes a resource type and its scopes. Refused when an application holds one of them, unless it is forced.
#[utoipa::path(
    delete,
    path = "/resource-types/{resource_type_id}",
    tag = "resource types",
    params(
        ("resource_type_id" = String, Path, description = "The resource type", pattern = "^[a-z][a-z0-9-_]*(?:\\.[a-z0-9-_]*)?[a-z0-9]$"),
        Deletion,
    ),
    responses(
        Failures,
        (status = 200, description = "It is removed; the answer is null, as the original's"),
        (status = 400, description = "The id cannot be one", body = Problem),
        (status = 404, description = "There is no such resource type", body = Problem),
        (status = 409, description = "Applications hold scopes on it", body = Problem),
        (status = 412, description = "It is not what If-Match demands", body = Problem),
    )
)]
pub(super) async fn delete(
    state: State,
    caller: Authenticated,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(deletion): Query<Deletion>,
) -> Result<Json<Value>, Error> {
    resource_type_id(&id)?;
    state.authorise(&caller, &id, "resource_type.deleted", &id).await?;
    if !deletion.force {
        usage::refuse_if_held(state.mint.as_ref(), &caller, &id, None).await?;
    }
    let (write, stored) = begin(&state, &id).await?;
    Preconditions::of(&headers).check("resource type", Some(stored.revision))?;
    store::delete_resource_type(write.transaction(), &id).await?;
    let before = ResourceType::from(&stored);
    let now = None::<&ResourceType>;
    write
        .commit(audit::written(
            "resource_type.deleted",
            &id,
            caller.actor(),
            Some(&before),
            now,
        ))
        .await?;
    Ok(Json(Value::Null))
}

/// Begins a write in which nobody else changes the resource type or its scopes until it ends.
pub(super) async fn begin(state: &Essentials, id: &str) -> Result<(Write, Model), Error> {
    let write = state.store.write().await?;
    let locked = store::locked_resource_type(state.store.dialect(), write.transaction(), id).await?;
    Ok((write, locked.ok_or_else(no_resource_type)?))
}

struct Change {
    id: String,
    attributes: Map<String, Value>,
    missing: Missing,
    preconditions: Preconditions,
}

/// Authorise, check the owners, write, record (contract essentials 2.4).
async fn write(state: &Essentials, caller: &Authenticated, change: &Change) -> Result<Model, Error> {
    let id = change.id.as_str();
    state.authorise(caller, id, "resource_type.modified", id).await?;

    let write = state.store.write().await?;
    let stored = store::locked_resource_type(state.store.dialect(), write.transaction(), id).await?;
    if stored.is_none() && change.missing == Missing::Stays {
        return Err(no_resource_type());
    }
    change
        .preconditions
        .check("resource type", stored.as_ref().map(|stored| stored.revision))?;
    let now = Timestamp::now().0;
    let blank = Model::blank(id, &caller.uid, now);
    let base = match (&stored, change.missing) {
        (Some(stored), Missing::Stays) => stored.clone(),
        (Some(stored), Missing::Clears) => Model {
            created_at: stored.created_at,
            created_by: stored.created_by.clone(),
            revision: stored.revision,
            ..blank
        },
        (None, _) => blank,
    };
    let written = Model {
        revision: base.revision + 1,
        last_modified_at: now,
        last_modified_by: caller.uid.clone(),
        ..base.with(&change.attributes)
    };
    let owners = written.owners();
    check_owners(state, &owners)?;
    if owners.is_empty() && stored.is_some() {
        let scopes = store::scopes(write.transaction(), id).await?;
        check_without_owners(id, &scopes)?;
    }
    if stored.is_some() {
        store::update_resource_type(write.transaction(), &written).await?;
    } else if !store::insert_resource_type(write.transaction(), &written).await? {
        return Err(contended());
    }
    let before = stored.as_ref().map(ResourceType::from);
    let now = ResourceType::from(&written);
    let event = audit::written(
        "resource_type.modified",
        id,
        caller.actor(),
        before.as_ref(),
        Some(&now),
    );
    write.commit(event).await?;
    Ok(written)
}

/// Rule 1: only realms that the service knows own resources, each once.
fn check_owners(state: &Essentials, owners: &[String]) -> Result<(), Error> {
    let unknown: Vec<&String> = owners
        .iter()
        .filter(|owner| !state.resource_owners.contains(*owner))
        .collect();
    if !unknown.is_empty() {
        let message = "There are resource owners that cannot be any.";
        let details = json!({"invalid_resource_owners": unknown, "possible_resource_owners": state.resource_owners});
        return Err(Error::bad_request(message).with_details(details));
    }
    let mut seen = std::collections::BTreeSet::new();
    if let Some(twice) = owners.iter().find(|owner| !seen.insert(*owner)) {
        let details =
            json!({"field": "body->resource_type->resource_owners", "reason": format!("{twice} is there twice")});
        return Err(Error::bad_request("A resource owner is there twice.").with_details(details));
    }
    Ok(())
}

/// Rule 2: a resource type without owners has no scopes that owners grant.
fn check_without_owners(id: &str, scopes: &[crate::model::scope::Model]) -> Result<(), Error> {
    let affected = scopes.iter().filter(|scope| scope.is_resource_owner_scope);
    let affected: Vec<&str> = affected.map(|scope| scope.id.as_str()).collect();
    if affected.is_empty() {
        return Ok(());
    }
    let message = "The resource type has scopes that a resource owner grants: it cannot be without owners.";
    Err(Error::bad_request(message).with_details(json!({"resource_type_id": id, "affected_scope_ids": affected})))
}
