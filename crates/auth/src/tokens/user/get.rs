//! Getting a token for a person or for the service that a tool runs as (contract zign 2.4).

use std::future::Future;
use std::pin::Pin;

use secrecy::SecretString;
use stups_api::client::TokenSource;
use stups_terminal::{OutputFormat, Terminal};
use tokio::sync::OnceCell;

use super::TokenError;
use super::entry::{StoredToken, covers, now};
use super::files::TokenFiles;
use super::login::{Login, LoginOptions};
use super::refresh::{keep, refresh};
use super::session::Session;
use super::settings::Settings;
use crate::tokens::endpoint::TokenResponse;
use crate::tokens::{ServiceTokenSettings, ServiceTokens};

/// Which token is wanted, and how it may be had: each switch is one way to a token, open or closed.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)]
pub struct TokenRequest {
    /// The name that it is stored under; nothing stores nothing.
    pub name: Option<String>,
    /// The scopes that it must have; none are those that the server gives by default.
    pub scopes: Vec<String>,
    /// The scopes that a service's token must have beside: people have them by being in a team.
    pub service_scopes: Vec<String>,
    /// Take the stored token if it is still valid.
    pub use_stored: bool,
    /// Take a stored token only if it is a JSON Web Token, as `ztoken` does.
    pub json_web_tokens_only: bool,
    /// Ask for a service token where the program runs as a service.
    pub as_service: bool,
    /// Use and keep refresh tokens.
    pub use_refresh_token: bool,
    /// Have the person log in if there is no other way.
    pub login: Option<LoginOptions>,
    /// Whom to log in to, if not whom the configuration names.
    pub settings: Option<Settings>,
}

impl TokenRequest {
    /// The token with this name and these scopes, by any means.
    pub fn new(name: &str, scopes: &[&str]) -> Self {
        Self {
            name: Some(name.to_owned()),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            service_scopes: Vec::new(),
            use_stored: true,
            json_web_tokens_only: false,
            as_service: true,
            use_refresh_token: true,
            login: Some(LoginOptions::default()),
            settings: None,
        }
    }

    /// The same with more scopes where the program runs as a service.
    #[must_use]
    pub fn with_service_scopes(self, scopes: &[&str]) -> Self {
        Self {
            service_scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            ..self
        }
    }

    /// Gets the token: the stored one, a service token, one for a refresh token, or one of a login. Service tokens are not
    /// stored.
    pub async fn obtain(&self, terminal: &Terminal, files: &TokenFiles) -> Result<SecretString, TokenError> {
        let terminal = &terminal.with_format(OutputFormat::Json);
        if let Some(token) = self.without_login(files, self.as_service).await? {
            return Ok(token);
        }
        let session = self.session(terminal).await?;
        if let Some(token) = self.refreshed(terminal, files, &session).await? {
            return Ok(token);
        }
        self.login_at(terminal, files, &session).await
    }

    /// Has the person log in, whatever is stored.
    pub async fn log_in(&self, terminal: &Terminal, files: &TokenFiles) -> Result<SecretString, TokenError> {
        let terminal = &terminal.with_format(OutputFormat::Json);
        let session = self.session(terminal).await?;
        self.login_at(terminal, files, &session).await
    }

    /// The stored token, or a service token if `as_service`; nobody is asked to log in.
    pub async fn without_login(
        &self,
        files: &TokenFiles,
        as_service: bool,
    ) -> Result<Option<SecretString>, TokenError> {
        match self.stored(files)? {
            None if as_service => self.service_token().await,
            stored => Ok(stored),
        }
    }

    async fn session(&self, terminal: &Terminal) -> Result<Session, TokenError> {
        let settings = match &self.settings {
            Some(settings) => settings.clone(),
            None => Settings::load(terminal)?,
        };
        Session::open(terminal, settings).await
    }

