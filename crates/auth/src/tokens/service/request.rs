//! Asking the provider for a service token.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

use super::credentials::{ClientCredentials, Credentials, User};
use super::{Grant, ServiceTokenError, ServiceTokenSettings};
use crate::tokens::endpoint::{ClientAuthentication, EndpointError, TokenEndpoint, TokenResponse};
use crate::tokens::metadata::{self, discover};
use crate::tokens::random;

/// How long what a server said of itself is believed.
const METADATA_LIFETIME: Duration = Duration::from_hours(1);

/// How long a client assertion is valid.
const ASSERTION_LIFETIME: Duration = Duration::from_mins(1);

/// Asks one token endpoint.
#[derive(Debug)]
pub(crate) struct Requester {
    settings: ServiceTokenSettings,
    /// whether the server lists `client_credentials`, and when it was asked
    listed: Mutex<Option<(Instant, bool)>>,
    endpoint: Mutex<Option<TokenEndpoint>>,
}

impl Requester {
    pub(crate) fn new(settings: ServiceTokenSettings) -> Self {
        Self {
            settings,
            listed: Mutex::default(),
            endpoint: Mutex::default(),
        }
    }

    /// A new token. The credentials are read from their files each time, and once more when the provider refuses them: they
    /// may have been rotated between reading and asking.
    pub(crate) async fn request(&self, scopes: &[String]) -> Result<TokenResponse, ServiceTokenError> {
        let Some(url) = &self.settings.access_token_url else {
            return Err(ServiceTokenError::Configuration(
                "Missing OAuth access token URL. Either set OAUTH2_ACCESS_TOKEN_URL or use tokens.configure(url=..)."
                    .to_owned(),
            ));
        };
        let credentials = Credentials::read(&self.settings.credentials_directory)?;
        let result = self.request_with(url, &credentials, scopes).await;
        match result {
            Err(ServiceTokenError::Endpoint(error)) if is_refusal_of_credentials(&error) => {
                let again = Credentials::read(&self.settings.credentials_directory)?;
                if again.fingerprint == credentials.fingerprint {
                    return Err(error.into());
                }
                self.request_with(url, &again, scopes).await
            }
            result => result,
        }
    }

    async fn request_with(
        &self,
        url: &Url,
        credentials: &Credentials,
        scopes: &[String],
    ) -> Result<TokenResponse, ServiceTokenError> {
        let endpoint = self.endpoint(url)?;
        let scope = scopes.join(" ");
        let with_client = match (self.settings.grant, &credentials.user) {
            (Grant::ClientCredentials, _) => true,
            (Grant::Password, _) => false,
            // A public client proves nothing, so it cannot ask for itself.
            (Grant::Automatic, Ok(_)) => credentials.client.proves_itself() && self.lists_client_credentials(url).await,
            (Grant::Automatic, Err(_)) => credentials.client.proves_itself(),
        };
        if with_client {
            let result = client_credentials(&endpoint, url, &credentials.client, &scope).await;
            let refused = result.as_ref().err().is_some_and(is_refusal_of_grant);
            match (&credentials.user, self.settings.grant) {
                // The server has the grant, but not for this client.
                (Ok(user), Grant::Automatic) if refused => {
                    Ok(password(&endpoint, url, user, &credentials.client, &scope).await?)
                }
                _ => Ok(result?),
            }
        } else {
            let user = credentials.user.as_ref().map_err(Clone::clone)?;
            Ok(password(&endpoint, url, user, &credentials.client, &scope).await?)
        }
    }

    fn endpoint(&self, url: &Url) -> Result<TokenEndpoint, EndpointError> {
        let mut endpoint = self.endpoint.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(endpoint) = &*endpoint {
            return Ok(endpoint.clone());
        }
        Ok(endpoint
            .insert(TokenEndpoint::new(url.clone(), self.settings.timeout)?)
            .clone())
    }

