//! The services inside this executable, and how each is built.

use std::fmt;
use std::sync::Arc;

use clap::ValueEnum;
use secrecy::SecretString;
use stups_auth::HttpPolicy;
use stups_server::{Built, Environment, StartError};
use stups_store::{DatabaseUrl, Store};

/// A service by its name. In the order in which they start: who others ask comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Name {
    /// Tokens, users, teams, permissions
    Identity,
    /// The application registry
    Kio,
}

impl Name {
    pub(crate) const ALL: [Self; 2] = [Self::Identity, Self::Kio];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Kio => "kio",
        }
    }

    /// Where it listens unless told otherwise. Kio has the originals' port.
    pub(crate) fn default_port(self) -> u16 {
        match self {
            Self::Identity => 8081,
            Self::Kio => 8080,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A service's own settings.
#[derive(Debug)]
pub(crate) enum Config {
    Identity(Box<stups_identity::Config>),
    Kio(Box<stups_kio::Config>),
}

/// Who was made at identity's first start.
pub(crate) struct Administrator {
    /// `/realm/uid`.
    pub(crate) name: String,
    pub(crate) password: SecretString,
}

/// Builds the service.
pub(crate) async fn build(
    config: &Config,
    environment: &Environment,
) -> Result<(Built, Option<Administrator>), StartError> {
    match config {
        Config::Identity(config) => {
            let identity = stups_identity::build(config, environment).await?;
            let administrator = identity.administrator.map(|administrator| Administrator {
                name: administrator.name,
                password: administrator.password,
            });
            Ok((identity.built, administrator))
        }
        Config::Kio(config) => Ok((kio(config, environment).await?, None)),
    }
}

async fn kio(config: &stups_kio::Config, environment: &Environment) -> Result<Built, StartError> {
    let service = Name::Kio.as_str();
    let failed = |source| StartError::Store { service, source };
    let url = match &config.database_url {
        Some(url) => url.parse().map_err(failed)?,
        None => DatabaseUrl::sqlite_file(&environment.data_directory.join("kio.db")),
    };
    let verifier = environment.verifier(service)?;
    let policy = match &config.policy_url {
        Some(url) => {
            let policy = HttpPolicy::new(url.clone()).map_err(|error| StartError::Configuration {
                service,
                reason: error.to_string(),
            })?;
            Arc::new(policy)
        }
        None => environment.policy(service)?,
    };
    let store = Store::open(&url, service, stups_kio::migrations())
        .await
        .map_err(failed)?;
    stups_kio::Registry {
        store,
        verifier,
        policy: Some(policy),
        admins: config.admin_users.clone(),
    }
    .build(environment)
}
