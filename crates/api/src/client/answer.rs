use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::Error;
use super::error::one_line;

/// What a service answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) url: Url,
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers: `ETag`, `Link`.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Answer {
            url: Box::new(self.url.clone()),
            reason: one_line(&error.to_string()),
        })
    }

    /// The body as text.
    pub fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.body).map_err(|_| Error::Answer {
            url: Box::new(self.url.clone()),
            reason: "text that is not UTF-8".to_owned(),
        })
    }

    /// A header's value, when it is there and readable.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The answer as the error that it is.
    pub fn into_error(self) -> Error {
        let body = serde_json::from_slice::<Value>(&self.body).ok();
        let code = body
            .as_ref()
            .and_then(|body| body.get("error"))
            .and_then(Value::as_str)
            .map(one_line);
        let message = body.as_ref().and_then(said).unwrap_or_else(|| self.plain_message());
        let retry_after = self
            .header(&RETRY_AFTER)
            .and_then(|text| text.parse().ok())
            .map(Duration::from_secs);
        Error::Status {
            url: Box::new(self.url),
            status: self.status,
            code,
            message,
            retry_after,
        }
    }

    /// What an answer without JSON says: its first line when it is plain text, never a page of HTML.
    fn plain_message(&self) -> String {
        let plain = self
            .header(&CONTENT_TYPE)
            .is_some_and(|kind| kind.starts_with("text/plain"));
        let text = String::from_utf8_lossy(&self.body);
        match text.lines().map(str::trim).find(|line| !line.is_empty()) {
            Some(line) if plain => one_line(line),
            _ => "no message".to_owned(),
        }
    }
}

/// What the services of the platform, OAuth providers (RFC 6749) and problem details (RFC 9457) say in their errors.
fn said(body: &Value) -> Option<String> {
    ["message", "error_description", "detail", "error", "title"]
        .iter()
        .find_map(|key| body.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty()))
        .map(one_line)
}
