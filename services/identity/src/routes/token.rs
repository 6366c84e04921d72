use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, PRAGMA};
use axum::response::{IntoResponse, Response};
use stups_api::identity::TokenResponse;
use stups_server::{Error, Origin};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;
use crate::grants::{self, TokenRequest};
use crate::parameters::Parameters;

/// The token endpoint, under its three names (contract identity 2.2).
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(access_token)).routes(routes!(z_access_token)).routes(routes!(token))
}

/// Issues an access token.
///
/// Parameters come from the query, from a form, or from a JSON object.
#[utoipa::path(
    post,
    path = "/oauth2/access_token",
    tag = "OAuth 2.0",
    params(
        ("realm" = Option<String>, Query, description = "The realm; without it the host name says it"),
        ("grant_type" = Option<String>, Query, description = "May also be in the body, as all other parameters"),
    ),
    responses(
        (status = 200, description = "The token", body = TokenResponse),
        (status = 400, description = "The request or the grant is not valid"),
        (status = 401, description = "The client is not who it says it is"),
        (status = 413, description = "The body is too large"),
        (status = 429, description = "Too many failed attempts"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn access_token(
    Shared(state): Shared<State>,
    origin: Origin,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Error> {
    let answer = grants::grant(&state, &TokenRequest { parameters, headers, origin }).await?;
    Ok(([(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")], axum::Json(answer)).into_response())
}

/// Issues an access token: the older name.
#[utoipa::path(
    post,
    path = "/z/oauth2/access_token",
    tag = "OAuth 2.0",
    responses(
        (status = 200, description = "The token", body = TokenResponse),
        (status = 400, description = "The request or the grant is not valid"),
        (status = 401, description = "The client is not who it says it is"),
        (status = 413, description = "The body is too large"),
        (status = 429, description = "Too many failed attempts"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn z_access_token(
    state: Shared<State>,
    origin: Origin,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Error> {
    access_token(state, origin, headers, parameters).await
}

/// Issues an access token: for clients that follow RFC 6749 alone.
#[utoipa::path(
    post,
    path = "/oauth2/token",
    tag = "OAuth 2.0",
    responses(
        (status = 200, description = "The token", body = TokenResponse),
        (status = 400, description = "The request or the grant is not valid"),
        (status = 401, description = "The client is not who it says it is"),
        (status = 413, description = "The body is too large"),
        (status = 429, description = "Too many failed attempts"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn token(
    state: Shared<State>,
    origin: Origin,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Error> {
    access_token(state, origin, headers, parameters).await
}
