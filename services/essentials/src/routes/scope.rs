//! `/resource-types/{resource_type_id}/scopes/{scope_id}`

use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use stups_api::essentials::{SCOPE, SCOPE_PATCH, Scope, ScopePatch, ScopeWrite};
use stups_api::{Problem, Timestamp};
use stups_server::{
    Authenticated, Error, Failures, Json, Path, Preconditions, Query, WriteFailures, json_unless_known, revision_tag,
};

use super::resource_type::{Deletion, begin};
use super::{Essentials, Missing, State, attributes, scope_ids};
use crate::audit;
use crate::model::scope::Model;
use crate::model::store;
use crate::usage;

/// Reads a scope.
#[utoipa::path(
    get,
    path = "/resource-types/{resource_type_id}/scopes/{scope_id}",
    tag = "scopes",
    params(
        ("resource_type_id" = String, Path, description = "The resource type", pattern = "^[a-z][a-z0-9-_]*(?:\\.[a-z0-9-_]*)?[a-z0-9]$"),
        ("scope_id" = String, Path, description = "The scope", pattern = "^[a-z][a-z0-9-_]*[a-z0-9]$"),
    ),
    responses(
        Failures,
        (status = 200, description = "The scope", body = Scope),
        (status = 304, description = "The scope is the one whose tag is in If-None-Match"),
        (status = 400, description = "An id cannot be one", body = Problem),
        (status = 404, description = "There is no such scope", body = Problem),
    )
)]
pub(super) async fn read(
    state: State,
    caller: Authenticated,
    headers: HeaderMap,
    Path((resource_type, id)): Path<(String, String)>,
) -> Result<Response, Error> {
    state.permissions.read(&caller)?;
    scope_ids(&resource_type, &id)?;
    let found = store::scope(state.store.connection(), &resource_type, &id).await?;
    let found = found.ok_or_else(no_scope)?;
    let json = serde_json::to_vec(&Scope::from(&found)).map_err(|_| Error::internal())?;
    Ok(json_unless_known(&headers, revision_tag(found.revision), json.into()))
}

