//! What scanners found, told by them and read by people (contract pierone 5.8).

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use stups_api::pierone::LayerReport;
use stups_api::{Problem, Timestamp};
use stups_server::{Authenticated, Error, Json, Path};

use super::{enforce, repository, tagged};
use crate::principal::Principal;
use crate::routes::State;
use crate::{audit, sql};

use super::tags::clair_id;

/// Tells what was found in an image, by the name under which it was scanned.
#[utoipa::path(
    get,
    path = "/v1/layers/{clair_id}",
    tag = "vulnerabilities",
    params(("clair_id" = String, Path, description = "The name, as a list of tags says"), ("vulnerabilities" = Option<String>, Query, description = "They always are told"), ("features" = Option<String>, Query, description = "They always are told")),
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "The report", body = LayerReport),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 404, description = "There is none", body = Problem),
    )
)]
pub(super) async fn read(state: State, who: Principal, Path(id): Path<String>) -> Result<Json<Value>, Error> {
    state.permissions.read(&who, false)?;
    let reports = sql::texts(
        state.store.connection(),
        "SELECT report FROM vulnerability_reports WHERE clair_id = $1 ORDER BY received_at DESC LIMIT 1",
        [id.into()],
    );
    let report = reports.await?.pop();
    let report = report.and_then(|text| serde_json::from_str(&text).ok());
    report
        .map(Json)
        .ok_or_else(|| Error::not_found("There is no report of this name."))
}

/// Tells what a scanner found in a tag's image. The next report replaces it.
#[utoipa::path(
    put,
    path = "/teams/{team}/artifacts/{artifact}/tags/{tag}/vulnerabilities",
    tag = "vulnerabilities",
    params(("team" = String, Path, description = "The team"), ("artifact" = String, Path, description = "The artifact; slashes are encoded"), ("tag" = String, Path, description = "The tag")),
    request_body = LayerReport,
    responses(
        (status = 204, description = "It is told"),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 403, description = "The caller is no scanner: the token does not have the scope application.registry_scan", body = Problem),
        (status = 404, description = "There is no such tag", body = Problem),
    )
)]
pub(super) async fn write(
    state: State,
    caller: Authenticated,
    Path((team, artifact, tag)): Path<(String, String, String)>,
    Json(mut report): Json<LayerReport>,
) -> Result<StatusCode, Error> {
    let repository = repository(&team, &artifact)?;
    let subject = format!("{repository}:{tag}");
    // Not the team's own word: it would say that there is nothing.
    let allowed = caller.has_scope("application.registry_scan") || state.permissions.is_admin(caller.caller());
    let refusal = (!allowed).then(|| "the token does not have the scope application.registry_scan".to_owned());
    enforce(&state, &caller, "vulnerabilities.reported", &subject, refusal).await?;
    let (row, _) = tagged(&state, &repository, &tag).await?;
    let layers = sql::texts(
        state.store.connection(),
        "SELECT target FROM manifest_refs WHERE repository = $1 AND digest = $2 AND kind = 'layer' ORDER BY position",
        [repository.as_str().into(), row.digest.clone().into()],
    )
    .await?;
    let id = clair_id(&layers).unwrap_or_else(|| row.digest.clone());
    report.layer.name.clone_from(&id);
    let severities = report.layer.severities();
    let text = serde_json::to_string(&report).map_err(|_| Error::internal())?;
    let write = state.store.write().await?;
    sql::execute(
        write.transaction(),
        "INSERT INTO vulnerability_reports
             (repository, digest, clair_id, fix_available, no_fix_available, report, scanner, received_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (repository, digest) DO UPDATE SET fix_available = excluded.fix_available,
             no_fix_available = excluded.no_fix_available, report = excluded.report, scanner = excluded.scanner,
             received_at = excluded.received_at",
        [
            repository.as_str().into(),
            row.digest.clone().into(),
            id.into(),
            severities.fix_available.clone().into(),
            severities.no_fix_available.clone().into(),
            text.into(),
            caller.caller().name().into(),
            Timestamp::now().0.into(),
        ],
    )
    .await?;
    let details = json!({
        "digest": row.digest, "severity_fix_available": severities.fix_available,
        "severity_no_fix_available": severities.no_fix_available,
    });
    let event = audit::tag(
        "vulnerabilities.reported",
        caller.actor(),
        &repository,
        &row.name,
        details,
    );
    write.commit(event).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Asks for a tag to be scanned again. Scanners come by themselves; nothing is sent to one.
#[utoipa::path(
    post,
    path = "/teams/{team}/artifacts/{artifact}/tags/{tag}/recheck",
    tag = "vulnerabilities",
    params(("team" = String, Path, description = "The team"), ("artifact" = String, Path, description = "The artifact; slashes are encoded"), ("tag" = String, Path, description = "The tag, or latest")),
    responses(
        (status = 200, description = "There is no scanner to be told", body = Object),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 403, description = "The caller may not write for the team", body = Problem),
        (status = 404, description = "There is no such tag"),
    )
)]
pub(super) async fn recheck_tag(
    state: State,
    caller: Authenticated,
    Path((team, artifact, tag)): Path<(String, String, String)>,
) -> Result<Response, Error> {
    let repository = repository(&team, &artifact)?;
    let refusal = state.permissions.write_for(caller.caller(), &team).await?;
    enforce(
        &state,
        &caller,
        "image.recheck",
        &format!("{repository}:{tag}"),
        refusal,
    )
    .await?;
    match tagged(&state, &repository, &tag).await {
        Ok(_) => Ok(Json(json!({"message": "Image resubmitted"})).into_response()),
        Err(error) if error.status == StatusCode::NOT_FOUND => Ok(StatusCode::NOT_FOUND.into_response()),
        Err(error) => Err(error),
    }
}

/// Asks for all tags of an artifact to be scanned again. Scanners come by themselves; nothing is sent to one.
#[utoipa::path(
    post,
    path = "/teams/{team}/artifacts/{artifact}/recheck",
    tag = "vulnerabilities",
    params(("team" = String, Path, description = "The team"), ("artifact" = String, Path, description = "The artifact; slashes are encoded")),
    responses(
        (status = 200, description = "There is no scanner to be told", body = Object),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 403, description = "The caller may not write for the team", body = Problem),
    )
)]
pub(super) async fn recheck(
    state: State,
    caller: Authenticated,
    Path((team, artifact)): Path<(String, String)>,
) -> Result<Json<Value>, Error> {
    let repository = repository(&team, &artifact)?;
    let refusal = state.permissions.write_for(caller.caller(), &team).await?;
    enforce(&state, &caller, "image.recheck", repository.as_str(), refusal).await?;
    Ok(Json(json!({"message": "Images resubmitted"})))
}
