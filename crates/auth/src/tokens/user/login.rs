//! How a person logs in.

use std::time::Duration;

use stups_terminal::{OutputFormat, Terminal};

use super::session::Session;
use super::{TokenError, browser, code, device, implicit};
use crate::tokens::endpoint::TokenResponse;

/// Nobody logs in any more after so long (contract zign 4).
const PATIENCE: Duration = Duration::from_mins(5);

/// A way to log in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// In the browser of this machine by code and PKCE; by device code where there is none; by the implicit flow only if the
    /// configuration says so.
    #[default]
    Automatic,
    /// Authorization code with PKCE, back to this machine (RFC 8252, RFC 7636).
    Code,
    /// On another device (RFC 8628).
    Device,
    /// The implicit flow, for servers that have no other.
    LegacyImplicit,
}

/// How to log in.
#[derive(Clone, Copy, Debug)]
pub struct LoginOptions {
    /// The way.
    pub flow: Flow,
    /// How long to wait for the person.
    pub patience: Duration,
}

impl Default for LoginOptions {
    fn default() -> Self {
        Self {
            flow: Flow::Automatic,
            patience: PATIENCE,
        }
    }
}

/// A person logging in. Everything that is shown is on stderr: stdout is for the token alone.
pub struct Login<'a> {
    pub(crate) terminal: Terminal,
    pub(crate) session: &'a Session,
    pub(crate) scopes: &'a [String],
    options: LoginOptions,
}

impl<'a> Login<'a> {
    /// A login for these scopes; none are those that the server gives by default.
    pub fn new(terminal: &Terminal, session: &'a Session, scopes: &'a [String], options: LoginOptions) -> Self {
        Self {
            terminal: terminal.with_format(OutputFormat::Json),
            session,
            scopes,
            options,
        }
    }

    /// Has the person log in.
    pub async fn run(&self) -> Result<TokenResponse, TokenError> {
        match tokio::time::timeout(self.options.patience, self.by_flow()).await {
            Ok(result) => result,
            Err(_) => Err(TokenError::Authentication(format!(
                "Nobody logged in within {} seconds",
                self.options.patience.as_secs()
            ))),
        }
    }

    async fn by_flow(&self) -> Result<TokenResponse, TokenError> {
        match self.options.flow {
            Flow::Code => code::login(self, false).await,
            Flow::Device => device::login(self).await,
            Flow::LegacyImplicit => implicit::login(self).await,
            Flow::Automatic if self.session.settings.legacy_implicit => implicit::login(self).await,
            Flow::Automatic => self.automatically().await,
        }
    }

    async fn automatically(&self) -> Result<TokenResponse, TokenError> {
        let Some(metadata) = self.session.metadata().await? else {
            return Err(TokenError::Authentication(
                "The server does not describe itself, so it is an old one: use --legacy-implicit, or set \
                 legacy_implicit: true in section zalando-token-cli"
                    .to_owned(),
            ));
        };
        let has_device_flow = metadata.device_authorization_endpoint.is_some();
        if has_device_flow && !browser::is_likely() {
            return device::login(self).await;
        }
        code::login(self, has_device_flow).await
    }
}
