use std::time::Duration;

use secrecy::SecretString;
use stups_api::client::{Client, Error};
use stups_api::pierone::{PierOneClient, TagSummary};
use stups_auth::tokens::{TokenFiles, TokenRequest};
use stups_terminal::{ConfigFile, Failure, Terminal};
use stups_yaml::Value;
use url::Url;

use crate::image_name::{ImageName, TagArguments};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What commands work with.
#[derive(Clone, Debug)]
pub struct Context {
    /// With the output format in force.
    pub terminal: Terminal,
    /// Where the registry is.
    pub url: Url,
    /// The registry, with the person's token.
    pub pierone: PierOneClient,
    /// What tells about images beside their content: the registry itself, if no other service is configured.
    pub docker_meta: PierOneClient,
    /// What copies images to where production takes them from, if it is configured.
    pub promoter: Option<Client>,
}

impl Context {
    /// The registry at `url` with this token.
    pub fn new(terminal: Terminal, url: Url, token: SecretString) -> Result<Self, Failure> {
        let pierone = PierOneClient::new(client(url.clone(), token)?);
        Ok(Self {
            terminal,
            url,
            docker_meta: pierone.clone(),
            pierone,
            promoter: None,
        })
    }

    /// The registry at `url`, or the one that the configuration names, with the person's token of the name `pierone`.
    pub(crate) async fn from_configuration(
        terminal: Terminal,
        url: Option<&str>,
        service_scopes: &[&str],
    ) -> Result<Self, Failure> {
        let url = registry_url(&terminal, url).await?;
        let token = token(&terminal, service_scopes).await?;
        let mut context = Self::new(terminal, url, token.clone())?;
        if let Some(url) = configured(&context.terminal, "docker_meta_url")? {
            context.docker_meta = PierOneClient::new(client(url, token.clone())?);
        }
        if let Some(url) = configured(&context.terminal, "promoter_url")? {
            context.promoter = Some(client(url, token)?);
        }
        Ok(context)
    }

    /// `host[:port]` of the registry.
    pub(crate) fn registry(&self) -> String {
        registry(&self.url)
    }

    pub(crate) fn image(&self, name: &TagArguments) -> ImageName {
        ImageName {
            registry: self.registry(),
            team: name.team.clone(),
            artifact: name.artifact.clone(),
            tag: name.tag.clone(),
        }
    }

    /// The tags of an artifact, oldest first; wrong usage when there are none.
    pub(crate) async fn tags(&self, team: &str, artifact: &str) -> Result<Vec<TagSummary>, Failure> {
        let tags = self
            .pierone
            .tags(team, artifact)
            .await
            .map_err(|error| failed(&error))?;
        if tags.is_empty() {
            return Err(Failure::usage(
                "Artifact or Team does not exist! Please double check for spelling mistakes.",
            ));
        }
        Ok(tags)
    }
}

/// The registry at `url`, or another service, with this token.
pub(crate) fn client(url: Url, token: SecretString) -> Result<Client, Failure> {
    let client = Client::new(url).map_err(|error| failed(&error))?;
    Ok(client.with_timeout(TIMEOUT).with_tokens(token))
}

/// The person's token, or the service's.
pub(crate) async fn token(terminal: &Terminal, service_scopes: &[&str]) -> Result<SecretString, Failure> {
    token_of(terminal, "pierone", service_scopes).await
}

/// The same of another name.
pub(crate) async fn token_of(
    terminal: &Terminal,
    name: &str,
    service_scopes: &[&str],
) -> Result<SecretString, Failure> {
    let request = TokenRequest::new(name, &["uid"]).with_service_scopes(service_scopes);
    let token = request.obtain(terminal, &TokenFiles::of_user()).await;
    token.map_err(|error| Failure::usage(error.to_string()))
}

/// The configuration file.
pub(crate) fn config_file() -> ConfigFile {
    ConfigFile::new("pierone", "pierone")
}

/// `--url`, else `url` of the configuration or `PIERONE_URL`, else what the person says.
pub(crate) async fn registry_url(terminal: &Terminal, option: Option<&str>) -> Result<Url, Failure> {
    if let Some(url) = option {
        return web_address(url).ok_or_else(|| Failure::usage(format!("\"{url}\" is no http or https URL")));
    }
    if let Some(url) = configured(terminal, "url")? {
        return Ok(url);
    }
    if !terminal.is_interactive() {
        return Err(Failure::application(
            "Missing configuration URL. Please use --url or run \"pierone login\".",
        ));
    }
    loop {
        let text = terminal.prompt("Please enter the Pier One URL", None)?;
        let Some(url) = web_address(&text) else {
            terminal.error(&format!("\"{text}\" is no http or https URL"));
            continue;
        };
        match is_reachable(&url).await {
            Ok(()) => return Ok(url),
            Err(error) => terminal.error(&error.to_string()),
        }
    }
}

/// Any answer will do.
async fn is_reachable(url: &Url) -> Result<(), Error> {
    let client = Client::new(url.clone())?.with_timeout(TIMEOUT);
    client.get(&["v2", ""]).any_answer().await.map(|_| ())
}

/// A URL of the configuration, or of the environment.
pub(crate) fn configured(terminal: &Terminal, key: &str) -> Result<Option<Url>, Failure> {
    let configuration = config_file().load_with_environment(terminal);
    let text = configuration.get(key).and_then(Value::as_str);
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let wrong = || {
        Failure::application(format!(
            "The configured \"{key}\", \"{text}\", is no http or https URL."
        ))
    };
    web_address(text).map(Some).ok_or_else(wrong)
}

/// A URL, https if nothing else is said.
pub(crate) fn web_address(text: &str) -> Option<Url> {
    let text = text.trim();
    let url: Url = if text.contains("://") {
        text.parse().ok()?
    } else {
        format!("https://{text}").parse().ok()?
    };
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// `host[:port]`, as it stands in the names of images.
pub(crate) fn registry(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// A call that failed: one line with what the registry said.
pub(crate) fn failed(error: &Error) -> Failure {
    Failure::application(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_is_meant_where_nothing_is_said_and_ports_are_kept() {
        for (text, url, name) in [
            (
                "pierone.example.org",
                "https://pierone.example.org/",
                "pierone.example.org",
            ),
            ("localhost:5000", "https://localhost:5000/", "localhost:5000"),
            ("http://localhost:5000", "http://localhost:5000/", "localhost:5000"),
            (
                "https://pierone.example.org:443",
                "https://pierone.example.org/",
                "pierone.example.org",
            ),
        ] {
            let parsed = web_address(text).unwrap();
            assert_eq!((parsed.as_str(), registry(&parsed).as_str()), (url, name), "{text}");
        }
        for text in ["", "ftp://pierone.example.org", "https://"] {
            assert_eq!(web_address(text), None, "{text}");
        }
    }
}
