//! `/teams/{team}/artifacts/{artifact}/tags/{tag}/scm-source`

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use stups_api::Problem;
use stups_api::pierone::ScmSource;
use stups_server::{Error, Json, Path};

use super::{repository, tagged};
use crate::principal::Principal;
use crate::routes::State;

/// Tells where a tag's image was made from.
#[utoipa::path(
    get,
    path = "/teams/{team}/artifacts/{artifact}/tags/{tag}/scm-source",
    tag = "images",
    params(("team" = String, Path, description = "The team"), ("artifact" = String, Path, description = "The artifact; slashes are encoded"), ("tag" = String, Path, description = "The tag, or latest")),
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "Where from", body = ScmSource),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 404, description = "That is not known, or there is no such tag"),
    )
)]
pub(super) async fn read(
    state: State,
    who: Principal,
    Path((team, artifact, tag)): Path<(String, String, String)>,
) -> Result<Response, Error> {
    let repository = repository(&team, &artifact)?;
    state.permissions.pull(&who, &repository)?;
    let source = match tagged(&state, &repository, &tag).await {
        Ok((row, manifest)) => state.source_of_tag(&repository, &row, &manifest).await?,
        Err(error) if error.status == StatusCode::NOT_FOUND => None,
        Err(error) => return Err(error),
    };
    // Old clients read null.
    Ok(match source {
        Some(source) => Json(source).into_response(),
        None => (StatusCode::NOT_FOUND, Json(Value::Null)).into_response(),
    })
}
