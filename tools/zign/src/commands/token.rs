//! `zign token`

use secrecy::{ExposeSecret as _, SecretString};
use stups_auth::tokens::{Flow, LoginOptions, Settings, TokenFiles, TokenRequest};
use stups_terminal::{Failure, Terminal};
use url::Url;

use super::token_service;

/// The name of the token that nobody named.
pub(crate) const DEFAULT_NAME: &str = "default";

/// Create a new token or use an existing one
#[derive(Debug, clap::Args)]
pub(crate) struct TokenArguments {
    /// Scopes that the token must have
    #[arg(value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// Custom token name (will be stored)
    #[arg(short, long, value_name = "TOKEN_NAME")]
    pub(crate) name: Option<String>,
    /// Token Service of the old kind to ask with user and password
    #[arg(long, value_name = "URI", value_parser = stups_terminal::url)]
    pub(crate) url: Option<String>,
    /// Realm at the Token Service
    #[arg(long, value_name = "NAME")]
    pub(crate) realm: Option<String>,
    /// User name at the Token Service
    #[arg(short = 'U', long, value_name = "NAME", env = "ZIGN_USER")]
    pub(crate) user: Option<String>,
    /// Password at the Token Service; others can see it: set ZIGN_PASSWORD or wait for the question
    #[arg(short, long, value_name = "PWD")]
    pub(crate) password: Option<String>,
    /// Do not verify the certificate of a Token Service on this machine
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Get a new access token even if the stored one is valid
    #[arg(short, long)]
    pub(crate) refresh: bool,
    /// Store nothing when there is no name
    #[arg(long)]
    pub(crate) no_store: bool,
    #[command(flatten)]
    pub(crate) flow: FlowArguments,
}

/// How to log in.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct FlowArguments {
    /// Log in on another device: shows an address and a code
    #[arg(long, conflicts_with = "legacy_implicit")]
    device: bool,
    /// Log in by the implicit flow, for servers that have no other
    #[arg(long)]
    legacy_implicit: bool,
    /// Log in to this server, which describes itself, instead of the configured one
    #[arg(long, value_name = "URL", value_parser = stups_terminal::url)]
    pub(crate) issuer: Option<String>,
    /// The service that the token is for
    #[arg(long, value_name = "URI")]
    resource: Option<String>,
    /// Wait so long for the login
    #[arg(long, value_name = "SECONDS", default_value_t = 300, hide = true, value_parser = clap::value_parser!(u64).range(1..=3600))]
    login_timeout: u64,
}

impl FlowArguments {
    pub(crate) fn login(&self) -> LoginOptions {
        let flow = match self {
            Self { device: true, .. } => Flow::Device,
            Self {
                legacy_implicit: true, ..
            } => Flow::LegacyImplicit,
            _ => Flow::Automatic,
        };
        let mut options = LoginOptions {
            flow,
            ..LoginOptions::default()
        };
        if self.login_timeout > 0 {
            options.patience = std::time::Duration::from_secs(self.login_timeout);
        }
        options
    }

    /// The configuration, with what the command line has instead.
    pub(crate) fn settings(&self, terminal: &Terminal) -> Result<Settings, Failure> {
        let mut settings = Settings::load(terminal)?;
        if let Some(issuer) = &self.issuer {
            let issuer =
                Url::parse(issuer).map_err(|error| Failure::usage(format!("\"{issuer}\" is no URL: {error}")))?;
            settings = settings.at(issuer);
        }
        settings.resource = self.resource.clone().or(settings.resource);
        Ok(settings)
    }
}

/// Runs the command: the token and a line end on stdout, nothing else.
pub(crate) async fn run(terminal: &Terminal, arguments: TokenArguments) -> Result<(), Failure> {
    let token = obtain(terminal, arguments).await?;
    terminal.print(&format!("{}\n", token.expose_secret()));
    Ok(())
}

async fn obtain(terminal: &Terminal, arguments: TokenArguments) -> Result<SecretString, Failure> {
    if arguments.url.is_some() {
        return token_service::obtain(terminal, arguments).await;
    }
    let unnamed = Some(DEFAULT_NAME.to_owned()).filter(|_| !arguments.no_store);
    let request = TokenRequest {
        name: arguments.name.or(unnamed),
        scopes: arguments.scopes,
        service_scopes: Vec::new(),
        use_stored: !arguments.refresh,
        json_web_tokens_only: false,
        as_service: true,
        use_refresh_token: true,
        login: Some(arguments.flow.login()),
        settings: Some(arguments.flow.settings(terminal)?),
    };
    Ok(request.obtain(terminal, &TokenFiles::of_user()).await?)
}
