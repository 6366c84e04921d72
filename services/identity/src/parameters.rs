//! Parameters of the OAuth endpoints: of the query and of a form, or of a JSON object where the originals took one.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;
use stups_server::Error;

/// No request of RFC 6749 is larger.
const LARGEST_BODY: usize = 64 * 1024;

/// The merged parameters of a request. A parameter without a value counts as not given (RFC 6749 3.1).
///
/// `Debug` shows names only: values are passwords and tokens.
#[derive(Clone, Default)]
pub struct Parameters(Vec<(String, String)>);

impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Parameters {
    /// The parameters of a query string alone.
    pub fn of_query(query: Option<&str>) -> Result<Self, Error> {
        let mut parameters = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            parameters.add(name.into_owned(), value.into_owned())?;
        }
        Ok(parameters)
    }

    /// The value of a parameter, when it is given and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, value)| given == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter that may be repeated (`resource`).
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(given, value)| given == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that must be given.
    pub fn require(&self, name: &str) -> Result<&str, Error> {
        self.get(name).ok_or_else(|| invalid_request(format!("Missing parameter: {name}")))
    }

    /// Whether the parameter is there at all, be it empty.
    pub fn is_present(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }

    /// Adds a parameter. The same one twice is an error (RFC 6749 3.1), unless both say the same.
    fn add(&mut self, name: String, value: String) -> Result<(), Error> {
        if value.contains('\0') {
            return Err(invalid_request("A parameter contains a NUL character"));
        }
        match self.0.iter().find(|(given, _)| *given == name) {
            Some((_, given)) if *given == value => Ok(()),
            Some(_) if name != "resource" => Err(invalid_request("A parameter is given twice")),
            _ => {
                self.0.push((name, value));
                Ok(())
            }
        }
    }

    fn add_form(&mut self, body: &[u8]) -> Result<(), Error> {
        for (name, value) in url::form_urlencoded::parse(body) {
            self.add(name.into_owned(), value.into_owned())?;
        }
        Ok(())
    }

    fn add_json(&mut self, body: &[u8]) -> Result<(), Error> {
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
            return Err(invalid_request("The body is not a JSON object"));
        };
        for (name, value) in members {
            match value {
                Value::String(value) => self.add(name, value)?,
                Value::Null => {}
                _ => return Err(invalid_request("A member of the body is not a string")),
            }
        }
        Ok(())
    }
}

impl<S: Send + Sync> FromRequest<S> for Parameters {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let mut parameters = Self::of_query(request.uri().query())?;
        // JSON is an offering of the paths of old; the new one is as RFC 6749 has it.
        let json_allowed = request.uri().path() != "/oauth2/token";
        let kind = media_type(request.headers());
        let body = to_bytes(request.into_body(), LARGEST_BODY)
            .await
            .map_err(|_| Error::oauth(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "The body is too large"))?;
        match kind.as_deref() {
            Some("application/x-www-form-urlencoded") => parameters.add_form(&body)?,
            Some("application/json") if json_allowed => parameters.add_json(&body)?,
            _ if body.is_empty() => {}
            _ => return Err(invalid_request("The body must be application/x-www-form-urlencoded")),
        }
        Ok(parameters)
    }
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

/// `invalid_request` of RFC 6749 5.2.
pub fn invalid_request(description: impl Into<String>) -> Error {
    Error::oauth(StatusCode::BAD_REQUEST, "invalid_request", description)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    async fn parameters(uri: &str, kind: &str, body: &str) -> Result<Parameters, Error> {
        let request = Request::post(uri).header(CONTENT_TYPE, kind).body(Body::from(body.to_owned())).unwrap();
        Parameters::from_request(request, &()).await
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[tokio::test]
    async fn query_and_body_are_merged() {
        let merged = parameters("/oauth2/access_token?realm=/services&scope=", FORM, "username=a+b%26&realm=/services");
        let merged = merged.await.unwrap();
        assert_eq!(merged.get("realm"), Some("/services"));
        assert_eq!(merged.get("username"), Some("a b&"));
        assert_eq!(merged.get("scope"), None);
        assert!(merged.is_present("scope"));
        assert!(parameters("/x?realm=/services", FORM, "realm=/employees").await.is_err());
    }

    #[tokio::test]
    async fn json_is_taken_on_the_paths_of_old_only() {
        let body = r#"{"username":"x","scope":null}"#;
        let merged = parameters("/oauth2/access_token", "application/json; charset=utf-8", body).await.unwrap();
        assert_eq!(merged.get("username"), Some("x"));
        assert!(parameters("/oauth2/token", "application/json", body).await.is_err());
        for body in ["[]", "{", r#"{"username":1}"#] {
            assert!(parameters("/oauth2/access_token", "application/json", body).await.is_err());
        }
        assert!(parameters("/oauth2/access_token", "text/plain", "x=1").await.is_err());
    }

    #[test]
    fn debug_shows_no_value() {
        let parameters = Parameters::of_query(Some("password=hunter2")).unwrap();
        assert_eq!(format!("{parameters:?}"), r#"["password"]"#);
    }
}
