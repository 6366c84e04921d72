use std::time::Duration;

use secrecy::SecretString;
use stups_api::client::{Client, Error};
use stups_api::kio::KioClient;
use stups_auth::tokens::{TokenFiles, TokenRequest};
use stups_terminal::{ConfigFile, Failure, Terminal};
use url::Url;

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What commands work with.
#[derive(Clone, Debug)]
pub struct Context {
    /// With the output format in force.
    pub terminal: Terminal,
    /// The registry, with the person's token.
    pub kio: KioClient,
}

impl Context {
    /// The registry at `url` with this token.
    pub fn new(terminal: Terminal, url: Url, token: SecretString) -> Result<Self, Failure> {
        let client = Client::new(url)
            .map_err(|error| failed(&error))?
            .with_timeout(TIMEOUT)
            .with_tokens(token);
        Ok(Self {
            terminal,
            kio: KioClient::new(client),
        })
    }

    /// The registry that the configuration names, with the person's token of the name `kio`.
    pub(crate) async fn from_configuration(terminal: Terminal, service_scopes: &[&str]) -> Result<Self, Failure> {
        let url = configured_url(&terminal)?;
        let request = TokenRequest::new("kio", &["uid"]).with_service_scopes(service_scopes);
        let token = request.obtain(&terminal, &TokenFiles::of_user()).await;
        let token = token.map_err(|error| Failure::usage(error.to_string()))?;
        Self::new(terminal, url, token)
    }
}

/// `url` of the section `kio`, or `KIO_URL`.
fn configured_url(terminal: &Terminal) -> Result<Url, Failure> {
    let configuration = ConfigFile::new("kio", "kio").load_with_environment(terminal);
    let url = configuration
        .get("url")
        .and_then(stups_yaml::Value::as_str)
        .filter(|url| !url.is_empty());
    let url = url.ok_or_else(|| Failure::application("Missing configuration URL. Please run \"stups configure\"."))?;
    let is_web = |url: &Url| matches!(url.scheme(), "http" | "https");
    url.parse().ok().filter(is_web).ok_or_else(|| {
        Failure::application(format!(
            "The configured URL \"{url}\" is no http or https URL. Please run \"stups configure\"."
        ))
    })
}

/// A call that failed: one line with what the registry said.
pub(crate) fn failed(error: &Error) -> Failure {
    Failure::application(error.to_string())
}
