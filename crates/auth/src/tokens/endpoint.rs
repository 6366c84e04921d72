//! A token endpoint: a form goes in, a token comes out (RFC 6749 5).

use http::Method;
use secrecy::SecretString;
use serde_json::Value;
use stups_api::client::{Client, Error};
use url::Url;

use std::time::Duration;

/// No provider answers with more.
const ANSWER_LIMIT: usize = 1 << 20;

/// A token is never trusted for longer, whatever its provider says: ten years, in seconds.
const LONGEST_LIFETIME: f64 = 10.0 * 365.0 * 86_400.0;

/// Why a provider gave no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It was not reached, or was too slow.
    #[error("{0}")]
    Unreachable(String),
    /// It refused, or failed.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The OAuth error code: `invalid_grant`.
        code: Option<String>,
        /// One line for a person: address, status, description.
        message: String,
    },
    /// Its answer is no token.
    #[error("Invalid token response: {0}")]
    Answer(String),
}

impl EndpointError {
    /// The OAuth error code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => code.as_deref(),
            _ => None,
        }
    }

    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl From<Error> for EndpointError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Status { status, code, .. } => Self::Refused {
                status: status.as_u16(),
                code,
                message,
            },
            Error::Answer { .. } => Self::Answer(message),
            Error::Unreachable { .. } | Error::Token { .. } => Self::Unreachable(message),
        }
    }
}

/// What a provider answers to a successful request.
#[derive(Clone, Debug)]
pub struct TokenResponse {
    /// The token.
    pub access_token: SecretString,
    /// `Bearer`, if the provider says.
    pub token_type: Option<String>,
    /// Seconds.
    pub expires_in: u64,
    /// A token to get the next one with.
    pub refresh_token: Option<SecretString>,
    /// The granted scopes, blank separated, if the provider says.
    pub scope: Option<String>,
    /// Who logged in, for clients that asked (scope `openid`).
    pub id_token: Option<String>,
}

impl TokenResponse {
    /// Reads an answer: `access_token` and `expires_in` are needed, a null is as good as nothing. Numbers may be text, and have
    /// fractions: providers differ.
    pub fn from_json(answer: &Value) -> Result<Self, EndpointError> {
        let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
        let missing = |problem: &str| {
            EndpointError::Answer(format!(
                "Expected a JSON object with keys \"expires_in\" and \"access_token\": {problem}"
            ))
        };
        if !answer.is_object() {
            return Err(missing("it is no object"));
        }
        let Some(access_token) = text("access_token") else {
            return Err(missing("'access_token'"));
        };
        if access_token.is_empty() {
            return Err(EndpointError::Answer("Empty \"access_token\" value".to_owned()));
        }
        if !access_token.chars().all(|c| c.is_ascii_graphic()) {
            return Err(EndpointError::Answer(
                "\"access_token\" has characters that no header can carry".to_owned(),
            ));
        }
        let seconds = match answer.get("expires_in") {
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        let expires_in = seconds
            .filter(|seconds: &f64| *seconds >= 0.0)
            .ok_or_else(|| missing("'expires_in'"))?;
        let filled = |key: &str| text(key).filter(|text| !text.is_empty());
        Ok(Self {
            access_token: access_token.into(),
            token_type: filled("token_type"),
            expires_in: expires_in.min(LONGEST_LIFETIME) as u64,
            refresh_token: filled("refresh_token").map(SecretString::from),
            scope: scope(answer.get("scope")),
            id_token: filled("id_token"),
        })
    }
}

/// Scopes as text, blank separated: the standard has text, others an array.
fn scope(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Array(scopes) => Some(scopes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
        _ => None,
    }
}

/// Credentials of the client that asks.
#[derive(Clone, Debug)]
pub enum ClientAuthentication {
    /// `client_id` is in the form, nothing proves it: a program on somebody's machine.
    Public,
    /// `Authorization: Basic`, neither part encoded, as the originals send it.
    Basic(String, SecretString),
}

/// An address that takes forms and answers JSON: a token, device authorisation or revocation endpoint.
#[derive(Clone, Debug)]
pub struct TokenEndpoint {
    client: Client,
    url: Url,
}

impl TokenEndpoint {
    /// The endpoint at `url`, query included, whose answers may take `timeout`.
    pub fn new(url: Url, timeout: Duration) -> Result<Self, EndpointError> {
        let client = Client::new(url.clone())?
            .with_timeout(timeout)
            .with_answer_limit(ANSWER_LIMIT);
        Ok(Self { client, url })
    }

