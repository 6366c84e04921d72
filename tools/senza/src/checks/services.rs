//! The services that the checks ask: where they are, and with which tokens.

use std::pin::Pin;
use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use stups_api::client::{Client, TokenSource};
use stups_api::kio::KioClient;
use stups_auth::HttpPolicy;
use stups_auth::tokens::{LoginOptions, TokenFiles, TokenRequest};
use stups_terminal::{ConfigFile, Terminal};

use crate::components::registry;

/// How long a service may take to answer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// The services. What is not configured is not there.
pub(super) struct Services {
    pub(super) kio: Option<KioClient>,
    pub(super) identity: Option<HttpPolicy>,
    /// the person's token for Kio and identity
    pub(super) token: Box<dyn TokenSource>,
    pub(super) pierone: Option<Url>,
    pub(super) pierone_token: Option<SecretString>,
}

impl Services {
    /// Those that the person's configuration and environment name.
    pub(super) fn of_user(terminal: &Terminal) -> Self {
        let url = |section: &str| configured(section, terminal);
        let client = |url: Url| Some(Client::new(url).ok()?.with_timeout(TIMEOUT));
        Self {
            kio: url("kio").and_then(client).map(KioClient::new),
            identity: url("identity").and_then(|url| HttpPolicy::new(url).ok()),
            token: Box::new(PersonalToken(terminal.clone())),
            pierone: url("pierone"),
            pierone_token: registry::stored_token(terminal).map(SecretString::from),
        }
    }

    /// The token for Pier One, as the registry code takes it.
    pub(super) fn pierone_token(&self) -> Option<&str> {
        self.pierone_token.as_ref().map(SecretString::expose_secret)
    }
}

/// `url` of a configuration section, or `<SECTION>_URL`. Without a scheme it is https.
fn configured(section: &str, terminal: &Terminal) -> Option<Url> {
    let configuration = ConfigFile::new(section, section).load_with_environment(terminal);
    let text = configuration.get("url")?.as_str().filter(|url| !url.is_empty())?;
    let url = stups_terminal::url(text).ok().and_then(|url| url.parse().ok());
    if url.is_none() {
        terminal.warning(&format!("\"{text}\", the configured URL of {section}, is not valid"));
    }
    url
}

/// The person's token of the name `kio`. Nobody is asked to log in where nobody can answer.
struct PersonalToken(Terminal);

impl TokenSource for PersonalToken {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send + '_>> {
        Box::pin(async move {
            let request = TokenRequest {
                login: self.0.is_interactive().then(LoginOptions::default),
                ..TokenRequest::new("kio", &["uid"])
            };
            let token = request.obtain(&self.0, &TokenFiles::of_user()).await;
            token.map_err(|error| error.to_string())
        })
    }
}
