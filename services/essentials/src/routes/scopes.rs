//! `/resource-types/{resource_type_id}/scopes` and `/scopes`

use std::collections::HashMap;

use axum::http::HeaderMap;
use axum::response::Response;
use stups_api::Problem;
use stups_api::essentials::{FullScope, Scope};
use stups_server::{Authenticated, Error, Failures, Path, content_tag, json_unless_known};

use super::{State, resource_type_id};
use crate::model::store::{self, Filter};

/// Lists the scopes of a resource type by id. A resource type that is not there has none.
#[utoipa::path(
    get,
    path = "/resource-types/{resource_type_id}/scopes",
    tag = "scopes",
    params(("resource_type_id" = String, Path, description = "The resource type", pattern = "^[a-z][a-z0-9-_]*(?:\\.[a-z0-9-_]*)?[a-z0-9]$")),
    responses(
        Failures,
        (status = 200, description = "The scopes; an empty list if there are none", body = Vec<Scope>),
        (status = 304, description = "The list is the one whose tag is in If-None-Match"),
        (status = 400, description = "The id cannot be one", body = Problem),
    )
)]
pub(super) async fn list(
    state: State,
    caller: Authenticated,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    state.permissions.read(&caller)?;
    resource_type_id(&id)?;
    let found = store::scopes(state.store.connection(), &id).await?;
    let list: Vec<Scope> = found.iter().map(Scope::from).collect();
    let json = serde_json::to_vec(&list).map_err(|_| Error::internal())?;
    Ok(json_unless_known(&headers, content_tag(&json), json.into()))
}

/// Lists all scopes under their full names: what tokens may carry, and who grants it.
#[utoipa::path(
    get,
    path = "/scopes",
    tag = "scopes",
    responses(
        Failures,
        (status = 200, description = "The scopes; an empty list if there are none", body = Vec<FullScope>),
        (status = 304, description = "The list is the one whose tag is in If-None-Match"),
    )
)]
pub(super) async fn all(state: State, caller: Authenticated, headers: HeaderMap) -> Result<Response, Error> {
    state.permissions.read(&caller)?;
    let connection = state.store.connection();
    let types = store::resource_types(connection, &Filter::default()).await?;
    let owners: HashMap<String, Vec<String>> = types
        .into_iter()
        .map(|found| (found.id.clone(), found.owners()))
        .collect();
    let found = store::all_scopes(connection).await?;
    let list: Vec<FullScope> = found
        .into_iter()
        .map(|scope| FullScope {
            name: scope.full_name(),
            resource_owners: owners.get(&scope.resource_type_id).cloned().unwrap_or_default(),
            resource_type_id: scope.resource_type_id,
            scope_id: scope.id,
            summary: scope.summary,
            is_resource_owner_scope: scope.is_resource_owner_scope,
            criticality_level: scope.criticality_level,
        })
        .collect();
    let json = serde_json::to_vec(&list).map_err(|_| Error::internal())?;
    Ok(json_unless_known(&headers, content_tag(&json), json.into()))
}
