//! `/teams/{team}/artifacts/{artifact}/tags` and what is below, and `/tags/{image}`

use std::collections::HashMap;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use sea_orm::FromQueryResult;
use serde_json::Value;
use stups_api::pierone::{HistoryEntry, ImageName, Referrer, Severities, TagDetail, TagSummary};
use stups_api::{Problem, Timestamp};
use stups_server::{Error, Json, Path};

use super::{repository, tagged};
use crate::clair::clair_id;
use crate::manifest::{Stored, TagRow};
use crate::names::{Repository, is_growing};
use crate::principal::Principal;
use crate::routes::State;
use crate::status::Status;
use crate::{PierOne, sql};

#[derive(FromQueryResult)]
struct Row {
    name: String,
    digest: String,
    created_at: i64,
    created_by: String,
    source: Option<String>,
    active: bool,
    reason: Option<String>,
    image: String,
    media_type: String,
    manifest_source: Option<String>,
    pushed_at: i64,
    fix_available: Option<String>,
    no_fix_available: Option<String>,
}

#[derive(FromQueryResult)]
struct LayerRow {
    digest: String,
    target: String,
}

/// Lists tags, the oldest first.
#[utoipa::path(
    get,
    path = "/teams/{team}/artifacts/{artifact}/tags",
    tag = "images",
    params(("team" = String, Path, description = "The team"), ("artifact" = String, Path, description = "The artifact; slashes are encoded")),
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "The tags", body = Vec<TagSummary>),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 404, description = "There are none"),
    )
)]
pub(super) async fn list(
    state: State,
    who: Principal,
    Path((team, artifact)): Path<(String, String)>,
) -> Result<Response, Error> {
    let Ok(repository) = repository(&team, &artifact) else {
        state.permissions.read(&who, true)?;
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    state.permissions.pull(&who, &repository)?;
    let rows: Vec<Row> = sql::rows(
        state.store.connection(),
        "SELECT t.name, t.digest, t.created_at, t.created_by, t.source, t.active, t.reason, m.image, m.media_type,
             m.source AS manifest_source, m.pushed_at, v.fix_available, v.no_fix_available
         FROM tags t JOIN manifests m ON m.repository = t.repository AND m.digest = t.digest
         LEFT JOIN vulnerability_reports v ON v.repository = t.repository AND v.digest = t.digest
         WHERE t.repository = $1 ORDER BY t.created_at, t.name",
        [repository.as_str().into()],
    )
    .await?;
    let clair_ids = clair_ids(&state, &repository).await?;
    let of_images = severities_of_images(&state, &repository).await?;
    let mut summaries = Vec::new();
    for mut row in rows.into_iter().filter(|row| !is_growing(&row.name)) {
        if let (None, Some(severities)) = (&row.fix_available, of_images.get(&row.digest)) {
            row.fix_available = Some(severities.fix_available.clone());
            row.no_fix_available = Some(severities.no_fix_available.clone());
        }
        summaries.push(summary(&state, &repository, row, &clair_ids).await?);
    }
    if summaries.is_empty() {
        return Ok(StatusCode::NOT_FOUND.into_response());
    }
    Ok(Json(summaries).into_response())
}

async fn summary(
    pierone: &PierOne,
    repository: &Repository,
    row: Row,
    clair_ids: &HashMap<String, String>,
) -> Result<TagSummary, Error> {
    let clair_id = clair_ids.get(&row.digest).cloned();
    let tag = TagRow {
        name: row.name,
        digest: row.digest.clone(),
        created_at: row.created_at,
        created_by: row.created_by,
        source: row.source,
        active: row.active,
        reason: row.reason,
    };
    let manifest = Stored {
        digest: row.digest,
        media_type: row.media_type,
        bytes: Vec::new(),
        depth: 0,
        image: row.image,
        source: row.manifest_source,
        pushed_at: row.pushed_at,
    };
    let compliance = pierone.compliance(repository, &tag, &manifest).await?;
    Ok(TagSummary {
        created: Timestamp(tag.created_at),
        created_by: Some(tag.created_by),
        image: Some(manifest.image),
        clair_details: clair_id.as_ref().map(|id| details_url(pierone, id)),
        clair_id,
        severity_fix_available: row.fix_available,
        severity_no_fix_available: row.no_fix_available,
        trusted: Some(Value::Bool(compliance.trusted)),
        status: Some(compliance.status().to_owned()),
        status_reason: Some(compliance.reason()),
        status_received_at: compliance.decisive().map(|status| Timestamp(status.received_at)),
        digest: Some(tag.digest),
        name: tag.name,
    })
}

/// Where the old command line reads vulnerabilities.
fn details_url(pierone: &PierOne, clair_id: &str) -> String {
    let base = pierone.public_url.as_str().trim_end_matches('/');
    format!("{base}/v1/layers/{clair_id}")
}

#[derive(FromQueryResult)]
struct ImageReport {
    digest: String,
    fix_available: String,
    no_fix_available: String,
}

/// The worst that was found in the images of indexes, by the digest of the index.
async fn severities_of_images(
    pierone: &PierOne,
    repository: &Repository,
) -> Result<HashMap<String, Severities>, Error> {
    let rows: Vec<ImageReport> = sql::rows(
        pierone.store.connection(),
        "SELECT r.digest, v.fix_available, v.no_fix_available FROM manifest_refs r
         JOIN vulnerability_reports v ON v.repository = r.repository AND v.digest = r.target
         WHERE r.repository = $1 AND r.kind = 'manifest'
         AND EXISTS (SELECT 1 FROM tags t WHERE t.repository = r.repository AND t.digest = r.digest)",
        [repository.as_str().into()],
    )
    .await?;
    let mut worst: HashMap<String, Severities> = HashMap::new();
    for row in rows {
        let found = Severities {
            fix_available: row.fix_available,
            no_fix_available: row.no_fix_available,
        };
        let found = match worst.remove(&row.digest) {
            Some(known) => known.or_worse(found),
            None => found,
        };
        worst.insert(row.digest, found);
    }
    Ok(worst)
}

/// The names under which the images of tags are scanned, by digest of the manifest.
async fn clair_ids(pierone: &PierOne, repository: &Repository) -> Result<HashMap<String, String>, Error> {
    let rows: Vec<LayerRow> = sql::rows(
        pierone.store.connection(),
        "SELECT r.digest, r.target FROM manifest_refs r WHERE r.repository = $1 AND r.kind = 'layer'
         AND EXISTS (SELECT 1 FROM tags t WHERE t.repository = r.repository AND t.digest = r.digest)
         ORDER BY r.digest, r.position",
        [repository.as_str().into()],
    )
    .await?;
    let mut layers: HashMap<String, Vec<String>> = HashMap::new();
    for row in rows {
        layers.entry(row.digest).or_default().push(row.target);
    }
    let named = layers.into_iter().filter_map(|(digest, layers)| {
        let id = clair_id(&layers)?;
        Some((digest, id))
    });
    Ok(named.collect())
}

/// Reads one tag: what it points to, and whether that may run.
#[utoipa::path(
    get,
    path = "/teams/{team}/artifacts/{artifact}/tags/{tag}",
    tag = "images",
    params(("team" = String, Path, description = "The team"), ("artifact" = String, Path, description = "The artifact; slashes are encoded"), ("tag" = String, Path, description = "The tag, or latest")),
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "The tag", body = TagDetail),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 404, description = "There is no such tag", body = Problem),
    )
)]
pub(super) async fn read(
    state: State,
    who: Principal,
    Path((team, artifact, tag)): Path<(String, String, String)>,
) -> Result<Json<TagDetail>, Error> {
    let repository = repository(&team, &artifact)?;
    state.permissions.pull(&who, &repository)?;
    let (row, manifest) = tagged(&state, &repository, &tag).await?;
    let compliance = state.compliance(&repository, &row, &manifest).await?;
    let referrers = sql::rows::<ReferrerRow>(
        state.store.connection(),
        "SELECT digest, artifact_type FROM manifests WHERE repository = $1 AND subject = $2 ORDER BY digest LIMIT 1000",
        [repository.as_str().into(), row.digest.clone().into()],
    )
    .await?;
    let checker = compliance.checker.clone();
    let user = compliance.user.clone();
    let emergency = compliance.emergency.clone();
    let at = |status: &Option<Status>| status.as_ref().map(|status| Timestamp(status.received_at));
    let said = |status: &Option<Status>| status.as_ref().map(|status| status.status.clone());
    let why = |status: &Option<Status>| status.as_ref().and_then(|status| status.reason.clone());
    Ok(Json(TagDetail {
        team,
        artifact,
        image: manifest.image,
        digest: row.digest,
        media_type: manifest.media_type,
        created: Timestamp(row.created_at),
        created_by: row.created_by,
        active: row.active,
        trusted: compliance.trusted,
        status: compliance.status().to_owned(),
        status_reason_summary: Some(compliance.reason()),
        status_reason_details: compliance.decisive().and_then(|status| status.details.clone()),
        status_received_at: compliance.decisive().map(|status| Timestamp(status.received_at)),
        checker_status: said(&checker),
        checker_status_received_at: at(&checker),
        checker_status_reason: why(&checker),
        checker_status_reason_details: checker.and_then(|status| status.details),
        user_status: said(&user),
        user_status_received_at: at(&user),
        user_status_reason: why(&user),
        user_status_issue: user.as_ref().and_then(|status| status.incident.clone()),
        user_status_set_by: user.map(|status| status.set_by),
        emergency_status: said(&emergency),
        emergency_status_received_at: at(&emergency),
        emergency_status_reason: why(&emergency),
        referrers: referrers
            .into_iter()
            .map(|row| Referrer {
                digest: row.digest,
                artifact_type: row.artifact_type,
            })
            .collect(),
        name: row.name,
    }))
}

