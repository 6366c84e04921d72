//! Errors as the caller wants to read them: the originals' two shapes, and RFC 9457 beside them.

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};
use stups_api::Problem;

use crate::Error;

/// How a service's original writes errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorShape {
    /// `{"message": …, "details": …}`: Kio and every other friboo service (contract kio 2.1). An undefined method is 404.
    Friboo,
    /// The same with `detail` beside it, which old clients of the registry read (contract pierone 5.4).
    FribooDetail,
    /// `{"error": …, "error_description": …}`: the identity services (contract identity 2.2.4). An undefined method is 405.
    OAuth,
    /// `{"errors": [{"code": …, "message": …, "detail": …}]}`: the OCI distribution protocol. An undefined method is 405.
    Oci,
}

/// Writes the error into the response that carried it.
pub(crate) fn render(shape: ErrorShape, accept: Option<&HeaderValue>, request_id: &str, error: Error) -> Response {
    let problem = accept.is_some_and(prefers_problem);
    let (content_type, body) = if problem {
        (
            "application/problem+json",
            serde_json::to_vec(&as_problem(&error, request_id)),
        )
    } else {
        let body = match shape {
            ErrorShape::Friboo => json!({"message": error.message, "details": error.details}),
            ErrorShape::FribooDetail => {
                json!({"message": error.message, "details": error.details, "detail": error.message})
            }
            ErrorShape::OAuth => as_oauth(&error),
            ErrorShape::Oci => as_oci(&error),
        };
        ("application/json", serde_json::to_vec(&body))
    };
    let mut response = Response::new(Body::from(body.unwrap_or_default()));
    *response.status_mut() = error.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    challenge(headers, &error);
    for (name, value) in error.headers {
        headers.append(name, value);
    }
    headers.remove(CONTENT_LENGTH);
    response
}

/// A 401 says how to authenticate (RFC 9110, section 11.6.1; RFC 6750, section 3), unless the handler said so itself.
fn challenge(headers: &mut HeaderMap, error: &Error) {
    let said = error.headers.iter().any(|(name, _)| *name == WWW_AUTHENTICATE);
    if error.status == StatusCode::UNAUTHORIZED && !said && error.code != Some("invalid_client") {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
}

fn as_problem(error: &Error, request_id: &str) -> Problem {
    let mut extensions = Map::new();
    if let Some(code) = error.code {
        extensions.insert("error".to_owned(), Value::from(code));
    }
    if let Some(details) = &error.details {
        extensions.insert("details".to_owned(), (**details).clone());
    }
    Problem {
        kind: "about:blank".to_owned(),
        title: error.status.canonical_reason().unwrap_or("Error").to_owned(),
        status: error.status.as_u16(),
        detail: Some(error.message.clone()),
        instance: Some(request_id.to_owned()),
        extensions,
    }
}

fn as_oauth(error: &Error) -> Value {
    let code = error.code.unwrap_or_else(|| code_of(error.status));
    let mut body = json!({"error": code, "error_description": error.message});
    if let Some(details) = &error.details {
        body["details"] = (**details).clone();
    }
    body
}

/// One error, or the several that the handler has put together in its details.
fn as_oci(error: &Error) -> Value {
    if let Some(Value::Array(errors)) = error.details.as_deref() {
        return json!({"errors": errors});
    }
    let code = error.code.unwrap_or_else(|| oci_code_of(error.status));
    json!({"errors": [{"code": code, "message": error.message, "detail": error.details}]})
}

/// The code of an error that did not choose one (OCI distribution 1.1, "Error Codes"; the last two are ours).
fn oci_code_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "UNAUTHORIZED",
        StatusCode::FORBIDDEN | StatusCode::CONFLICT => "DENIED",
        StatusCode::NOT_FOUND => "NAME_UNKNOWN",
        StatusCode::TOO_MANY_REQUESTS => "TOOMANYREQUESTS",
        StatusCode::PAYLOAD_TOO_LARGE => "SIZE_INVALID",
        StatusCode::SERVICE_UNAVAILABLE => "UNAVAILABLE",
        status if status.is_server_error() => "UNKNOWN",
        _ => "UNSUPPORTED",
    }
}

