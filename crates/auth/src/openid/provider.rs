use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use stups_api::client::{Client, Error};
use url::Url;

use super::OpenIdError;
use super::id_token::{self, Expected};
use crate::key_set::KeySet;
use crate::tokens::{ClientAuthentication, EndpointError, Metadata, TokenEndpoint, discover};
use crate::{SetupError, crypto};

/// How long one call may take: somebody waits in front of a browser.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long what the provider says about itself is believed.
const REMEMBERED: Duration = Duration::from_mins(5);
/// How often a key that is not known makes us ask again.
const UNKNOWN_KEY_REFRESH: Duration = Duration::from_secs(10);
/// No provider answers with more.
const ANSWER_LIMIT: usize = 1 << 20;

/// Which provider, and who we are there.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// The provider's name, an address. Over TLS unless it is on this machine.
    pub issuer: Url,
    /// What we are called there.
    pub client_id: String,
    /// What proves it; a public client has none.
    pub client_secret: Option<SecretString>,
    /// Where people come back to: registered there.
    pub redirect_uri: String,
    /// What is asked for, `openid` among it.
    pub scopes: Vec<String>,
}

/// What only this login knows.
#[derive(Clone, Debug)]
pub struct LoginSecrets {
    /// Comes back with the browser.
    pub state: SecretString,
    /// Comes back in the ID token.
    pub nonce: SecretString,
    /// Is shown when the code is exchanged: 43 to 128 characters (RFC 7636 4.1).
    pub verifier: SecretString,
}

/// What the browser brought back, once its `state` was found to be ours.
#[derive(Clone, Copy, Debug)]
pub struct Callback<'a> {
    /// The code.
    pub code: &'a str,
    /// Who says so (RFC 9207).
    pub issuer: Option<&'a str>,
}

/// Who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The provider's name for this person, which is never another's.
    pub subject: String,
    /// Everything that the provider says, ID token before user info.
    pub claims: Map<String, Value>,
}

/// An OpenID provider at which people log in.
pub struct Provider {
    settings: ProviderSettings,
    client: Client,
    /// Held while asking: one at a time.
    known: tokio::sync::Mutex<Option<Arc<Known>>>,
}

/// What the provider says about itself.
struct Known {
    metadata: Metadata,
    keys: KeySet,
    asked: Instant,
}

impl Provider {
    /// The provider of these settings; nobody is asked yet.
    pub fn new(settings: ProviderSettings) -> Result<Self, SetupError> {
        crypto::install();
        if !is_protected(&settings.issuer) {
            return Err(SetupError(format!(
                "{} can be changed on its way: only a provider on this machine may go without https",
                settings.issuer
            )));
        }
        let client = Client::new(settings.issuer.clone())?
            .with_timeout(TIMEOUT)
            .with_answer_limit(ANSWER_LIMIT);
        Ok(Self {
            settings,
            client,
            known: tokio::sync::Mutex::default(),
        })
    }

    /// The provider's name.
    pub fn issuer(&self) -> &Url {
        &self.settings.issuer
    }