#[derive(FromQueryResult)]
struct ReferrerRow {
    digest: String,
    artifact_type: Option<String>,
}

#[derive(FromQueryResult)]
struct HistoryRow {
    action: String,
    digest: String,
    previous: Option<String>,
    reason: Option<String>,
    changed_at: i64,
    changed_by: String,
}

/// Lists what happened to a tag, the oldest first. Nothing is ever removed from it.
#[utoipa::path(
    get,
    path = "/teams/{team}/artifacts/{artifact}/tags/{tag}/history",
    tag = "images",
    params(("team" = String, Path, description = "The team"), ("artifact" = String, Path, description = "The artifact; slashes are encoded"), ("tag" = String, Path, description = "The tag")),
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "What happened", body = Vec<HistoryEntry>),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 404, description = "There never was such a tag", body = Problem),
    )
)]
pub(super) async fn history(
    state: State,
    who: Principal,
    Path((team, artifact, tag)): Path<(String, String, String)>,
) -> Result<Json<Vec<HistoryEntry>>, Error> {
    let repository = repository(&team, &artifact)?;
    state.permissions.pull(&who, &repository)?;
    let rows: Vec<HistoryRow> = sql::rows(
        state.store.connection(),
        "SELECT action, digest, previous, reason, changed_at, changed_by FROM tag_history
         WHERE repository = $1 AND tag = $2 ORDER BY id LIMIT 10000",
        [repository.as_str().into(), tag.into()],
    )
    .await?;
    if rows.is_empty() {
        return Err(super::no_tag());
    }
    let entries = rows.into_iter().map(|row| HistoryEntry {
        action: row.action,
        digest: row.digest,
        previous: row.previous,
        reason: row.reason,
        changed_at: Timestamp(row.changed_at),
        changed_by: row.changed_by,
    });
    Ok(Json(entries.collect()))
}

