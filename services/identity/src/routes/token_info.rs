use axum::body::{Body, to_bytes};
use axum::extract::{Request, State as Shared};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use stups_api::identity::TokenInfo;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;

/// No token of ours is longer than a body of that size.
const LARGEST_FORM: usize = 32 * 1024;

/// Token info (contract identity 2.11), for any method.
pub fn routes() -> OpenApiRouter<State> {
    let others = MethodFilter::PUT.or(MethodFilter::PATCH).or(MethodFilter::DELETE);
    OpenApiRouter::new()
        .routes(routes!(token_info, token_info_by_post))
        .route("/oauth2/tokeninfo", on(others, any_method))
        .route("/tokeninfo", axum::routing::any(any_method))
}

/// Says whose token it is and what it may do.
///
/// The token comes in the `Authorization` header, else as the parameter `access_token`.
#[utoipa::path(
    get,
    path = "/oauth2/tokeninfo",
    tag = "Token info",
    params(("access_token" = Option<String>, Query, description = "The token, where there is no header")),
    responses(
        (status = 200, description = "The token is valid", body = TokenInfo),
        (status = 400, description = "There is no token"),
        (status = 401, description = "The token is not valid"),
    )
)]
async fn token_info(Shared(state): Shared<State>, request: Request) -> Response {
    answer(&state, request).await
}

/// Says whose token it is and what it may do; the token may be in a form.
#[utoipa::path(
    post,
    path = "/oauth2/tokeninfo",
    tag = "Token info",
    params(("access_token" = Option<String>, Query, description = "The token, where there is no header")),
    responses(
        (status = 200, description = "The token is valid", body = TokenInfo),
        (status = 400, description = "There is no token"),
        (status = 401, description = "The token is not valid"),
    )
)]
async fn token_info_by_post(Shared(state): Shared<State>, request: Request) -> Response {
    answer(&state, request).await
}

async fn any_method(Shared(state): Shared<State>, request: Request) -> Response {
    answer(&state, request).await
}

async fn answer(state: &State, request: Request) -> Response {
    let verified = match bearer(request.headers()) {
        Some(token) => state.verified.token(state, token).await,
        None => match parameter(request).await {
            Some(token) => state.verified.token(state, &token).await,
            None => return refusal(StatusCode::BAD_REQUEST, NO_TOKEN),
        },
    };
    match verified {
        Ok(token) => json(StatusCode::OK, token.info(token.expires_at - state.clock.seconds())),
        Err(_) => refusal(StatusCode::UNAUTHORIZED, INVALID_TOKEN),
    }
}

const NO_TOKEN: &str = r#"{"error":"invalid_request","error_description":"Access Token not valid"}"#;
const INVALID_TOKEN: &str = r#"{"error":"invalid_token","error_description":"Access Token not valid"}"#;

/// The two refusals are the original's to the letter.
fn refusal(status: StatusCode, body: &'static str) -> Response {
    json(status, body.to_owned())
}

fn json(status: StatusCode, body: String) -> Response {
    let headers = [(CONTENT_TYPE, "application/json;charset=UTF-8"), (CACHE_CONTROL, "no-store")];
    (status, headers, Body::from(body)).into_response()
}

/// The token of the header; other schemes are ignored.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The parameter `access_token` of the query, else of a form.
async fn parameter(request: Request) -> Option<String> {
    let find = |text: &[u8]| {
        url::form_urlencoded::parse(text)
            .find(|(name, value)| name == "access_token" && !value.is_empty())
            .map(|(_, value)| value.into_owned())
    };
    if let Some(token) = find(request.uri().query().unwrap_or_default().as_bytes()) {
        return Some(token);
    }
    let kind = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    if !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
        return None;
    }
    find(&to_bytes(request.into_body(), LARGEST_FORM).await.ok()?)
}
