use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::error::one_line;
use super::{Answer, Client, Error};

/// How many bytes of an error's answer are looked at.
const ERROR_ANSWER_LIMIT: usize = 64 << 10;

/// A request that has not been sent.
#[must_use = "a request does nothing until it is sent"]
pub struct Request<'a> {
    pub(super) client: &'a Client,
    pub(super) url: Url,
    pub(super) builder: reqwest::RequestBuilder,
    /// Whether the request carries its own credentials, or must carry none.
    pub(super) authorised: bool,
    pub(super) body: Result<(), String>,
}

impl Request<'_> {
    /// Adds query parameters: a slice of pairs, or a structure whose absent fields are skipped.
    pub fn query(self, parameters: &(impl Serialize + ?Sized)) -> Self {
        Self {
            builder: self.builder.query(parameters),
            ..self
        }
    }

    /// Sends the value as JSON.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => {
                let builder = self.builder.header(CONTENT_TYPE, "application/json").body(bytes);
                Self { builder, ..self }
            }
            Err(error) => Self {
                body: Err(format!("the request cannot be written as JSON: {error}")),
                ..self
            },
        }
    }

    /// Sends the pairs as a form (`application/x-www-form-urlencoded`).
    pub fn form(self, fields: &(impl Serialize + ?Sized)) -> Self {
        Self {
            builder: self.builder.form(fields),
            ..self
        }
    }

    /// Sends the bytes as they are.
    pub fn bytes(self, content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            builder: self.builder.header(CONTENT_TYPE, content_type).body(body),
            ..self
        }
    }

    /// Adds a header: `If-Match`.
    pub fn header(self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => Self {
                builder: self.builder.header(name, value),
                ..self
            },
            Err(_) => Self {
                body: Err(format!("{name} cannot have this value")),
                ..self
            },
        }
    }

    /// Sends Basic credentials instead of a bearer token.
    pub fn basic(self, user: &str, password: &SecretString) -> Self {
        let builder = self.builder.basic_auth(user, Some(password.expose_secret()));
        Self {
            builder,
            authorised: true,
            ..self
        }
    }

    /// Sends this bearer token instead of one of the client's source.
    pub fn bearer(self, token: &SecretString) -> Self {
        Self {
            builder: self.builder.header(AUTHORIZATION, bearer(token)),
            authorised: true,
            ..self
        }
    }

    /// Bounds the time of this call.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self {
            builder: self.builder.timeout(timeout),
            ..self
        }
    }

    /// Sends the request; an answer other than 2xx is an error.
    pub async fn answer(self) -> Result<Answer, Error> {
        let answer = self.any_answer().await?;
        if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(answer.into_error())
        }
    }

    /// Sends the request and reads the answer's JSON.
    pub async fn send<T: DeserializeOwned>(self) -> Result<T, Error> {
        self.answer().await?.json()
    }

    /// Sends the request; 404 means that there is none.
    pub async fn optional<T: DeserializeOwned>(self) -> Result<Option<T>, Error> {
        let answer = self.any_answer().await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => answer.json().map(Some),
            _ => Err(answer.into_error()),
        }
    }

    /// Sends the request; what a successful answer holds does not matter.
    pub async fn done(self) -> Result<(), Error> {
        self.answer().await.map(|_| ())
    }

    /// Sends the request; every status is an answer.
    pub async fn any_answer(self) -> Result<Answer, Error> {
        let limit = self.client.answer_limit;
        let (url, response) = self.response().await?;
        read(url, response, limit).await
    }

    /// Writes the body of a successful answer to `sink` while it arrives, however long it is.
    pub async fn download(self, sink: &mut impl std::io::Write) -> Result<(), Error> {
        let (url, mut response) = self.response().await?;
        if !response.status().is_success() {
            return Err(read(url, response, ERROR_ANSWER_LIMIT).await?.into_error());
        }
        while let Some(chunk) = response.chunk().await.map_err(|source| unreachable(&url, source))? {
            sink.write_all(&chunk).map_err(|error| Error::Answer {
                url: Box::new(url.clone()),
                reason: format!("it cannot be kept: {error}"),
            })?;
        }
        Ok(())
    }

    /// Sends the request, and returns when the answer begins.
    async fn response(self) -> Result<(Url, reqwest::Response), Error> {
        let Self {
            client,
            url,
            mut builder,
            authorised,
            body,
        } = self;
        if let Err(reason) = body {
            return Err(Error::Answer {
                url: Box::new(url),
                reason,
            });
        }
        if let (Some(tokens), false) = (&client.tokens, authorised) {
            let token = tokens.token().await.map_err(|reason| Error::Token {
                url: Box::new(url.clone()),
                reason: one_line(&reason),
            })?;
            builder = builder.header(AUTHORIZATION, bearer(&token));
        }
        let response = builder.send().await.map_err(|source| unreachable(&url, source))?;
        Ok((url, response))
    }
}

/// The whole answer, which may have `limit` bytes when it is successful.
async fn read(url: Url, mut response: reqwest::Response, limit: usize) -> Result<Answer, Error> {
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let limit = if status.is_success() { limit } else { ERROR_ANSWER_LIMIT };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|source| unreachable(&url, source))? {
        if body.len() + chunk.len() > limit {
            if status.is_success() {
                return Err(Error::Answer {
                    url: Box::new(url),
                    reason: format!("more than {limit} bytes"),
                });
            }
            body.extend_from_slice(&chunk[..limit - body.len()]);
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        url,
        status,
        headers,
        body,
    })
}

fn unreachable(url: &Url, source: reqwest::Error) -> Error {
    Error::Unreachable {
        url: Box::new(url.clone()),
        source: source.without_url(),
    }
}

fn bearer(token: &SecretString) -> HeaderValue {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .unwrap_or_else(|_| HeaderValue::from_static("Bearer invalid"));
    value.set_sensitive(true);
    value
}
