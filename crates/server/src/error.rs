use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// An answer that is not a success.
///
/// Handlers return it; the outermost layer of the service renders it, as the caller asks: problem+json when `Accept` prefers it,
/// the originals' shape otherwise (`message` and `details`, or `error` and `error_description`).
#[derive(Clone, Debug)]
pub struct Error {
    /// The HTTP status.
    pub status: StatusCode,
    /// The OAuth error code, where the endpoint is one of RFC 6749: `invalid_grant`.
    pub code: Option<&'static str>,
    /// What was wrong, and what would be right.
    pub message: String,
    /// The originals' `details`: which field, what was sent, what is allowed.
    pub details: Option<Value>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
