//! `/apps`

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use axum::response::Response;
use stups_api::Problem;
use stups_api::essentials::{RESOURCE_TYPE_ID, SCOPE_ID};
use stups_api::mint::{ApplicationFilter, ApplicationSummary};
use stups_api::strict::{self, Attribute};
use stups_server::{Authenticated, Error, Failures, Query, content_tag, json_unless_known};

use super::Shared;
use crate::model::store;
use crate::permissions::Permissions;

/// Lists configured applications by id.
#[utoipa::path(
    get,
    path = "/apps",
    tag = "applications",
    params(
        ("resource_type_id" = Option<String>, Query, description = "Those with a scope on this resource type"),
        ("scope_id" = Option<String>, Query, description = "Those with a scope of this id"),
    ),
    responses(
        Failures,
        (status = 200, description = "The applications; an empty list if there are none", body = Vec<ApplicationSummary>),
        (status = 304, description = "The list is the one whose tag is in If-None-Match"),
        (status = 400, description = "A parameter cannot be used", body = Problem),
    )
)]
pub(super) async fn list(
    state: Shared,
    caller: Authenticated,
    headers: HeaderMap,
    Query(parameters): Query<BTreeMap<String, String>>,
) -> Result<Response, Error> {
    Permissions::read(&caller)?;
    let filter = ApplicationFilter {
        resource_type_id: parameter(&parameters, &RESOURCE_TYPE_ID)?,
        scope_id: parameter(&parameters, &SCOPE_ID)?,
    };
    let found = store::applications(state.store.connection(), &filter).await?;
    let list: Vec<ApplicationSummary> = found.into_iter().map(ApplicationSummary::from).collect();
    let json = serde_json::to_vec(&list).map_err(|_| Error::internal())?;
    Ok(json_unless_known(&headers, content_tag(&json), json.into()))
}

fn parameter(parameters: &BTreeMap<String, String>, known: &Attribute) -> Result<Option<String>, Error> {
    let Some(text) = parameters.get(known.name) else {
        return Ok(None);
    };
    let known = Attribute {
        required: false,
        ..*known
    };
    strict::text("query", &known, text)?;
    Ok(Some(text.clone()))
}
