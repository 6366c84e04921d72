use stups_terminal::{ConfigFile, Terminal};
use stups_yaml::{Key, Map, Value};
use url::Url;

use super::TokenError;
use super::files::SECTION;

/// Whom a person logs in to: section `zalando-token-cli`, overridden by `ZALANDO_TOKEN_CLI_*` (contract zign 2.6.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The server's name; it describes itself (RFC 8414, OpenID Connect).
    pub issuer: Option<Url>,
    /// Where people log in, for servers that do not describe themselves.
    pub authorize_url: Option<Url>,
    /// Where grants become tokens.
    pub token_url: Option<Url>,
    /// What this program is to the server.
    pub client_id: Option<String>,
    /// Sent along if it is set; servers of one organisation want it.
    pub business_partner_id: Option<String>,
    /// For whom tokens are (RFC 8707).
    pub resource: Option<String>,
    /// Log in by the implicit flow, for servers that have no other.
    pub legacy_implicit: bool,
}

impl Settings {
    /// What is configured.
    pub fn load(terminal: &Terminal) -> Result<Self, TokenError> {
        Self::from_map(&ConfigFile::new(SECTION, SECTION).load_with_environment(terminal))
    }

    fn from_map(map: &Map) -> Result<Self, TokenError> {
        let text = |key: &str| match map.get(key) {
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            // `business_partner_id: 42`
            Some(Value::Int(number)) => Some(number.to_string()),
            _ => None,
        };
        let url = |key: &str| {
            text(key)
                .map(|text| stups_terminal::url(&text).and_then(|text| parse(&text)))
                .transpose()
                .map_err(|error| TokenError::Configuration(format!("{key} in section {SECTION}: {error}")))
        };
        let legacy_implicit = match map.get("legacy_implicit") {
            Some(Value::Bool(value)) => *value,
            Some(Value::String(text)) => matches!(stups_yaml::resolve(text), Value::Bool(true)) || text == "1",
            _ => false,
        };
        Ok(Self {
            issuer: url("issuer")?,
            authorize_url: url("authorize_url")?,
            token_url: url("token_url")?,
            client_id: text("client_id"),
            business_partner_id: text("business_partner_id"),
            resource: text("resource"),
            legacy_implicit,
        })
    }

    /// The same program at another server: endpoints of the configured one are not its.
    #[must_use]
    pub fn at(self, issuer: Url) -> Self {
        if self.issuer.as_ref() == Some(&issuer) {
            return self;
        }
        Self {
            issuer: Some(issuer),
            authorize_url: None,
            token_url: None,
            business_partner_id: None,
            legacy_implicit: false,
            ..self
        }
    }

    /// Makes this the configured server, in the shape that the originals read.
    pub(crate) fn store(&self) -> std::io::Result<()> {
        let values = [
            ("issuer", self.issuer.as_ref().map(Url::as_str)),
            ("authorize_url", self.authorize_url.as_ref().map(Url::as_str)),
            ("token_url", self.token_url.as_ref().map(Url::as_str)),
            ("client_id", self.client_id.as_deref()),
            // The originals ask for one if there is none.
            (
                "business_partner_id",
                Some(self.business_partner_id.as_deref().unwrap_or("stups")),
            ),
        ];
        ConfigFile::new(SECTION, SECTION).update(|map| {
            for (key, value) in values {
                match value {
                    Some(value) => drop(map.insert(Key::from(key), Value::from(value))),
                    None => drop(map.shift_remove(key)),
                }
            }
            map.shift_remove("legacy_implicit");
        })
    }

    /// Writes down what was answered, beside what is there; what is in the file already stays, and what comes from the
    /// environment never gets in. A file that may not be written is left alone.
    pub(crate) fn remember(&self, terminal: &Terminal) {
        let answers = [
            ("issuer", self.issuer.as_ref().map(Url::as_str)),
            ("authorize_url", self.authorize_url.as_ref().map(Url::as_str)),
            ("token_url", self.token_url.as_ref().map(Url::as_str)),
            ("client_id", self.client_id.as_deref()),
        ];
        let file = ConfigFile::new(SECTION, SECTION);
        let stored = file.update(|map| {
            for (key, value) in answers {
                if let Some(value) = value {
                    map.entry(Key::from(key)).or_insert_with(|| Value::from(value));
                }
            }
        });
        if let Err(error) = stored {
            terminal.warning(&format!("Could not store the configuration: {error}"));
        }
    }
}

pub(crate) fn parse(text: &str) -> Result<Url, String> {
    text.parse().map_err(|error| format!("\"{text}\" is no URL: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Result<Settings, TokenError> {
        let Value::Map(map) = stups_yaml::load(text).unwrap() else {
            panic!("a map");
        };
        Settings::from_map(&map)
    }

    #[test]
    fn a_file_of_the_original_is_read() {
        let settings = settings(
            "{authorize_url: 'https://id.example.org/a?realm=employees', token_url: 'https://id.example.org/t', client_id: ztoken, business_partner_id: 42}",
        )
        .unwrap();
        assert_eq!(
            settings.authorize_url.unwrap().as_str(),
            "https://id.example.org/a?realm=employees"
        );
        assert_eq!(settings.business_partner_id.as_deref(), Some("42"));
        assert_eq!((settings.issuer, settings.legacy_implicit), (None, false));
    }

    #[test]
    fn an_address_without_scheme_is_https_and_nonsense_is_an_error() {
        assert_eq!(
            settings("issuer: id.example.org").unwrap().issuer.unwrap().as_str(),
            "https://id.example.org/"
        );
        let error = settings("token_url: 'ftp://x'").unwrap_err().to_string();
        assert!(error.starts_with("Configuration error: token_url"), "{error}");
        assert!(settings("issuer: 'https://'").is_err());
    }

    #[test]
    fn the_implicit_flow_may_be_chosen_by_text() {
        for (text, expected) in [
            ("true", true),
            ("'yes'", true),
            ("'1'", true),
            ("'no'", false),
            ("7", false),
        ] {
            let settings = settings(&format!("legacy_implicit: {text}")).unwrap();
            assert_eq!(settings.legacy_implicit, expected, "{text}");
        }
    }
}
