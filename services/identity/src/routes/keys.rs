use axum::extract::State as Shared;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;

/// The public keys (contract identity 2.6).
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(legacy_keys)).routes(routes!(modern_keys))
}

/// The public keys that consumers of all ages can read: RSA and NIST curves.
#[utoipa::path(
    get,
    path = "/oauth2/connect/keys",
    tag = "Discovery",
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517)", body = Object))
)]
async fn legacy_keys(Shared(state): Shared<State>) -> impl IntoResponse {
    key_set(state.keys.legacy_set().to_string())
}

/// All public keys, also those that only clients of today can read.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "Discovery",
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517)", body = Object))
)]
async fn modern_keys(Shared(state): Shared<State>) -> impl IntoResponse {
    key_set(state.keys.modern_set().to_string())
}

fn key_set(body: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json;charset=UTF-8"), (CACHE_CONTROL, "public, max-age=30")], body)
}
