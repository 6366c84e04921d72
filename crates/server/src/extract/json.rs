use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt as _, LengthLimitError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::Error;
use crate::context::Context;

/// What bodies may be called: JSON, and JSON merge patches (RFC 7396).
const ALLOWED: [&str; 2] = ["application/json", "application/merge-patch+json"];

/// A JSON body: taken from a request (content type checked, size bounded, errors name the field) or given as an answer.
///
/// A wrong or missing content type is 406, as the originals have it (contract kio 2.3).
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Error> {
        let context = request.extensions_mut().remove::<Context>();
        let _ = state;
        let Some(context) = context else {
            return Err(Error::internal());
        };
        content_type(request.headers())?;
        let bytes = body(request, context.settings.body_limit).await?;
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

fn content_type(headers: &HeaderMap) -> Result<(), Error> {
    let sent = headers
        .get(CONTENT_TYPE)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let kind = sent
        .as_deref()
        .map(|value| value.split(';').next().unwrap_or_default().trim());
    if kind.is_some_and(|kind| ALLOWED.iter().any(|allowed| allowed.eq_ignore_ascii_case(kind))) {
        return Ok(());
    }
    Err(Error::new(StatusCode::NOT_ACCEPTABLE, "Content type not allowed.")
        .with_details(json!({"content-type": sent, "allowed-content-types": ALLOWED})))
}

/// The whole body. The frame bounds it.
async fn body(request: Request, limit: usize) -> Result<Bytes, Error> {
    match request.into_body().collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if was_cut(&error) => Err(too_large(limit)),
        Err(_) => Err(Error::bad_request("The body broke off.")),
    }
}

/// Whether the body ended because it was too large, and not because the caller went away.
fn was_cut(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(<dyn std::error::Error>::is::<LengthLimitError>)
}

pub(crate) fn too_large(limit: usize) -> Error {
    Error::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("The body is larger than {limit} bytes."),
    )
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    // serde would fill a structure from a list by position, and one whose fields are all optional from an empty list.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(unusable(".", "a list where an object is expected"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            unusable(&field, &inner.to_string())
        } else {
            unparsable(&inner)
        }
    })?;
    deserializer.end().map_err(|error| unparsable(&error))?;
    Ok(value)
}

fn unparsable(error: &serde_json::Error) -> Error {
    Error::bad_request("Body not parsable with given content type.").with_details(json!({"reason": error.to_string()}))
}

/// Names the field, and says what was wrong with it.
fn unusable(field: &str, reason: &str) -> Error {
    // serde tells the place in the text, which says less than the field's name.
    let reason = reason.rsplit_once(" at line ").map_or(reason, |(reason, _)| reason);
    let place = if field == "." {
        "body".to_owned()
    } else {
        format!("body->{}", field.replace('.', "->"))
    };
    Error::bad_request(format!("Value in {place} cannot be used because of: {reason}."))
        .with_details(json!({"field": field, "reason": reason}))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Application {
        #[allow(dead_code)]
        name: String,
        #[allow(dead_code)]
        tags: Option<Vec<u8>>,
    }

    #[test]
    fn a_list_is_no_object() {
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        struct Patch {
            #[allow(dead_code)]
            name: Option<String>,
        }
        for body in ["[]", " \n[\"kio\"]", "["] {
            let error = parse::<Patch>(body.as_bytes()).unwrap_err();
            assert_eq!(error.status, StatusCode::BAD_REQUEST, "{body}");
        }
        assert!(parse::<Patch>(b"{}").is_ok());
    }

    #[test]
    fn a_bad_body_says_which_field_and_why() {
        for (body, field, message) in [
            (
                r#"{"name":1}"#,
                "name",
                "Value in body->name cannot be used because of: invalid type: integer `1`, expected a string.",
            ),
            (
                r#"{"name":"x","tags":[1,"y"]}"#,
                "tags[1]",
                "Value in body->tags[1] cannot be used because of: invalid type: string \"y\", expected u8.",
            ),
            (
                "{}",
                ".",
                "Value in body cannot be used because of: missing field `name`.",
            ),
            (
                "[]",
                ".",
                "Value in body cannot be used because of: a list where an object is expected.",
            ),
        ] {
            let error = parse::<Application>(body.as_bytes()).unwrap_err();
            assert_eq!(error.status, 400);
            assert_eq!(error.message, message);
            assert_eq!(error.details.unwrap()["field"], field);
        }
    }

    #[test]
    fn an_unknown_field_is_named() {
        let error = parse::<Application>(br#"{"name":"x","nme":1}"#).unwrap_err();
        assert!(error.message.contains("unknown field `nme`"), "{error}");
    }

    #[test]
    fn what_is_not_json_is_told_as_the_originals_do() {
        for body in ["", "{", "{\"name\":\"x\"} {}", "name=x", "\u{0}"] {
            let error = parse::<Application>(body.as_bytes()).unwrap_err();
            assert_eq!(error.message, "Body not parsable with given content type.", "{body}");
        }
    }

    #[test]
    fn only_json_is_accepted() {
        for (sent, ok) in [
            (Some("application/json"), true),
            (Some("application/json;charset=utf-8"), true),
            (Some("Application/JSON ; charset=utf-8"), true),
            (Some("application/merge-patch+json"), true),
            (Some("text/json"), false),
            (Some("application/x-www-form-urlencoded"), false),
            (None, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(sent) = sent {
                headers.insert(CONTENT_TYPE, sent.parse().unwrap());
            }
            let result = content_type(&headers);
            assert_eq!(result.is_ok(), ok, "{sent:?}");
            if let Err(error) = result {
                assert_eq!(error.status, 406);
                assert_eq!(error.details.unwrap()["content-type"], json!(sent));
            }
        }
    }
}