    async fn login_at(
        &self,
        terminal: &Terminal,
        files: &TokenFiles,
        session: &Session,
    ) -> Result<SecretString, TokenError> {
        let Some(options) = self.login else {
            return Err(TokenError::Authentication("Nobody is logged in: zign login".to_owned()));
        };
        // The lock is not held while a person types: it would keep every other program waiting.
        let response = Login::new(terminal, session, &self.scopes, options).run().await?;
        if let Some(granted) = &response.scope
            && !covers(granted, &self.scopes)
        {
            terminal.warning(&format!(
                "The server granted other scopes than were asked for: {granted}"
            ));
        }
        let store = files.lock().await?;
        if self.use_refresh_token
            && let Some(token) = &response.refresh_token
        {
            keep(session, &store, &self.scopes, token).await?;
        }
        if let Some(token) = self.to_store(&response) {
            store.store(&token)?;
        }
        Ok(response.access_token)
    }

    fn stored(&self, files: &TokenFiles) -> Result<Option<SecretString>, TokenError> {
        let Some(name) = self.name.as_ref().filter(|_| self.use_stored) else {
            return Ok(None);
        };
        let token = files.token(name)?.filter(|token| {
            token.is_valid(now())
                && token.covers(&self.scopes)
                && (!self.json_web_tokens_only || token.is_json_web_token())
        });
        Ok(token.map(|token| token.access_token))
    }

    /// A service token, if this program runs as a service. What the provider answers is an error; that there is none to ask
    /// is not.
    async fn service_token(&self) -> Result<Option<SecretString>, TokenError> {
        let settings = ServiceTokenSettings::from_environment().map_err(TokenError::Configuration)?;
        let scopes = self.scopes.iter().chain(&self.service_scopes);
        let scopes: Vec<&str> = scopes.map(String::as_str).collect();
        let token = ServiceTokens::new(settings).manage(self.name.as_deref().unwrap_or_default(), &scopes);
        match token.get().await {
            Ok(token) => Ok(Some(token)),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A token for a refresh token. Under the lock another program may turn out to have got the token already.
    async fn refreshed(
        &self,
        terminal: &Terminal,
        files: &TokenFiles,
        session: &Session,
    ) -> Result<Option<SecretString>, TokenError> {
        if !self.use_refresh_token {
            return Ok(None);
        }
        let store = files.lock().await?;
        if let Some(token) = self.stored(files)? {
            return Ok(Some(token));
        }
        let Some(response) = refresh(terminal, session, &store, &self.scopes).await? else {
            return Ok(None);
        };
        if let Some(token) = self.to_store(&response) {
            store.store(&token)?;
        }
        Ok(Some(response.access_token))
    }

    fn to_store(&self, response: &TokenResponse) -> Option<StoredToken> {
        let wanted = self.scopes.join(" ");
        Some(StoredToken {
            name: self.name.clone()?,
            access_token: response.access_token.clone(),
            scope: response.scope.clone().filter(|_| !wanted.is_empty()).unwrap_or(wanted),
            creation_time: now(),
            expires_in: response.expires_in as f64,
            token_type: response.token_type.clone().unwrap_or_else(|| "Bearer".to_owned()),
        })
    }
}

/// The token named `name` with these scopes, for a command line tool: the stored one while it is valid, else a service token
/// where the tool runs as a service, else one of a person's login (contract zign 2.4). What is shown is on stderr.
pub async fn get_token(terminal: &Terminal, name: &str, scopes: &[&str]) -> Result<SecretString, TokenError> {
    TokenRequest::new(name, scopes)
        .obtain(terminal, &TokenFiles::of_user())
        .await
}

/// [`get_token`] for a typed client: asked once, at the first call that needs it.
pub struct UserTokenSource {
    terminal: Terminal,
    request: TokenRequest,
    token: OnceCell<SecretString>,
}

impl UserTokenSource {
    /// The token with this name and these scopes.
    pub fn new(terminal: &Terminal, name: &str, scopes: &[&str]) -> Self {
        Self {
            terminal: terminal.clone(),
            request: TokenRequest::new(name, scopes),
            token: OnceCell::new(),
        }
    }
}

impl TokenSource for UserTokenSource {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send + '_>> {
        Box::pin(async move {
            let files = TokenFiles::of_user();
            let obtained = self
                .token
                .get_or_try_init(|| self.request.obtain(&self.terminal, &files));
            obtained.await.cloned().map_err(|error| error.to_string())
        })
    }
}