    /// Where a person logs in. `again`: also when the provider remembers them.
    pub async fn login_address(&self, secrets: &LoginSecrets, again: bool) -> Result<Url, OpenIdError> {
        let known = self.known(REMEMBERED).await?;
        let mut url = endpoint("authorization_endpoint", known.metadata.authorization_endpoint.as_ref())?;
        let challenge = digest(&SHA256, secrets.verifier.expose_secret().as_bytes());
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.settings.redirect_uri)
            .append_pair("scope", &self.settings.scopes.join(" "))
            .append_pair("state", secrets.state.expose_secret())
            .append_pair("nonce", secrets.nonce.expose_secret())
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(challenge))
            .append_pair("code_challenge_method", "S256");
        if again {
            url.query_pairs_mut().append_pair("prompt", "login");
        }
        Ok(url)
    }

    /// Whether an answer of the authorization endpoint is this provider's: always named when it says that it names itself
    /// (RFC 9207 2.4).
    pub async fn check_issuer(&self, issuer: Option<&str>) -> Result<(), OpenIdError> {
        let known = self.known(REMEMBERED).await?;
        let ours = match issuer {
            Some(issuer) => issuer.trim_end_matches('/') == self.name(),
            None => !known.metadata.authorization_response_iss_parameter_supported,
        };
        if ours {
            Ok(())
        } else {
            Err(OpenIdError::Refused(
                "The answer comes from another provider".to_owned(),
            ))
        }
    }

    /// Exchanges the code, and says who has logged in. `now` in seconds since 1970 UTC.
    pub async fn finish(
        &self,
        callback: &Callback<'_>,
        secrets: &LoginSecrets,
        now: i64,
    ) -> Result<Person, OpenIdError> {
        self.check_issuer(callback.issuer).await?;
        let known = self.known(REMEMBERED).await?;
        let answer = self.exchange(&known.metadata, callback.code, secrets).await?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let id_token = text("id_token").ok_or_else(|| unusable("there is no ID token in its answer"))?;
        let mut claims = self.check(known, id_token, secrets, now).await?;
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        let known = self.known(REMEMBERED).await?;
        if let (Some(url), Some(token)) = (&known.metadata.userinfo_endpoint, text("access_token")) {
            let more = self.user_info(url, token).await?;
            if more.get("sub").and_then(Value::as_str) != Some(&subject) {
                return Err(OpenIdError::Refused("The user info is somebody else's".to_owned()));
            }
            for (name, value) in more {
                claims.entry(name).or_insert(value);
            }
        }
        Ok(Person { subject, claims })
    }

    async fn exchange(&self, metadata: &Metadata, code: &str, secrets: &LoginSecrets) -> Result<Value, OpenIdError> {
        let url = endpoint("token_endpoint", metadata.token_endpoint.as_ref())?;
        let settings = &self.settings;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &settings.redirect_uri),
            ("code_verifier", secrets.verifier.expose_secret()),
        ];
        let authentication = match &settings.client_secret {
            Some(secret) if takes_basic(metadata) => {
                ClientAuthentication::Basic(settings.client_id.clone(), secret.clone())
            }
            secret => {
                form.push(("client_id", &settings.client_id));
                form.extend(secret.as_ref().map(|secret| ("client_secret", secret.expose_secret())));
                ClientAuthentication::Public
            }
        };
        let endpoint = TokenEndpoint::new(url, TIMEOUT).map_err(exchange_failed)?;
        endpoint.post(&form, &authentication).await.map_err(exchange_failed)
    }

    /// The claims of the ID token. A key that is not known yet may be a new one.
    async fn check(
        &self,
        mut known: Arc<Known>,
        id_token: &str,
        secrets: &LoginSecrets,
        now: i64,
    ) -> Result<Map<String, Value>, OpenIdError> {
        let refused = |reason: &str| OpenIdError::Refused(format!("The ID token is not good: {reason}"));
        let kid = id_token::key_id(id_token).map_err(refused)?;
        if known.keys.get(&kid).is_none() {
            known = self.known(UNKNOWN_KEY_REFRESH).await?;
        }
        let expected = Expected {
            issuer: self.name(),
            client_id: &self.settings.client_id,
            nonce: secrets.nonce.expose_secret(),
            now,
        };
        id_token::check(id_token, &known.keys, &expected).map_err(refused)
    }

    async fn user_info(&self, url: &Url, token: &str) -> Result<Map<String, Value>, OpenIdError> {
        let request = self.client.follow(Method::GET, url).bearer(&SecretString::from(token));
        request.send().await.map_err(unavailable)
    }

    /// What the provider says about itself, not older than `age`.
    async fn known(&self, age: Duration) -> Result<Arc<Known>, OpenIdError> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.asked.elapsed() < age) {
            return Ok(Arc::clone(known));
        }
        let fresh = Arc::new(self.ask().await?);
        *known = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    async fn ask(&self) -> Result<Known, OpenIdError> {
        let metadata = discover(&self.settings.issuer, TIMEOUT).await.map_err(unavailable)?;
        let metadata = metadata.ok_or_else(|| unusable("it does not say what it offers"))?;
        let keys = endpoint("jwks_uri", metadata.jwks_uri.as_ref())?;
        let keys: Value = self
            .client
            .follow(Method::GET, &keys)
            .send()
            .await
            .map_err(unavailable)?;
        Ok(Known {
            metadata,
            keys: KeySet::read(&keys),
            asked: Instant::now(),
        })
    }

    fn name(&self) -> &str {
        self.settings.issuer.as_str().trim_end_matches('/')
    }
}

/// Whether nobody on the way can change what comes from there.
fn is_protected(url: &Url) -> bool {
    let here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && here)
}

/// An address that the provider names.
fn endpoint(name: &str, url: Option<&Url>) -> Result<Url, OpenIdError> {
    match url {
        Some(url) if is_protected(url) => Ok(url.clone()),
        Some(_) => Err(unusable(&format!("its {name} is without https"))),
        None => Err(unusable(&format!("it has no {name}"))),
    }
}

/// Whether the secret goes into the header: the standard's default, and what servers must take.
fn takes_basic(metadata: &Metadata) -> bool {
    let methods = &metadata.token_endpoint_auth_methods_supported;
    methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic")
}

fn unusable(reason: &str) -> OpenIdError {
    OpenIdError::Unavailable(format!(
        "The provider does not answer as OpenID Connect has it: {reason}"
    ))
}

#[allow(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn unavailable(error: Error) -> OpenIdError {
    OpenIdError::Unavailable(error.to_string())
}

/// A refused code is the person's affair; everything else is the provider's, or that of whoever configured us.
#[allow(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn exchange_failed(error: EndpointError) -> OpenIdError {
    match error.code() {
        Some("invalid_grant") => OpenIdError::Refused(error.to_string()),
        _ => OpenIdError::Unavailable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_provider_on_this_machine_goes_without_tls() {
        for (url, protected) in [
            ("https://login.example.org", true),
            ("http://127.0.0.1:8081", true),
            ("http://[::1]:8081", true),
            ("http://localhost:8081", true),
            ("http://login.example.org", false),
            ("http://localhost.example.org", false),
            ("ftp://127.0.0.1", false),
        ] {
            assert_eq!(is_protected(&url.parse().unwrap()), protected, "{url}");
        }
    }
}