#[derive(FromQueryResult)]
struct ImageRow {
    repository: String,
    name: String,
    found: String,
}

/// Lists tags of the image whose id starts so: the digest of its configuration, of its manifest, or of one of its layers.
#[utoipa::path(
    get,
    path = "/tags/{image}",
    tag = "images",
    params(("image" = String, Path, description = "The beginning of the id")),
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "The tags", body = Vec<ImageName>),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 404, description = "There is no such image"),
        (status = 412, description = "There are several"),
    )
)]
pub(super) async fn images(state: State, who: Principal, Path(image): Path<String>) -> Result<Response, Error> {
    state.permissions.read(&who, false)?;
    let prefix = if image.contains(':') {
        image
    } else {
        format!("sha256:{image}")
    };
    let pattern = sql::prefix_pattern(&prefix);
    let rows: Vec<ImageRow> = sql::rows(
        state.store.connection(),
        "SELECT t.repository, t.name, m.image AS found FROM tags t
             JOIN manifests m ON m.repository = t.repository AND m.digest = t.digest WHERE m.image LIKE $1 ESCAPE '\\'
         UNION SELECT t.repository, t.name, t.digest AS found FROM tags t WHERE t.digest LIKE $1 ESCAPE '\\'
         UNION SELECT t.repository, t.name, r.target AS found FROM tags t
             JOIN manifest_refs r ON r.repository = t.repository AND r.digest = t.digest WHERE r.target LIKE $1 ESCAPE '\\'
         ORDER BY repository, name LIMIT 10000",
        [pattern.into()],
    )
    .await?;
    let Some(first) = rows.first() else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    if rows.iter().any(|row| row.found != first.found) {
        return Ok(StatusCode::PRECONDITION_FAILED.into_response());
    }
    let names: Vec<ImageName> = rows
        .iter()
        .filter(|row| !is_growing(&row.name))
        .filter_map(|row| {
            let repository = Repository::parse(&row.repository).ok()?;
            Some(ImageName {
                name: row.name.clone(),
                team: repository.team().to_owned(),
                artifact: repository.artifact().to_owned(),
            })
        })
        .collect();
    Ok(Json(names).into_response())
}