    /// Whether the server lists the grant in its metadata. A server without metadata is of the old kind and does not.
    async fn lists_client_credentials(&self, url: &Url) -> bool {
        let known = *self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((asked, listed)) = known
            && asked.elapsed() < METADATA_LIFETIME
        {
            return listed;
        }
        let listed = match discover(&metadata::origin(url), self.settings.timeout).await {
            Ok(metadata) => metadata.is_some_and(|metadata| metadata.supports_grant("client_credentials")),
            // Not an answer to remember: it is asked again at the next renewal.
            Err(_) => return false,
        };
        *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), listed));
        listed
    }
}

/// Whether other credentials might be accepted.
fn is_refusal_of_credentials(error: &EndpointError) -> bool {
    error.status() == Some(401) || matches!(error.code(), Some("invalid_client" | "invalid_grant"))
}

fn is_refusal_of_grant(error: &EndpointError) -> bool {
    matches!(error.code(), Some("unauthorized_client" | "unsupported_grant_type"))
}

async fn password(
    endpoint: &TokenEndpoint,
    url: &Url,
    user: &User,
    client: &ClientCredentials,
    scope: &str,
) -> Result<TokenResponse, EndpointError> {
    let mut form = vec![
        ("grant_type", "password"),
        ("username", &user.name),
        ("password", user.password.expose_secret()),
        ("scope", scope),
    ];
    let (authentication, assertion) = client.authentication(url)?;
    form.extend(assertion.iter().map(|(key, value)| (*key, value.as_str())));
    endpoint.token(&form, &authentication).await
}

async fn client_credentials(
    endpoint: &TokenEndpoint,
    url: &Url,
    client: &ClientCredentials,
    scope: &str,
) -> Result<TokenResponse, EndpointError> {
    let mut form = vec![("grant_type", "client_credentials")];
    if !scope.is_empty() {
        form.push(("scope", scope));
    }
    let (authentication, assertion) = client.authentication(url)?;
    form.extend(assertion.iter().map(|(key, value)| (*key, value.as_str())));
    endpoint.token(&form, &authentication).await
}

/// Names and values of a form.
type FormFields = Vec<(&'static str, String)>;

impl ClientCredentials {
    fn proves_itself(&self) -> bool {
        self.secret.is_some() || self.private_key.is_some()
    }

    /// How the client shows who it is: by its key if it has one, else by its secret; the fields are additional ones of the form.
    fn authentication(&self, endpoint: &Url) -> Result<(ClientAuthentication, FormFields), EndpointError> {
        let Some(key) = &self.private_key else {
            let secret = self.secret.clone().unwrap_or_default();
            return Ok((ClientAuthentication::Basic(self.id.clone(), secret), Vec::new()));
        };
        let assertion = self
            .assertion(key, endpoint)
            .map_err(|error| EndpointError::Answer(format!("private_key of client.json cannot sign: {error}")))?;
        let fields = vec![
            ("client_id", self.id.clone()),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned(),
            ),
            ("client_assertion", assertion),
        ];
        Ok((ClientAuthentication::Public, fields))
    }

    /// A token in which the client says that it is the client (RFC 7523 3), for this endpoint and for a minute.
    fn assertion(&self, key: &SecretString, endpoint: &Url) -> Result<String, jsonwebtoken::errors::Error> {
        crate::crypto::install();
        let pem = key.expose_secret().as_bytes();
        let (algorithm, key) = EncodingKey::from_ec_pem(pem)
            .map(|key| (Algorithm::ES256, key))
            .or_else(|_| EncodingKey::from_ed_pem(pem).map(|key| (Algorithm::EdDSA, key)))
            .or_else(|_| EncodingKey::from_rsa_pem(pem).map(|key| (Algorithm::RS256, key)))?;
        let mut audience = endpoint.clone();
        audience.set_query(None);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let claims = json!({
            "iss": self.id,
            "sub": self.id,
            "aud": audience,
            "jti": random::secret(),
            "iat": now,
            "exp": now + ASSERTION_LIFETIME.as_secs(),
        });
        let header = Header {
            kid: self.key_id.clone(),
            ..Header::new(algorithm)
        };
        jsonwebtoken::encode(&header, &claims, &key)
    }
}
