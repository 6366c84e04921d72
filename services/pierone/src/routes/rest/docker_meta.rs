//! `/image-metadata/{registry}/{team}/{image}`: what another service told about images (contract pierone 2.7).

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use stups_api::{Problem, Timestamp};
use stups_server::{Authenticated, Error, Json, Path};

use super::compliance::{Again, declare_ready};
use super::{repository, tagged};
use crate::names::Repository;
use crate::principal::Principal;
use crate::routes::State;
use crate::status::{READY, Status};

/// `artifact:tag`
fn image(team: &str, image: &str) -> Result<(Repository, String), Error> {
    let (artifact, tag) = image
        .rsplit_once(':')
        .ok_or_else(|| Error::bad_request("an image is <team>/<artifact>:<tag>"))?;
    Ok((repository(team, artifact)?, tag.to_owned()))
}

/// Tells where an image comes from and whether it may run.
#[utoipa::path(
    get,
    path = "/image-metadata/{registry}/{team}/{image}",
    tag = "compliance",
    params(("registry" = String, Path, description = "The registry; this one, whatever is said"), ("team" = String, Path, description = "The team"), ("image" = String, Path, description = "<artifact>:<tag>")),
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "What is known", body = Object),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 404, description = "There is no such image", body = Problem),
    )
)]
pub(super) async fn read(
    state: State,
    who: Principal,
    Path((_registry, team, name)): Path<(String, String, String)>,
) -> Result<Json<Value>, Error> {
    let (repository, tag) = image(&team, &name)?;
    state.permissions.pull(&who, &repository)?;
    let (row, manifest) = tagged(&state, &repository, &tag).await?;
    let compliance = state.compliance(&repository, &row, &manifest).await?;
    let ci = compliance.source.as_ref().map(|source| {
        json!({"url": source.url, "revision": source.revision, "author": source.author, "created": source.created})
    });
    let told = |status: &Status| {
        json!({
            "status": status.status, "received_at": Timestamp(status.received_at), "reason": status.reason,
            "details": status.details, "incident": status.incident, "set_by": status.set_by,
        })
    };
    // Clients want a text; what decides is told where it belongs.
    let reason = match compliance.decisive() {
        Some(_) => "nobody has checked it".to_owned(),
        None => compliance.reason(),
    };
    let nothing = json!({"status": "Not Processed", "received_at": null, "reason": reason, "details": null});
    let mut about = json!({
        "status": compliance.status(),
        "checker": compliance.checker.as_ref().map_or(nothing, told),
    });
    if let Some(user) = &compliance.user {
        about["user"] = told(user);
    }
    if let Some(emergency) = &compliance.emergency {
        about["emergency"] = told(emergency);
    }
    Ok(Json(json!({
        "ci": ci,
        "compliance": about,
        // Nobody looks at base images here; clients want the members.
        "base_image": {"name": "", "allowed": true, "message": "base images are not checked"},
    })))
}

/// What is told about an image.
#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct Metadata {
    compliance: Compliance,
}

/// What is told about whether it may run.
#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct Compliance {
    user: User,
}

/// What a person says.
#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct User {
    incident: String,
    reason: Option<String>,
    status: String,
}

/// Says that an image is ready for production, because of an incident.
#[utoipa::path(
    put,
    path = "/image-metadata/{registry}/{team}/{image}",
    tag = "compliance",
    params(("registry" = String, Path, description = "The registry; this one, whatever is said"), ("team" = String, Path, description = "The team"), ("image" = String, Path, description = "<artifact>:<tag>")),
    request_body = Metadata,
    responses(
        (status = 204, description = "It is said"),
        (status = 400, description = "Something else is said", body = Problem),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 403, description = "The caller is no employee in the team", body = Problem),
        (status = 404, description = "There is no such image", body = Problem),
        (status = 409, description = "It was said before, because of another incident", body = Problem),
        (status = 422, description = "The source of the image is not known, or the tag is movable", body = Problem),
    )
)]
pub(super) async fn write(
    state: State,
    caller: Authenticated,
    Path((_registry, team, name)): Path<(String, String, String)>,
    Json(body): Json<Metadata>,
) -> Result<StatusCode, Error> {
    let (repository, tag) = image(&team, &name)?;
    let user = body.compliance.user;
    if user.status != READY {
        return Err(Error::bad_request(format!(
            "compliance.user.status can only be {READY}"
        )));
    }
    declare_ready(
        &state,
        &caller,
        &repository,
        &tag,
        &user.incident,
        user.reason.as_deref(),
        Again::IsNoError,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
