//! What people say about a tag: that it is ready for production, that it may be trusted, that it may not be used.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use stups_api::pierone::{Active, ScmSource};
use stups_api::{Problem, Timestamp};
use stups_server::{Authenticated, Error, Json, Path};

use super::{enforce, repository, tagged};
use crate::manifest::{Change, TagRow, history, tag_row};
use crate::names::{Repository, is_snapshot};
use crate::routes::State;
use crate::status::{READY, Status, say};
use crate::{PierOne, audit, sql};

/// How long reasons and incidents may be.
const LONGEST: usize = 2000;

/// Why something is ready.
#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct ProductionReady {
    /// The incident that demands it: `INC-123`.
    incident_id: String,
}

/// Says that a tag is ready for production, because of an incident.
#[utoipa::path(
    post,
    path = "/teams/{team}/artifacts/{artifact}/tags/{tag}/production-ready",
    tag = "compliance",
    params(("team" = String, Path, description = "The team"), ("artifact" = String, Path, description = "The artifact; slashes are encoded"), ("tag" = String, Path, description = "The tag")),
    request_body = ProductionReady,
    responses(
        (status = 204, description = "It is said"),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 403, description = "The caller is no employee in the team", body = Problem),
        (status = 404, description = "There is no such tag", body = Problem),
        (status = 409, description = "It was said before", body = Problem),
        (status = 422, description = "The source of the image is not known, or the tag is movable", body = Problem),
    )
)]
pub(super) async fn production_ready(
    state: State,
    caller: Authenticated,
    Path((team, artifact, tag)): Path<(String, String, String)>,
    Json(body): Json<ProductionReady>,
) -> Result<StatusCode, Error> {
    let repository = repository(&team, &artifact)?;
    declare_ready(
        &state,
        &caller,
        &repository,
        &tag,
        &body.incident_id,
        None,
        Again::IsRefused,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What becomes of it when the same was said before, because of the same incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    IsRefused,
    /// Nothing changes: a client says it of an image and of its copies, all of which are this image.
    IsNoError,
}

/// Says it as a person of the team.
pub(super) async fn declare_ready(
    pierone: &PierOne,
    caller: &Authenticated,
    repository: &Repository,
    tag: &str,
    incident: &str,
    reason: Option<&str>,
    again: Again,
) -> Result<(), Error> {
    let incident = incident.trim();
    if incident.is_empty() || incident.len() > LONGEST {
        return Err(Error::bad_request("incident_id names the incident that demands it"));
    }
    let refusal = pierone
        .permissions
        .employee_of(caller.caller(), repository.team())
        .await?;
    enforce(
        pierone,
        caller,
        "image.production_ready",
        &format!("{repository}:{tag}"),
        refusal,
    )
    .await?;
    let (row, manifest) = tagged(pierone, repository, tag).await?;
    if tag == "latest" || is_snapshot(&row.name) {
        return Err(unprocessable("movable tags are never ready for production"));
    }
    if pierone.source_of_tag(repository, &row, &manifest).await?.is_none() {
        return Err(unprocessable("the image does not say what source it was made from"));
    }
    let status = Status {
        kind: "user".to_owned(),
        set_by: caller.caller().name(),
        status: READY.to_owned(),
        reason: Some(reason.map_or_else(|| format!("incident {incident}"), str::to_owned)),
        details: None,
        incident: Some(incident.to_owned()),
        received_at: Timestamp::now().0,
    };
    let write = pierone.store.write().await?;
    let transaction = write.transaction();
    lock_tag(pierone, transaction, repository, &row.name).await?;
    let before = sql::texts(
        transaction,
        "SELECT COALESCE(incident, '') FROM statuses WHERE repository = $1 AND tag = $2 AND digest = $3 AND kind = 'user'",
        [
            repository.as_str().into(),
            row.name.clone().into(),
            row.digest.clone().into(),
        ],
    );
    let before = before.await?;
    if again == Again::IsNoError && before.iter().any(|said| said == incident) {
        return Ok(());
    }
    if !before.is_empty() || !say(transaction, repository, &row, &status).await? {
        return Err(Error::conflict("It was marked as ready for production before."));
    }
    let details = json!({"digest": row.digest, "incident": incident});
    let event = audit::tag("image.production_ready", caller.actor(), repository, &row.name, details);
    write.commit(event).await?;
    Ok(())
}

/// Two who say something about one tag do so one after the other. SQLite's write has the whole database.
async fn lock_tag(
    pierone: &PierOne,
    transaction: &sea_orm::DatabaseTransaction,
    repository: &Repository,
    tag: &str,
) -> Result<(), Error> {
    if pierone.store.dialect() == stups_store::Dialect::PostgreSql {
        sql::texts(
            transaction,
            "SELECT name FROM tags WHERE repository = $1 AND name = $2 FOR UPDATE",
            [repository.as_str().into(), tag.into()],
        )
        .await?;
    }
    Ok(())
}

/// Approves a tag. It is trusted when somebody else than who pushed it has approved it, and its source is valid.
#[utoipa::path(
    post,
    path = "/teams/{team}/artifacts/{artifact}/tags/{tag}/approval",
    tag = "compliance",
    params(("team" = String, Path, description = "The team"), ("artifact" = String, Path, description = "The artifact; slashes are encoded"), ("tag" = String, Path, description = "The tag")),
    responses(
        (status = 204, description = "It is approved"),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 403, description = "The caller is no employee in the team", body = Problem),
        (status = 404, description = "There is no such tag", body = Problem),
        (status = 409, description = "The caller has approved it before", body = Problem),
        (status = 422, description = "The source of the image is not valid", body = Problem),
    )
)]
pub(super) async fn approve(
    state: State,
    caller: Authenticated,
    Path((team, artifact, tag)): Path<(String, String, String)>,
) -> Result<StatusCode, Error> {
    let repository = repository(&team, &artifact)?;
    let refusal = state.permissions.employee_of(caller.caller(), &team).await?;
    enforce(
        &state,
        &caller,
        "image.approved",
        &format!("{repository}:{tag}"),
        refusal,
    )
    .await?;
    let (row, manifest) = tagged(&state, &repository, &tag).await?;
    let source = state.source_of_tag(&repository, &row, &manifest).await?;
    if !source.as_ref().is_some_and(ScmSource::is_valid) {
        return Err(unprocessable(
            "the image does not say a valid source that it was made from",
        ));
    }
    let status = Status {
        kind: "approval".to_owned(),
        set_by: caller.caller().name(),
        status: "approved".to_owned(),
        reason: None,
        details: None,
        incident: None,
        received_at: Timestamp::now().0,
    };
    let write = state.store.write().await?;
    if !say(write.transaction(), &repository, &row, &status).await? {
        return Err(Error::conflict("You have approved it before."));
    }
    let details = json!({"digest": row.digest, "approver": status.set_by});
    let event = audit::tag("image.approved", caller.actor(), &repository, &row.name, details);
    write.commit(event).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Withdraws a tag, so that it cannot be pulled any more by its name, or takes that back. Nothing is removed.
#[utoipa::path(
    put,
    path = "/teams/{team}/artifacts/{artifact}/tags/{tag}/active",
    tag = "compliance",
    params(("team" = String, Path, description = "The team"), ("artifact" = String, Path, description = "The artifact; slashes are encoded"), ("tag" = String, Path, description = "The tag")),
    request_body = Active,
    responses(
        (status = 204, description = "It is so"),
        (status = 400, description = "There is no reason", body = Problem),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 403, description = "The caller may not write for the team", body = Problem),
        (status = 404, description = "There is no such tag", body = Problem),
    )
)]
pub(super) async fn set_active(
    state: State,
    caller: Authenticated,
    Path((team, artifact, tag)): Path<(String, String, String)>,
    Json(body): Json<Active>,
) -> Result<StatusCode, Error> {
    let repository = repository(&team, &artifact)?;
    if body.reason.trim().is_empty() || body.reason.len() > LONGEST {
        return Err(Error::bad_request("reason says why"));
    }
    let action = if body.active {
        "tag.activated"
    } else {
        "tag.deactivated"
    };
    if !state.permissions.is_admin(caller.caller()) {
        let refusal = state.permissions.write_for(caller.caller(), &team).await?;
        enforce(&state, &caller, action, &format!("{repository}:{tag}"), refusal).await?;
    }
    let write = state.store.write().await?;
    let transaction = write.transaction();
    lock_tag(&state, transaction, &repository, &tag).await?;
    let row: TagRow = match tag.as_str() {
        // It is computed: withdraw the tag that it stands for.
        "latest" => return Err(Error::bad_request("latest is computed; withdraw the tag itself")),
        tag => tag_row(transaction, &repository, tag)
            .await?
            .ok_or_else(super::no_tag)?,
    };
    if row.active == body.active {
        return Ok(StatusCode::NO_CONTENT);
    }
    let reason = (!body.active).then(|| body.reason.clone());
    sql::execute(
        transaction,
        "UPDATE tags SET active = $1, reason = $2 WHERE repository = $3 AND name = $4",
        [
            body.active.into(),
            reason.into(),
            repository.as_str().into(),
            tag.clone().into(),
        ],
    )
    .await?;
    let by = caller.caller().name();
    let change = Change {
        action: if body.active { "activated" } else { "deactivated" },
        digest: &row.digest,
        previous: None,
        reason: Some(&body.reason),
        by: &by,
    };
    history(transaction, &repository, &tag, &change).await?;
    let details = json!({"digest": row.digest, "reason": body.reason});
    let event = audit::tag(action, caller.actor(), &repository, &tag, details);
    write.commit(event).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn unprocessable(message: &str) -> Error {
    Error::new(StatusCode::UNPROCESSABLE_ENTITY, message)
}
