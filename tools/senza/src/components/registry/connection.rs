//! Requests to a registry, with the token that it wants (OCI Distribution Specification 1.1; Docker's token authentication).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, WWW_AUTHENTICATE};
use reqwest::{Client, Method, Response, StatusCode, Url};

use super::login;
use crate::components::docker_image::DockerImage;

/// No answer with a token is longer, in bytes.
const LONGEST_TOKEN_ANSWER: usize = 1 << 16;

/// Requests about one image at one registry.
pub(super) struct Connection<'a> {
    client: &'a Client,
    /// scheme and host
    base: &'a str,
    image: &'a DockerImage,
    /// identifies the person
    token: Option<&'a str>,
    /// the value of `Authorization`
    authorization: Option<String>,
    has_asked_for_token: bool,
}

impl<'a> Connection<'a> {
    /// A connection to the registry at `base`. The person's `token` goes to the registry itself only.
    pub(super) fn new(client: &'a Client, base: &'a str, image: &'a DockerImage, token: Option<&'a str>) -> Self {
        Self {
            client,
            base,
            image,
            token,
            authorization: token.map(|token| format!("Bearer {token}")),
            has_asked_for_token: false,
        }
    }

    /// Sends a request below the image's repository. Where the registry asks for a token, one is got first, once.
    pub(super) async fn send(&mut self, method: Method, path: &str, accept: &str) -> Result<Response, reqwest::Error> {
        let url = format!("{}/v2/{}/{path}", self.base, self.image.repository);
        loop {
            let mut request = self.client.request(method.clone(), &url).header(ACCEPT, accept);
            if let Some(authorization) = &self.authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
            let response = request.send().await?;
            if response.status() == StatusCode::UNAUTHORIZED && !self.has_asked_for_token {
                self.has_asked_for_token = true;
                let answer = self.answer_to(&response).await?;
                if answer.is_some() {
                    self.authorization = answer;
                    continue;
                }
            }
            return Ok(response);
        }
    }

    /// What the registry wants to see: a token, or the credentials of `docker login`.
    async fn answer_to(&self, response: &Response) -> Result<Option<String>, reqwest::Error> {
        let login = || self.image.registry.as_deref().and_then(login::stored);
        if let Some(challenge) = challenge(response, self.base) {
            let credentials = match self.token {
                // The person's own token is for the registry itself.
                Some(token) => challenge.is_own.then(|| STANDARD.encode(format!("oauth2:{token}"))),
                None => login().filter(|_| challenge.realm.scheme() == "https"),
            };
            let issued = issue_token(self.client, challenge, self.image, credentials.as_deref()).await?;
            return Ok(issued.map(|token| format!("Bearer {token}")));
        }
        let wants_basic = response
            .headers()
            .get(WWW_AUTHENTICATE)
            .and_then(|header| header.to_str().ok())
            .is_some_and(|header| header.to_ascii_lowercase().starts_with("basic"));
        let is_encrypted = self.base.starts_with("https:");
        Ok(login()
            .filter(|_| wants_basic && is_encrypted)
            .map(|credentials| format!("Basic {credentials}")))
    }
}

/// Where a registry wants tokens to be got from.
#[derive(Debug)]
struct Challenge {
    realm: Url,
    service: Option<String>,
    /// the registry itself issues tokens
    is_own: bool,
}

/// The `Bearer` challenge of an answer. A realm without TLS counts only when the registry has none either.
fn challenge(response: &Response, base: &str) -> Option<Challenge> {
    let base = Url::parse(base).ok()?;
    let header = response.headers().get(WWW_AUTHENTICATE)?.to_str().ok()?;
    let parameters = header
        .strip_prefix("Bearer ")
        .or_else(|| header.strip_prefix("bearer "))?;
    let parameter = |name: &str| {
        let start = parameters.find(&format!("{name}=\""))? + name.len() + 2;
        let value = parameters.get(start..)?;
        Some(value.split_once('"')?.0.to_owned())
    };
    let realm = Url::parse(&parameter("realm")?).ok()?;
    let is_safe = realm.scheme() == "https" || realm.scheme() == base.scheme();
    is_safe.then(|| Challenge {
        is_own: realm.host() == base.host() && realm.port_or_known_default() == base.port_or_known_default(),
        service: parameter("service"),
        realm,
    })
}

/// Gets a token that may pull the image. `credentials` (base64) identify the user.
async fn issue_token(
    client: &Client,
    challenge: Challenge,
    image: &DockerImage,
    credentials: Option<&str>,
) -> Result<Option<String>, reqwest::Error> {
    let mut url = challenge.realm;
    url.query_pairs_mut()
        .append_pair("scope", &format!("repository:{}:pull", image.repository));
    if let Some(service) = &challenge.service {
        url.query_pairs_mut().append_pair("service", service);
    }
    let mut request = client.get(url);
    if let Some(credentials) = credentials {
        request = request.header(AUTHORIZATION, format!("Basic {credentials}"));
    }
    let mut response = request.send().await?;
    if !response.status().is_success() {
        return Ok(None);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_TOKEN_ANSWER {
            return Ok(None);
        }
    }
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let issued = answer.get("token").or_else(|| answer.get("access_token"));
    Ok(issued.and_then(serde_json::Value::as_str).map(str::to_owned))
}