    /// The same connections for another address.
    #[must_use]
    pub fn at(&self, url: Url) -> Self {
        Self {
            client: self.client.clone(),
            url,
        }
    }

    /// Posts the form; any JSON is an answer.
    pub async fn post(&self, form: &[(&str, &str)], client: &ClientAuthentication) -> Result<Value, EndpointError> {
        Ok(self.request(form, client).send().await?)
    }

    /// Posts the form; what a successful answer holds does not matter.
    pub async fn notify(&self, form: &[(&str, &str)], client: &ClientAuthentication) -> Result<(), EndpointError> {
        Ok(self.request(form, client).done().await?)
    }

    /// Posts the form and reads the token.
    pub async fn token(
        &self,
        form: &[(&str, &str)],
        client: &ClientAuthentication,
    ) -> Result<TokenResponse, EndpointError> {
        TokenResponse::from_json(&self.post(form, client).await?)
    }

    fn request(&self, form: &[(&str, &str)], client: &ClientAuthentication) -> stups_api::client::Request<'_> {
        let request = self.client.follow(Method::POST, &self.url).form(form);
        match client {
            ClientAuthentication::Public => request,
            ClientAuthentication::Basic(id, secret) => request.basic(id, secret),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_needs_a_token_and_its_lifetime() {
        let token = TokenResponse::from_json(&json!({"access_token": "a.b.c", "expires_in": 3600})).unwrap();
        assert_eq!(token.access_token.expose_secret(), "a.b.c");
        assert_eq!((token.expires_in, token.scope, token.token_type), (3600, None, None));
        for (answer, message) in [
            (
                json!({"access_token": "", "expires_in": 1}),
                "Empty \"access_token\" value",
            ),
            (
                json!({"expires_in": 1}),
                "Expected a JSON object with keys \"expires_in\" and \"access_token\": 'access_token'",
            ),
            (
                json!({"access_token": "x"}),
                "Expected a JSON object with keys \"expires_in\" and \"access_token\": 'expires_in'",
            ),
            (
                json!([1]),
                "Expected a JSON object with keys \"expires_in\" and \"access_token\": it is no object",
            ),
        ] {
            let error = TokenResponse::from_json(&answer).unwrap_err();
            assert_eq!(error.to_string(), format!("Invalid token response: {message}"));
        }
    }

    #[test]
    fn lifetimes_may_be_text_or_have_fractions_and_have_an_end() {
        for (lifetime, seconds) in [
            (json!("3600"), 3600),
            (json!(59.9), 59),
            (json!(1e300), 315_360_000),
            (json!(0), 0),
        ] {
            let answer = json!({"access_token": "x", "expires_in": lifetime});
            assert_eq!(TokenResponse::from_json(&answer).unwrap().expires_in, seconds);
        }
        for lifetime in [json!(-1), json!("soon"), json!(null), json!("NaN")] {
            let answer = json!({"access_token": "x", "expires_in": lifetime});
            assert!(TokenResponse::from_json(&answer).is_err(), "{answer}");
        }
    }

    #[test]
    fn scopes_are_text_or_an_array() {
        for (scope, text) in [
            (json!("a b"), Some("a b")),
            (json!(["a", "b"]), Some("a b")),
            (json!(null), None),
        ] {
            let answer = json!({"access_token": "x", "expires_in": 1, "scope": scope});
            assert_eq!(TokenResponse::from_json(&answer).unwrap().scope.as_deref(), text);
        }
    }

    #[test]
    fn a_token_never_breaks_a_header() {
        let answer = json!({"access_token": "x\r\nX-Evil: 1", "expires_in": 1});
        assert!(TokenResponse::from_json(&answer).is_err());
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(text in "\\PC*", number in any::<f64>()) {
            let _ = TokenResponse::from_json(&json!({"access_token": text, "expires_in": number, "scope": [text]}));
        }
    }
}
