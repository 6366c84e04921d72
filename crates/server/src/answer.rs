//! Answers that are given thousands of times a second.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

/// How many headers an answer has in the end: the handler's, the frame's, and those of HTTP.
const HEADERS: usize = 12;

/// An answer with these headers, and room for those that the frame adds: adding them moves nothing.
pub fn with_headers<const N: usize>(
    status: StatusCode,
    headers: [(HeaderName, HeaderValue); N],
    body: impl Into<Body>,
) -> Response {
    let mut map = HeaderMap::with_capacity(HEADERS);
    map.extend(headers);
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    *response.headers_mut() = map;
    response
}
