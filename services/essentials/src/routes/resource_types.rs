//! `/resource-types`

use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use stups_api::Problem;
use stups_api::essentials::ResourceTypeSummary;
use stups_server::{Authenticated, Error, Failures, Query, content_tag, json_unless_known};
use utoipa::IntoParams;

use super::State;
use crate::model::store::{self, Filter};

/// Which resource types a list has.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Those that belong to this application
    application_id: Option<String>,
    /// Those with this text in their id or name
    search: Option<String>,
}

/// Lists resource types by id.
#[utoipa::path(
    get,
    path = "/resource-types",
    tag = "resource types",
    params(Wanted),
    responses(
        Failures,
        (status = 200, description = "The resource types; an empty list if there are none", body = Vec<ResourceTypeSummary>),
        (status = 304, description = "The list is the one whose tag is in If-None-Match"),
        (status = 400, description = "A parameter cannot be used", body = Problem),
    )
)]
pub(super) async fn list(
    state: State,
    caller: Authenticated,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Error> {
    state.permissions.read(&caller)?;
    let is_clean = |text: &Option<String>| text.as_ref().is_none_or(|text| !text.contains('\0'));
    if !is_clean(&wanted.application_id) || !is_clean(&wanted.search) {
        return Err(Error::bad_request("A parameter contains a NUL character."));
    }
    let filter = Filter {
        application: wanted.application_id,
        search: wanted.search.filter(|search| !search.is_empty()),
    };
    let found = store::resource_types(state.store.connection(), &filter).await?;
    let list: Vec<ResourceTypeSummary> = found.into_iter().map(ResourceTypeSummary::from).collect();
    let json = serde_json::to_vec(&list).map_err(|_| Error::internal())?;
    Ok(json_unless_known(&headers, content_tag(&json), json.into()))
}
