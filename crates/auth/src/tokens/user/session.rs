//! A server that a person logs in to.

use std::time::Duration;

use stups_api::client::Client;
use stups_terminal::Terminal;
use tokio::sync::OnceCell;
use url::Url;

use super::TokenError;
use super::files::LoginKey;
use super::settings::{Settings, parse};
use crate::tokens::endpoint::{ClientAuthentication, EndpointError, TokenEndpoint};
use crate::tokens::metadata::{self, Metadata, discover};

/// How long the server may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How long a server that somebody typed may take to show that it is there.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// What the originals and our programs are to our identity service.
const CLIENT_ID: &str = "ztoken";

/// The server, and what this program is to it. Nothing is asked before it is needed.
#[derive(Debug)]
pub struct Session {
    pub(crate) settings: Settings,
    pub(crate) client_id: String,
    metadata: OnceCell<Option<Metadata>>,
}

impl Session {
    /// The configured server. What is missing is asked for, and remembered when it was (contract zign 2.6.1).
    pub async fn open(terminal: &Terminal, settings: Settings) -> Result<Self, TokenError> {
        let mut settings = settings;
        let mut asked = false;
        if settings.issuer.is_none() && settings.authorize_url.is_none() {
            terminal.info("No server to log in to is configured (`stups configure` would do that).");
            settings.authorize_url = Some(ask_url(terminal, "Authorization").await?);
            asked = true;
        }
        let metadata = OnceCell::new();
        if settings.issuer.is_none() && settings.token_url.is_none() {
            let found = implied(&settings).await;
            settings.token_url = match found.as_ref().and_then(|metadata| metadata.token_endpoint.clone()) {
                Some(url) => Some(url),
                None => Some(ask_url(terminal, "Token").await?),
            };
            metadata.set(found).ok();
            asked = true;
        }
        if settings.client_id.is_none() && settings.issuer.is_some() {
            settings.client_id = Some(CLIENT_ID.to_owned());
        } else if settings.client_id.is_none() {
            settings.client_id = Some(terminal.prompt("Please enter the OAuth 2 Client ID", None)?);
            asked = true;
        }
        if asked {
            settings.remember(terminal);
        }
        Ok(Self {
            client_id: settings.client_id.clone().unwrap_or_default(),
            settings,
            metadata,
        })
    }

    /// What the server says of itself. A server whose issuer is configured must describe itself; one that is only known by its
    /// endpoints may be of the old kind.
    pub(crate) async fn metadata(&self) -> Result<Option<&Metadata>, TokenError> {
        let found = self
            .metadata
            .get_or_try_init(|| async {
                let Some(issuer) = &self.settings.issuer else {
                    return Ok(implied(&self.settings).await);
                };
                match discover(issuer, TIMEOUT).await {
                    Ok(Some(metadata)) => Ok(Some(metadata)),
                    Ok(None) => Err(TokenError::Configuration(format!(
                        "{issuer} does not describe itself (/.well-known/oauth-authorization-server)"
                    ))),
                    Err(error) => Err(TokenError::Server(error.to_string())),
                }
            })
            .await?;
        Ok(found.as_ref())
    }

    /// Where people log in.
    pub(crate) async fn authorization_endpoint(&self) -> Result<Url, TokenError> {
        let described = match &self.settings.issuer {
            Some(_) => self
                .metadata()
                .await?
                .and_then(|metadata| metadata.authorization_endpoint.clone()),
            None => None,
        };
        described
            .or_else(|| self.settings.authorize_url.clone())
            .ok_or_else(|| missing("authorization endpoint"))
    }

    /// Where grants become tokens. A configured address is taken as it is, which saves a question to the server.
    pub(crate) async fn token_url(&self) -> Result<Url, TokenError> {
        if let Some(url) = &self.settings.token_url {
            return Ok(url.clone());
        }
        let metadata = self.metadata().await?;
        metadata
            .and_then(|metadata| metadata.token_endpoint.clone())
            .ok_or_else(|| missing("token endpoint"))
    }

    /// Where the token of `endpoint`'s kind is asked for.
    pub(crate) fn endpoint(url: Url) -> Result<TokenEndpoint, EndpointError> {
        TokenEndpoint::new(url, TIMEOUT)
    }

    /// Which login refresh tokens belong to.
    pub(crate) async fn key(&self) -> Result<LoginKey, TokenError> {
        Ok(LoginKey {
            server: self.token_url().await?.to_string(),
            client_id: self.client_id.clone(),
        })
    }

    /// The fields of every form: who asks, and for whom. A program on somebody's machine can prove nothing.
    pub(crate) fn common_fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("client_id", self.client_id.clone())];
        fields.extend(
            self.settings
                .business_partner_id
                .clone()
                .map(|id| ("business_partner_id", id)),
        );
        fields
    }

    /// The fields of a login: who asks, for which scopes, for which services.
    pub(crate) fn login_fields(&self, scopes: &[String]) -> Vec<(&'static str, String)> {
        let mut fields = self.common_fields();
        if !scopes.is_empty() {
            fields.push(("scope", scopes.join(" ")));
        }
        fields.extend(self.settings.resource.clone().map(|resource| ("resource", resource)));
        fields
    }

    /// Makes this the configured server, with its endpoints for the originals.
    pub async fn configure(&self, terminal: &Terminal) -> Result<(), TokenError> {
        let settings = Settings {
            authorize_url: Some(self.authorization_endpoint().await?),
            token_url: Some(self.token_url().await?),
            client_id: Some(self.client_id.clone()),
            ..self.settings.clone()
        };
        if let Err(error) = settings.store() {
            terminal.warning(&format!("Could not store the configuration: {error}"));
        }
        Ok(())
    }

    /// Gives a token back (RFC 7009). A server that has no such endpoint forgets it when it ends.
    pub async fn revoke(&self, token: &str, kind: &str) -> Result<bool, TokenError> {
        let Some(url) = self
            .metadata()
            .await?
            .and_then(|metadata| metadata.revocation_endpoint.clone())
        else {
            return Ok(false);
        };
        let mut fields = vec![("token", token), ("token_type_hint", kind)];
        let common = self.common_fields();
        fields.extend(common.iter().map(|(key, value)| (*key, value.as_str())));
        Self::endpoint(url)?
            .notify(&fields, &ClientAuthentication::Public)
            .await?;
        Ok(true)
    }
}

fn missing(what: &str) -> TokenError {
    TokenError::Configuration(format!("the server names no {what}"))
}

/// The description of the server that the authorize address is on. It may be of the old kind, or away: both are none.
async fn implied(settings: &Settings) -> Option<Metadata> {
    let url = settings.authorize_url.as_ref()?;
    discover(&metadata::origin(url), PROBE_TIMEOUT).await.ok().flatten()
}

/// Asks for an address until one is given where somebody answers.
async fn ask_url(terminal: &Terminal, kind: &str) -> Result<Url, TokenError> {
    loop {
        let answer = terminal.prompt(&format!("Please enter the OAuth 2 {kind} Endpoint URL"), None)?;
        let url = match stups_terminal::url(&answer).and_then(|text| parse(&text)) {
            Ok(url) => url,
            Err(error) => {
                terminal.error(&format!("Error: {error}"));
                continue;
            }
        };
        let reached = async {
            let client = Client::new(url.clone())?.with_timeout(PROBE_TIMEOUT);
            client.follow(http::Method::GET, &url).any_answer().await
        };
        match reached.await {
            Ok(_) => return Ok(url),
            Err(_) => terminal.error(&format!("Could not reach {url}")),
        }
    }
}
