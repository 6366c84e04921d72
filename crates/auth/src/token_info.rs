//! Tokens that a foreign token info endpoint vouches for (contract kio 2.2, identity 2.11, 2.20).

use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use secrecy::SecretString;
use serde_json::{Map, Value};
use stups_api::client::{Answer, Client};
use url::Url;

use crate::cache::TokenCache;
use crate::claims::{caller, text};
use crate::{Caller, SetupError, Verification, Verify, VerifyError};

/// How many bytes an answer may have.
const ANSWER_LIMIT: usize = 64 << 10;

/// Where the token goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenPlace {
    /// `Authorization: Bearer`: not in the endpoint's logs.
    #[default]
    Header,
    /// `?access_token=`: what the oldest endpoints take.
    Query,
}

/// Which token info endpoint to ask, and how.
#[derive(Clone, Debug)]
pub struct TokenInfoSettings {
    /// The endpoint.
    pub url: Url,
    /// Where the token goes.
    pub place: TokenPlace,
    /// How long an answer may take (3 seconds by default).
    pub timeout: Duration,
    /// How long an answer is believed, never beyond the token's expiry (60 seconds by default).
    pub believed_for: Duration,
}

impl TokenInfoSettings {
    /// The endpoint at `url`, asked with a bearer header.
    pub fn new(url: Url) -> Self {
        Self {
            url,
            place: TokenPlace::Header,
            timeout: Duration::from_secs(3),
            believed_for: Duration::from_mins(1),
        }
    }
}

pub(crate) struct TokenInfoVerifier {
    client: Client,
    settings: TokenInfoSettings,
    known: TokenCache<Caller>,
}

impl TokenInfoVerifier {
    pub(crate) fn new(settings: TokenInfoSettings) -> Result<Self, SetupError> {
        let client = Client::new(settings.url.clone())?
            .with_timeout(settings.timeout)
            .with_answer_limit(ANSWER_LIMIT);
        Ok(Self {
            client,
            settings,
            known: TokenCache::new(),
        })
    }

    async fn ask(&self, token: &str) -> Result<(Caller, Duration), VerifyError> {
        let request = self.client.get(&[]);
        let request = match self.settings.place {
            TokenPlace::Header => request.bearer(&SecretString::from(token)),
            TokenPlace::Query => request.query(&[("access_token", token)]),
        };
        let answer = request
            .any_answer()
            .await
            .map_err(|error| VerifyError::Unavailable(error.to_string()))?;
        let info = information(&answer)?;
        let expires_in = info.get("expires_in").and_then(Value::as_i64);
        if expires_in.is_some_and(|seconds| seconds <= 0) || info.get("active") == Some(&Value::Bool(false)) {
            return Err(VerifyError::Invalid);
        }
        let lasts = expires_in.map_or(self.settings.believed_for, |seconds| {
            self.settings
                .believed_for
                .min(Duration::from_secs(seconds.unsigned_abs()))
        });
        let expires_at = Timestamp::now()
            .as_second()
            .saturating_add(expires_in.unwrap_or(self.settings.believed_for.as_secs().cast_signed()));
        // RFC 7662 calls the user `sub` or `username`.
        let uid = ["uid", "sub", "username"]
            .iter()
            .find_map(|name| text(&info, name))
            .ok_or(VerifyError::Nobody)?;
        Ok((caller(&info, uid, expires_at, token)?, lasts))
    }
}

impl Verify for TokenInfoVerifier {
    fn verify<'a>(&'a self, token: &'a str) -> Verification<'a> {
        Box::pin(self.known.get(token, self.ask(token)))
    }
}

/// The information in the answer. 400, 401 and 403 mean that the token is not valid; everything that is not a JSON object
/// with the right content type means that the endpoint is out of order.
fn information(answer: &Answer) -> Result<Map<String, Value>, VerifyError> {
    match answer.status {
        StatusCode::OK => {}
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(VerifyError::Invalid),
        status => return Err(VerifyError::Unavailable(format!("token info answered {status}"))),
    }
    let kind = answer.header(&CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind != "application/json" && !kind.ends_with("+json") {
        return Err(VerifyError::Unavailable(
            "token info answered something that is not JSON".to_owned(),
        ));
    }
    answer
        .json()
        .map_err(|_| VerifyError::Unavailable("token info answered JSON that cannot be read".to_owned()))
}
