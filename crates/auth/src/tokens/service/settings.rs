use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// Which grant a service asks with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grant {
    /// `client_credentials` if the server says that it has it or there is no user name, else the password grant.
    #[default]
    Automatic,
    /// Always `client_credentials` (RFC 6749 4.4).
    ClientCredentials,
    /// Always the service user's password, as the originals do.
    Password,
}

/// How service tokens are obtained (contract zign 2.7).
#[derive(Clone)]
pub struct ServiceTokenSettings {
    /// Tokens that are given, by name: `OAUTH2_ACCESS_TOKENS`.
    pub fixed: BTreeMap<String, SecretString>,
    /// The token endpoint with its query: `OAUTH2_ACCESS_TOKEN_URL`.
    pub access_token_url: Option<Url>,
    /// Where `user.json`, `client.json` and `<name>-token-secret` are: `CREDENTIALS_DIR`.
    pub credentials_directory: PathBuf,
    /// Take tokens from files only.
    pub from_file_only: bool,
    /// Which grant to ask with.
    pub grant: Grant,
    /// How long one answer may take.
    pub timeout: Duration,
}

/// What the originals wait: 1.25 s for a connection, 2.25 s for an answer.
const TIMEOUT: Duration = Duration::from_millis(3500);

impl Default for ServiceTokenSettings {
    fn default() -> Self {
        Self {
            fixed: BTreeMap::new(),
            access_token_url: None,
            credentials_directory: PathBuf::new(),
            from_file_only: false,
            grant: Grant::Automatic,
            timeout: TIMEOUT,
        }
    }
}

impl ServiceTokenSettings {
    /// What the environment says: `OAUTH2_ACCESS_TOKENS`, `OAUTH2_ACCESS_TOKEN_URL` (or `OAUTH_ACCESS_TOKEN_URL`) and
    /// `CREDENTIALS_DIR` (the working directory if there is none).
    ///
    /// The address must be one; the error says what is wrong.
    pub fn from_environment() -> Result<Self, String> {
        Self::from_variables(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let url = ["OAUTH2_ACCESS_TOKEN_URL", "OAUTH_ACCESS_TOKEN_URL"]
            .into_iter()
            .find_map(|name| variable(name).map(|value| (name, value)));
        let access_token_url = match url {
            Some((name, text)) => Some(text.parse().map_err(|error| format!("{name} is no URL: {error}"))?),
            None => None,
        };
        Ok(Self {
            fixed: fixed_tokens(&variable("OAUTH2_ACCESS_TOKENS").unwrap_or_default()),
            access_token_url,
            credentials_directory: variable("CREDENTIALS_DIR").map(PathBuf::from).unwrap_or_default(),
            ..Self::default()
        })
    }
}

impl fmt::Debug for ServiceTokenSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServiceTokenSettings")
            .field("fixed", &self.fixed.keys().collect::<Vec<_>>())
            .field("access_token_url", &self.access_token_url.as_ref().map(Url::as_str))
            .field("credentials_directory", &self.credentials_directory)
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

/// `name=token,name2=token2`: split at commas, then at the first `=`; empty parts are left out, the last of a name wins.
fn fixed_tokens(text: &str) -> BTreeMap<String, SecretString> {
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, token)| (name.to_owned(), SecretString::from(token)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn fixed(text: &str) -> Vec<(String, String)> {
        fixed_tokens(text)
            .into_iter()
            .map(|(name, token)| (name, token.expose_secret().to_owned()))
            .collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn fixed_tokens_are_split_at_commas_then_at_the_first_equals_sign() {
        assert_eq!(fixed(""), []);
        assert_eq!(fixed("a=1"), pairs(&[("a", "1")]));
        assert_eq!(fixed("a=1,b=2=3,"), pairs(&[("a", "1"), ("b", "2=3")]));
        assert_eq!(fixed("a=1,a=2"), pairs(&[("a", "2")]));
        assert_eq!(fixed("a"), pairs(&[("a", "")]));
    }

    proptest! {
        #[test]
        fn fixed_tokens_are_read_back(tokens in proptest::collection::btree_map("[^,=\0]{1,8}", "[^,\0]{0,12}", 0..5)) {
            let text = tokens.iter().map(|(name, token)| format!("{name}={token}")).collect::<Vec<_>>().join(",");
            prop_assert_eq!(fixed(&text), tokens.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_environment_names_address_and_directory() {
        let environment = |variables: &'static [(&str, &str)]| {
            ServiceTokenSettings::from_variables(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let settings = environment(&[("OAUTH_ACCESS_TOKEN_URL", "http://old/"), ("CREDENTIALS_DIR", "/meta")]).unwrap();
        assert_eq!(settings.access_token_url.unwrap().as_str(), "http://old/");
        assert_eq!(settings.credentials_directory, PathBuf::from("/meta"));
        let settings = environment(&[
            ("OAUTH_ACCESS_TOKEN_URL", "http://old/"),
            ("OAUTH2_ACCESS_TOKEN_URL", "http://new/x?realm=/services"),
        ])
        .unwrap();
        assert_eq!(
            settings.access_token_url.unwrap().as_str(),
            "http://new/x?realm=/services"
        );
        let error = environment(&[("OAUTH2_ACCESS_TOKEN_URL", "nowhere")]).unwrap_err();
        assert!(error.starts_with("OAUTH2_ACCESS_TOKEN_URL is no URL"), "{error}");
    }

    #[test]
    fn no_token_shows() {
        let settings = ServiceTokenSettings {
            fixed: fixed_tokens("a=hidden"),
            ..ServiceTokenSettings::default()
        };
        assert!(!format!("{settings:?}").contains("hidden"));
    }
}
