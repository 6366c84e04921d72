use axum::body::to_bytes;
use axum::extract::{Request, State as Shared};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use stups_api::identity::TokenInfo;
use stups_server::with_headers;
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
        (status = 502, description = "Another token info, which answers for opaque tokens, cannot be reached"),
        (status = 504, description = "Another token info, which answers for opaque tokens, takes too long"),
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
        (status = 502, description = "Another token info, which answers for opaque tokens, cannot be reached"),
        (status = 504, description = "Another token info, which answers for opaque tokens, takes too long"),
    )
)]
async fn token_info_by_post(Shared(state): Shared<State>, request: Request) -> Response {
    answer(&state, request).await
}

async fn any_method(Shared(state): Shared<State>, request: Request) -> Response {
    answer(&state, request).await
}

async fn answer(state: &State, request: Request) -> Response {
    if let Some(token) = bearer(request.headers()) {
        let token = token.to_owned();
        return answer_for(state, &token).await;
    }
    match parameter(request).await {
        Some(token) => answer_for(state, &token).await,
        None => refusal(StatusCode::BAD_REQUEST, NO_TOKEN),
    }
}

async fn answer_for(state: &State, token: &str) -> Response {
    // Ours have exactly two dots; for all others somebody else may answer.
    if let Some(opaque) = state.opaque.as_ref().filter(|_| token.matches('.').count() != 2) {
        return opaque.answer(token).await;
    }
    match state.verified.token(state, token).await {
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
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    with_headers(status, headers, body)
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
    if !kind
        .to_ascii_lowercase()
        .starts_with("application/x-www-form-urlencoded")
    {
        return None;
    }
    find(&to_bytes(request.into_body(), LARGEST_FORM).await.ok()?)
}