/// The code of an error that did not choose one (contract identity 2.2.4, RFC 6750 section 3.1).
fn code_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "invalid_token",
        StatusCode::FORBIDDEN => "insufficient_scope",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "not_allowed",
        StatusCode::CONFLICT => "conflict",
        StatusCode::PRECONDITION_FAILED => "precondition_failed",
        StatusCode::TOO_MANY_REQUESTS => "slow_down",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable_dependency",
        status if status.is_server_error() => "internal_error",
        _ => "invalid_request",
    }
}

/// Whether `Accept` names problem+json with a higher weight than plain JSON or anything.
fn prefers_problem(accept: &HeaderValue) -> bool {
    let Ok(accept) = accept.to_str() else { return false };
    let mut problem = 0.0;
    let mut others = 0.0;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let weight = parts
            .find_map(|part| part.strip_prefix("q="))
            .map_or(1.0, |q| q.parse().unwrap_or(0.0));
        if kind.eq_ignore_ascii_case("application/problem+json") {
            problem = f32::max(problem, weight);
        } else if ["application/json", "application/*", "*/*"]
            .iter()
            .any(|name| kind.eq_ignore_ascii_case(name))
        {
            // A wildcard beside it means "anything else, too": the named type is more specific.
            others = f32::max(others, if kind.contains('*') { weight.min(0.999) } else { weight });
        }
    }
    problem > 0.0 && problem > others
}

/// The request's `Accept`, kept for the case that it ends in an error.
pub(crate) fn accept(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(ACCEPT).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problem_json_is_written_for_those_who_prefer_it() {
        for (accept, expected) in [
            ("application/json", false),
            ("*/*", false),
            ("text/html", false),
            ("application/problem+json", true),
            ("application/problem+json, application/json;q=0.9", true),
            ("application/problem+json;q=0.5, application/json", false),
            ("application/json, application/problem+json", false),
            ("application/problem+json, */*", true),
            ("application/problem+json;q=0", false),
            ("application/problem+json;q=x", false),
        ] {
            assert_eq!(
                prefers_problem(&HeaderValue::from_str(accept).unwrap()),
                expected,
                "{accept}"
            );
        }
    }

    async fn rendered(shape: ErrorShape, accept: Option<&str>, error: Error) -> (Response, Value) {
        let accept = accept.map(|text| HeaderValue::from_str(text).unwrap());
        let response = render(shape, accept.as_ref(), "r-1", error);
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 10_000).await.unwrap();
        (
            Response::from_parts(parts, Body::empty()),
            serde_json::from_slice(&body).unwrap(),
        )
    }

    #[tokio::test]
    async fn the_three_shapes() {
        let error = Error::bad_request("no name").with_details(json!({"field": "name"}));
        let (response, body) = rendered(ErrorShape::Friboo, None, error.clone()).await;
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(body, json!({"message": "no name", "details": {"field": "name"}}));

        let (_, body) = rendered(ErrorShape::Friboo, None, Error::forbidden("no")).await;
        assert_eq!(body, json!({"message": "no", "details": null}));

        let (_, body) = rendered(ErrorShape::OAuth, None, Error::not_found("no user")).await;
        assert_eq!(body, json!({"error": "not_found", "error_description": "no user"}));

        let (response, body) = rendered(ErrorShape::OAuth, Some("application/problem+json"), error).await;
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            body,
            json!({"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "no name", "instance": "r-1",
                   "details": {"field": "name"}})
        );
    }

    #[tokio::test]
    async fn a_401_says_how_to_authenticate_unless_it_is_the_clients() {
        let (response, _) = rendered(ErrorShape::Friboo, None, Error::unauthorized("Unauthorized")).await;
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer");
        let client = Error::oauth(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "Client authentication failed",
        );
        let (response, body) = rendered(ErrorShape::OAuth, None, client).await;
        assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
        assert_eq!(body["error"], "invalid_client");
    }
}
