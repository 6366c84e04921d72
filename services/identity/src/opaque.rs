//! Tokens of another authorization server, which has no JWTs: its token info answers for them (contract identity 2.11.3).

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use moka::future::Cache;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::secret;

/// How long another token info may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a good answer is remembered, and how many.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);
const REMEMBERED: u64 = 10_000;
/// No answer about a token is larger.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Another token info.
pub struct OpaqueTokens {
    url: Url,
    http: reqwest::Client,
    known: Cache<String, Answer>,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    content_type: Option<HeaderValue>,
    body: Bytes,
}

impl OpaqueTokens {
    /// Asks the token info at that URL.
    pub fn new(url: Url) -> Self {
        // Fails when another part of the process has installed one already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client without special settings can be made");
        Self {
            url,
            http,
            known: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(REMEMBERED_FOR)
                .build(),
        }
    }

    /// What the other token info says about the token, remembered when it is good; 504 when it takes too long, 502 when it
    /// cannot be reached or says too much.
    pub async fn answer(&self, token: &str) -> Response {
        let key = secret::hash(token);
        if let Some(answer) = self.known.get(&key).await {
            return answer.into_response("HIT");
        }
        let token = SecretString::from(token);
        match self.ask(&token).await {
            Ok(answer) => {
                if answer.status == StatusCode::OK {
                    self.known.insert(key, answer.clone()).await;
                }
                answer.into_response("MISS")
            }
            Err(status) => {
                tracing::warn!(%status, "the token info for opaque tokens does not answer as it should");
                status.into_response()
            }
        }
    }

    async fn ask(&self, token: &SecretString) -> Result<Answer, StatusCode> {
        let failed = |error: reqwest::Error| {
            if error.is_timeout() {
                StatusCode::GATEWAY_TIMEOUT
            } else {
                StatusCode::BAD_GATEWAY
            }
        };
        let request = self.http.get(self.url.clone()).bearer_auth(token.expose_secret());
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        let content_type = response.headers().get(CONTENT_TYPE).cloned();
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(failed)? {
            if body.len() + part.len() > LARGEST_ANSWER {
                return Err(StatusCode::BAD_GATEWAY);
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer {
            status,
            content_type,
            body: body.into(),
        })
    }
}

impl Answer {
    fn into_response(self, cache: &'static str) -> Response {
        let mut response = (self.status, Body::from(self.body)).into_response();
        let headers = response.headers_mut();
        headers.insert("x-cache", HeaderValue::from_static(cache));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            CONTENT_TYPE,
            self.content_type
                .unwrap_or(HeaderValue::from_static("application/json")),
        );
        response
    }
}
