//! What is left of docker's first protocol: deployment tools, podman and the console still ask for it (contract pierone 2.5).

use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sea_orm::FromQueryResult;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use stups_api::Problem;
use stups_server::{Error, Json, Path, Query};

use super::{repository, teams::visible};
use crate::manifest::latest_tag;
use crate::names::is_growing;
use crate::principal::Principal;
use crate::routes::State;
use crate::sql;

/// With the headers that every answer of the protocol has. A token is never repeated in one.
fn answer(headers: &HeaderMap, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    let written = response.headers_mut();
    let fixed = |name: &'static str| HeaderName::from_static(name);
    written.insert(fixed("x-docker-registry-version"), HeaderValue::from_static("0.6.3"));
    written.insert(fixed("x-docker-token"), HeaderValue::from_static("AnonFakeToken"));
    if let Some(host) = headers.get(HOST) {
        written.insert(fixed("x-docker-endpoints"), host.clone());
    }
    response
}

/// Says that the registry is there.
#[utoipa::path(get, path = "/v1/_ping", tag = "v1", responses((status = 200, description = "It is", body = bool)))]
pub(super) async fn ping(headers: HeaderMap) -> Response {
    answer(&headers, Json(true))
}

/// What is searched.
#[derive(Deserialize)]
pub(super) struct Search {
    q: Option<String>,
}

/// Finds repositories whose team or artifact is exactly this.
#[utoipa::path(
    get,
    path = "/v1/search",
    tag = "v1",
    params(("q" = Option<String>, Query, description = "A team or an artifact"), ("n" = Option<String>, Query, description = "Ignored")),
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "The repositories", body = Object),
        (status = 401, description = "There is no valid token", body = Problem),
    )
)]
pub(super) async fn search(
    state: State,
    who: Principal,
    headers: HeaderMap,
    Query(search): Query<Search>,
) -> Result<Response, Error> {
    state.permissions.read(&who, true)?;
    let word = search.q.unwrap_or_default();
    let mut found = Vec::new();
    if !word.is_empty() {
        found = visible(&state, &who, &word, "").await?;
        found.extend(visible(&state, &who, "", &word).await?);
        found.sort();
        found.dedup();
    }
    let results: Vec<Value> = found.iter().map(|name| json!({"name": name.as_str()})).collect();
    let count = results.len();
    Ok(answer(
        &headers,
        Json(json!({
            "results": results, "query": word, "page": 1, "page_size": count, "num_pages": 1, "num_results": count,
        })),
    ))
}

/// Says that the credentials are good.
#[utoipa::path(
    get,
    path = "/v1/users",
    tag = "v1",
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "They are"),
        (status = 401, description = "They are not", body = Problem),
    )
)]
pub(super) async fn users(state: State, who: Principal, headers: HeaderMap) -> Result<Response, Error> {
    state.permissions.read(&who, false)?;
    Ok(answer(&headers, "Login successful"))
}

/// Nobody registers here.
#[utoipa::path(post, path = "/v1/users", tag = "v1", responses((status = 401, description = "As was said", body = Problem)))]
pub(super) async fn create_user() -> Error {
    crate::principal::unauthorized()
}

#[derive(FromQueryResult)]
struct Row {
    name: String,
    image: String,
}

/// Maps tags to ids of images; `latest` is the newest.
#[utoipa::path(
    get,
    path = "/v1/repositories/{team}/{artifact}/tags",
    tag = "v1",
    params(("team" = String, Path, description = "The team"), ("artifact" = String, Path, description = "The artifact; slashes are encoded")),
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "The map", body = Object),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 404, description = "There are none", body = Object),
    )
)]
pub(super) async fn tags(
    state: State,
    who: Principal,
    headers: HeaderMap,
    Path((team, artifact)): Path<(String, String)>,
) -> Result<Response, Error> {
    let repository = repository(&team, &artifact)?;
    state.permissions.pull(&who, &repository)?;
    let connection = state.store.connection();
    // What was withdrawn cannot be deployed.
    let rows: Vec<Row> = sql::rows(
        connection,
        "SELECT t.name, m.image FROM tags t JOIN manifests m ON m.repository = t.repository AND m.digest = t.digest
         WHERE t.repository = $1 AND t.active ORDER BY t.name",
        [repository.as_str().into()],
    )
    .await?;
    let latest = latest_tag(connection, &repository).await?.map(|row| row.name);
    let mut map = Map::new();
    for row in rows.into_iter().filter(|row| !is_growing(&row.name)) {
        if latest.as_ref() == Some(&row.name) {
            map.insert("latest".to_owned(), row.image.clone().into());
        }
        map.insert(row.name, row.image.into());
    }
    let status = if map.is_empty() {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::OK
    };
    Ok(answer(&headers, (status, Json(Value::Object(map)))))
}

/// Maps one tag to an id of the first protocol. Images have none since the second.
#[utoipa::path(
    get,
    path = "/v1/repositories/{team}/{artifact}/tags/{tag}",
    tag = "v1",
    params(("team" = String, Path, description = "The team"), ("artifact" = String, Path, description = "The artifact; slashes are encoded"), ("tag" = String, Path, description = "The tag")),
    security(("oauth2" = ["uid"])),
    responses(
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn tag(
    state: State,
    who: Principal,
    headers: HeaderMap,
    Path((team, artifact, _tag)): Path<(String, String, String)>,
) -> Result<Response, Error> {
    state.permissions.pull(&who, &repository(&team, &artifact)?)?;
    Ok(answer(&headers, (StatusCode::NOT_FOUND, "not found")))
}
