use secrecy::SecretString;
use stups_api::client::{Client, Error};
use stups_api::mint::MintClient;
use stups_auth::tokens::{TokenFiles, TokenRequest};
use stups_terminal::{ConfigFile, Failure, Terminal};
use url::Url;

/// What commands work with.
#[derive(Clone, Debug)]
pub struct Context {
    /// With the output format in force.
    pub terminal: Terminal,
    /// mint, with the person's token.
    pub mint: MintClient,
}

impl Context {
    /// The mint at `url` with this token.
    pub fn new(terminal: Terminal, url: Url, token: SecretString) -> Result<Self, Failure> {
        let client = Client::new(url).map_err(|error| failed(&error))?.with_tokens(token);
        Ok(Self {
            terminal,
            mint: MintClient::new(client),
        })
    }

    /// The mint that the configuration names (`url` in the file `mint`, or `MINT_URL`), with the person's token of the name `mint`.
    pub(crate) async fn from_configuration(terminal: Terminal) -> Result<Self, Failure> {
        let url = configured_url(&terminal)?;
        let request = TokenRequest::new("mint", &["uid"]).with_service_scopes(&["application.write_sensitive"]);
        let token = request.obtain(&terminal, &TokenFiles::of_user()).await;
        let token = token.map_err(|error| Failure::usage(error.to_string()))?;
        Self::new(terminal, url, token)
    }
}

fn configured_url(terminal: &Terminal) -> Result<Url, Failure> {
    let configuration = ConfigFile::new("mint", "mint").load_with_environment(terminal);
    let url = configuration.get("url").and_then(stups_yaml::Value::as_str);
    let url = url
        .filter(|url| !url.is_empty())
        .ok_or_else(|| Failure::application("Missing configuration URL. Please run \"stups configure\"."))?;
    let is_web = |url: &Url| matches!(url.scheme(), "http" | "https");
    url.parse().ok().filter(is_web).ok_or_else(|| {
        Failure::application(format!(
            "The configured URL \"{url}\" is no http or https URL. Please run \"stups configure\"."
        ))
    })
}

/// A call that failed: one line with what mint said.
pub(crate) fn failed(error: &Error) -> Failure {
    Failure::application(error.to_string())
}