/// Makes a scope, or replaces it: what is not in the body becomes empty. With `If-Match`, only if it still is what the caller has
/// read; with `If-None-Match: *`, only if it is new.
#[utoipa::path(
    put,
    path = "/resource-types/{resource_type_id}/scopes/{scope_id}",
    tag = "scopes",
    params(
        ("resource_type_id" = String, Path, description = "The resource type", pattern = "^[a-z][a-z0-9-_]*(?:\\.[a-z0-9-_]*)?[a-z0-9]$"),
        ("scope_id" = String, Path, description = "The scope", pattern = "^[a-z][a-z0-9-_]*[a-z0-9]$"),
    ),
    request_body = ScopeWrite,
    responses(
        WriteFailures,
        (status = 200, description = "It is written; the answer is null, as the original's"),
        (status = 400, description = "An id or an attribute cannot be used, or the resource type has no owners", body = Problem),
        (status = 404, description = "There is no such resource type", body = Problem),
        (status = 412, description = "It is not what If-Match or If-None-Match demand", body = Problem),
    )
)]
pub(super) async fn put(
    state: State,
    caller: Authenticated,
    headers: HeaderMap,
    Path((resource_type, id)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Result<Response, Error> {
    scope_ids(&resource_type, &id)?;
    let attributes = attributes("scope", &body, SCOPE, "summary")?;
    let change = Change {
        resource_type,
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

/// Changes attributes of a scope: a JSON merge patch (RFC 7396). Null clears.
#[utoipa::path(
    patch,
    path = "/resource-types/{resource_type_id}/scopes/{scope_id}",
    tag = "scopes",
    params(
        ("resource_type_id" = String, Path, description = "The resource type", pattern = "^[a-z][a-z0-9-_]*(?:\\.[a-z0-9-_]*)?[a-z0-9]$"),
        ("scope_id" = String, Path, description = "The scope", pattern = "^[a-z][a-z0-9-_]*[a-z0-9]$"),
    ),
    request_body(content((ScopePatch = "application/merge-patch+json"), (ScopePatch = "application/json"))),
    responses(
        WriteFailures,
        (status = 200, description = "The scope as it is now", body = Scope),
        (status = 400, description = "An id or an attribute cannot be used, or the resource type has no owners", body = Problem),
        (status = 404, description = "There is no such resource type or scope", body = Problem),
        (status = 412, description = "It is not what If-Match or If-None-Match demand", body = Problem),
    )
)]
pub(super) async fn patch(
    state: State,
    caller: Authenticated,
    headers: HeaderMap,
    Path((resource_type, id)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Result<Response, Error> {
    scope_ids(&resource_type, &id)?;
    let attributes = attributes("scope", &body, SCOPE_PATCH, "summary")?;
    let change = Change {
        resource_type,
        id,
        attributes,
        missing: Missing::Stays,
        preconditions: Preconditions::of(&headers),
    };
    let written = write(&state, &caller, &change).await?;
    let tag = revision_tag(written.revision);
    Ok(([(ETAG, tag)], Json(Scope::from(&written))).into_response())
}

/// Removes a scope, if it is there. Refused when an application holds it, unless it is forced.
#[utoipa::path(
    delete,
    path = "/resource-types/{resource_type_id}/scopes/{scope_id}",
    tag = "scopes",
    params(
        ("resource_type_id" = String, Path, description = "The resource type", pattern = "^[a-z][a-z0-9-_]*(?:\\.[a-z0-9-_]*)?[a-z0-9]$"),
        ("scope_id" = String, Path, description = "The scope", pattern = "^[a-z][a-z0-9-_]*[a-z0-9]$"),
        Deletion,
    ),
    responses(
        Failures,
        (status = 200, description = "It is not there any more; the answer is null, as the original's"),
        (status = 400, description = "An id cannot be one", body = Problem),
        (status = 404, description = "There is no such resource type", body = Problem),
        (status = 409, description = "Applications hold it", body = Problem),
        (status = 412, description = "It is not what If-Match demands", body = Problem),
    )
)]
pub(super) async fn delete(
    state: State,
    caller: Authenticated,
    headers: HeaderMap,
    Path((resource_type, id)): Path<(String, String)>,
    Query(deletion): Query<Deletion>,
) -> Result<Json<Value>, Error> {
    scope_ids(&resource_type, &id)?;
    let subject = format!("{resource_type}.{id}");
    state
        .authorise(&caller, &resource_type, "scope.deleted", &subject)
        .await?;
    if !deletion.force {
        usage::refuse_if_held(state.mint.as_ref(), &caller, &resource_type, Some(&id)).await?;
    }
    let (write, _) = begin(&state, &resource_type).await?;
    let stored = store::scope(write.transaction(), &resource_type, &id).await?;
    Preconditions::of(&headers).check("scope", stored.as_ref().map(|stored| stored.revision))?;
    let Some(stored) = stored else {
        // As the original: who deletes twice is not told off.
        return Ok(Json(Value::Null));
    };
    store::delete_scope(write.transaction(), &resource_type, &id).await?;
    let before = Scope::from(&stored);
    let now = None::<&Scope>;
    write
        .commit(audit::written(
            "scope.deleted",
            &subject,
            caller.actor(),
            Some(&before),
            now,
        ))
        .await?;
    Ok(Json(Value::Null))
}

/// Lists the applications that hold a scope, as mint knows them.
#[utoipa::path(
    get,
    path = "/resource-types/{resource_type_id}/scopes/{scope_id}/applications",
    tag = "scopes",
    params(
        ("resource_type_id" = String, Path, description = "The resource type", pattern = "^[a-z][a-z0-9-_]*(?:\\.[a-z0-9-_]*)?[a-z0-9]$"),
        ("scope_id" = String, Path, description = "The scope", pattern = "^[a-z][a-z0-9-_]*[a-z0-9]$"),
    ),
    responses(
        Failures,
        (status = 200, description = "The ids of the applications; an empty list if there are none", body = Vec<String>),
        (status = 400, description = "An id cannot be one", body = Problem),
        (status = 404, description = "There is no such scope", body = Problem),
    )
)]
pub(super) async fn holders(
    state: State,
    caller: Authenticated,
    Path((resource_type, id)): Path<(String, String)>,
) -> Result<Json<Vec<String>>, Error> {
    state.permissions.read(&caller)?;
    scope_ids(&resource_type, &id)?;
    let found = store::scope(state.store.connection(), &resource_type, &id).await?;
    found.ok_or_else(no_scope)?;
    let mint = state
        .mint
        .as_ref()
        .ok_or_else(|| Error::unavailable("mint_url is not set."))?;
    Ok(Json(usage::holders(mint, &caller, &resource_type, Some(&id)).await?))
}

struct Change {
    resource_type: String,
    id: String,
    attributes: Map<String, Value>,
    missing: Missing,
    preconditions: Preconditions,
}

/// Authorise, check that the resource type fits, write, record (contract essentials 2.4).
async fn write(state: &Essentials, caller: &Authenticated, change: &Change) -> Result<Model, Error> {
    let (resource_type, id) = (change.resource_type.as_str(), change.id.as_str());
    let subject = format!("{resource_type}.{id}");
    state
        .authorise(caller, resource_type, "scope.modified", &subject)
        .await?;

    let (write, locked) = begin(state, resource_type).await?;
    let stored = store::scope(write.transaction(), resource_type, id).await?;
    if stored.is_none() && change.missing == Missing::Stays {
        return Err(no_scope());
    }
    change
        .preconditions
        .check("scope", stored.as_ref().map(|stored| stored.revision))?;
    let now = Timestamp::now().0;
    let blank = Model::blank(resource_type, id, &caller.uid, now);
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
    // Rule 3: what an owner grants needs an owner.
    if written.is_resource_owner_scope && locked.owners().is_empty() {
        let message = "The resource type has no owners: none could grant the scope.";
        let details = json!({"resource_type_id": resource_type, "scope_id": id});
        return Err(Error::bad_request(message).with_details(details));
    }
    store::put_scope(write.transaction(), &written, stored.is_some()).await?;
    let before = stored.as_ref().map(Scope::from);
    let now = Scope::from(&written);
    let event = audit::written("scope.modified", &subject, caller.actor(), before.as_ref(), Some(&now));
    write.commit(event).await?;
    Ok(written)
}

fn no_scope() -> Error {
    Error::not_found("There is no such scope.")
}
