//! What scanners found, told by them and read by people (contract pierone 5.8).

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use sea_orm::FromQueryResult;
use serde_json::{Value, json};
use stups_api::Problem;
use stups_api::pierone::LayerReport;
use stups_server::{Authenticated, Error, Json, Path};

use super::{enforce, repository, tagged};
use crate::clair::clair_id;
use crate::names::is_growing;
use crate::principal::Principal;
use crate::routes::State;
use crate::vulnerabilities::{self, Report};
use crate::{audit, sql};

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
    let name = caller.caller().name();
    let told = Report {
        repository: &repository,
        digest: &row.digest,
        found: &report,
        scanner: &name,
    };
    let write = state.store.write().await?;
    let (severities, _) = vulnerabilities::keep(write.transaction(), &told).await?;
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

/// Asks for a tag to be scanned again: Clair gets it once more, where there is one. Other scanners come by themselves.
#[utoipa::path(
    post,
    path = "/teams/{team}/artifacts/{artifact}/tags/{tag}/recheck",
    tag = "vulnerabilities",
    params(("team" = String, Path, description = "The team"), ("artifact" = String, Path, description = "The artifact; slashes are encoded"), ("tag" = String, Path, description = "The tag, or latest")),
    responses(
        (status = 200, description = "There is no scanner to be told", body = Object),
        (status = 202, description = "Clair gets these messages", body = Object),
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
    let subject = format!("{repository}:{tag}");
    let refusal = state.permissions.write_for(caller.caller(), &team).await?;
    enforce(&state, &caller, "image.recheck", &subject, refusal).await?;
    let row = match tagged(&state, &repository, &tag).await {
        Ok((row, _)) => row,
        Err(error) if error.status == StatusCode::NOT_FOUND => return Ok(StatusCode::NOT_FOUND.into_response()),
        Err(error) => return Err(error),
    };
    let message = "Image resubmitted";
    if !state.outlets.has_clair() {
        return Ok(Json(json!({"message": message})).into_response());
    }
    let write = state.store.write().await?;
    let messages = state.submit(write.transaction(), &repository, &row.digest).await?;
    write.commit_unaudited().await?;
    // One message is a list of layers; there are several for an index.
    let layers: Vec<Value> = messages.into_iter().flat_map(into_layers).collect();
    let body = json!({"message": message, "clair-sqs-messages": layers});
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

fn into_layers(message: Value) -> Vec<Value> {
    match message {
        Value::Array(layers) => layers,
        other => vec![other],
    }
}

/// Asks for all tags of an artifact to be scanned again: Clair gets them once more, where there is one. Other scanners come by
/// themselves.
#[utoipa::path(
    post,
    path = "/teams/{team}/artifacts/{artifact}/recheck",
    tag = "vulnerabilities",
    params(("team" = String, Path, description = "The team"), ("artifact" = String, Path, description = "The artifact; slashes are encoded")),
    responses(
        (status = 200, description = "There is no scanner to be told", body = Object),
        (status = 202, description = "Clair gets these tags", body = Object),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 403, description = "The caller may not write for the team", body = Problem),
    )
)]
pub(super) async fn recheck(
    state: State,
    caller: Authenticated,
    Path((team, artifact)): Path<(String, String)>,
) -> Result<Response, Error> {
    let repository = repository(&team, &artifact)?;
    let refusal = state.permissions.write_for(caller.caller(), &team).await?;
    enforce(&state, &caller, "image.recheck", repository.as_str(), refusal).await?;
    let message = "Images resubmitted";
    if !state.outlets.has_clair() {
        return Ok(Json(json!({"message": message})).into_response());
    }
    let rows: Vec<TagImage> = sql::rows(
        state.store.connection(),
        "SELECT t.name, t.digest, m.image FROM tags t JOIN manifests m ON m.repository = t.repository AND m.digest = t.digest
         WHERE t.repository = $1 ORDER BY t.created_at, t.name",
        [repository.as_str().into()],
    )
    .await?;
    let mut tags = Vec::new();
    for row in rows.into_iter().filter(|row| !is_growing(&row.name)) {
        // One write for each: pushes are not held up by all of them.
        let write = state.store.write().await?;
        let messages = state.submit(write.transaction(), &repository, &row.digest).await?;
        write.commit_unaudited().await?;
        let topmost = |message: &Value| message.as_array()?.last()?["Layer"]["Name"].as_str().map(str::to_owned);
        tags.push(json!({"name": row.name, "id": row.image, "clair-id": messages.first().and_then(topmost)}));
    }
    let body = json!({"message": message, "tags": tags});
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

#[derive(FromQueryResult)]
struct TagImage {
    name: String,
    digest: String,
    image: String,
}
