use std::time::Duration;

use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;
use stups_api::client::{Client, Error};
use stups_api::identity::IdentityClient;
use stups_terminal::{Column, ConfigFile, Failure, Row, Table, Terminal};
use url::Url;

/// How long a call may take: hashing passwords and large imports take their time.
const TIMEOUT: Duration = Duration::from_mins(1);

/// What commands work with.
#[derive(Clone, Debug)]
pub struct Context {
    /// With the output format in force.
    pub terminal: Terminal,
    /// The service, with the administrator's token.
    pub identity: IdentityClient,
}

impl Context {
    /// The identity service at `url` with this token.
    pub fn new(terminal: Terminal, url: Url, token: SecretString) -> Result<Self, Failure> {
        let client = Client::new(url)
            .map_err(failed)?
            .with_timeout(TIMEOUT)
            .with_tokens(token);
        Ok(Self {
            terminal,
            identity: IdentityClient::new(client),
        })
    }

    /// The service that the configuration names (section `identity`, `IDENTITY_URL`), with the person's token of the name
    /// `identity`.
    pub(crate) async fn from_configuration(terminal: Terminal) -> Result<Self, Failure> {
        let configuration = ConfigFile::new("identity", "identity").load_with_environment(&terminal);
        let url = configuration
            .get("url")
            .and_then(stups_yaml::Value::as_str)
            .unwrap_or_default();
        let url = url.parse::<Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(|| {
            Failure::application(
                "The URL of the identity service is not configured: set IDENTITY_URL, or \"url\" in identity/identity.yaml.",
            )
        })?;
        let token = stups_auth::tokens::get_token(&terminal, "identity", &["uid"]).await;
        Self::new(terminal, url, token.map_err(|error| Failure::usage(error.to_string()))?)
    }

    /// Prints things as a table with these columns; lists are joined by blanks in text.
    pub(crate) fn table<T: Serialize>(&self, columns: &[&str], rows: &[T]) {
        let row = |item: &T| match serde_json::to_value(item) {
            Ok(Value::Object(map)) => map,
            _ => Row::new(),
        };
        self.terminal.print_table(&Table {
            columns: columns.iter().map(|name| Column::new(name)).collect(),
            rows: rows.iter().map(row).collect(),
            ..Table::default()
        });
    }

    /// Prints one thing, field by field.
    pub(crate) fn show<T: Serialize>(&self, item: &T) -> Result<(), Failure> {
        let value = serde_json::to_value(item).map_err(|error| Failure::application(error.to_string()))?;
        match self.terminal.format() {
            stups_terminal::OutputFormat::Text => {
                let fields = value.as_object().into_iter().flatten();
                let row = |(name, value): (&String, &Value)| {
                    Row::from_iter([
                        ("field".to_owned(), Value::from(name.as_str())),
                        ("value".to_owned(), value.clone()),
                    ])
                };
                let columns = vec![Column::new("field"), Column::new("value")];
                self.terminal.print_table(&Table {
                    columns,
                    rows: fields.map(row).collect(),
                    ..Table::default()
                });
            }
            _ => self.terminal.print(&(stups_terminal::json_pretty(&value, 2) + "\n")),
        }
        Ok(())
    }

    /// Does something under a progress line.
    pub(crate) async fn doing<T>(
        &self,
        text: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        let action = self.terminal.action(text);
        match work.await {
            Ok(done) => {
                action.ok();
                Ok(done)
            }
            Err(error) => Err(action.fail(&error.to_string())),
        }
    }
}

/// A call that failed: one line with what the service said.
#[allow(clippy::needless_pass_by_value)]
pub(crate) fn failed(error: Error) -> Failure {
    Failure::application(error.to_string())
}

/// What is not there.
pub(crate) fn missing(what: &str, name: &str) -> Failure {
    Failure::application(format!("There is no {what} {name}."))
}
