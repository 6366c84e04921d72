//! The services inside this executable, and how each is built.

use std::fmt;
use std::sync::Arc;

use clap::ValueEnum;
use secrecy::SecretString;
use stups_api::client::TokenSource;
use stups_identity::NeighbourTokens;
use stups_server::{Built, Environment, StartError};

/// A service by its name. In the order in which they start: who others ask comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Name {
    /// Tokens, users, teams, permissions
    Identity,
    /// The application registry
    Kio,
    /// The registry of images
    Pierone,
    /// Resource types and scopes
    Essentials,
    /// Secret distribution
    Mint,
}

impl Name {
    pub(crate) const ALL: [Self; 5] = [Self::Identity, Self::Kio, Self::Pierone, Self::Essentials, Self::Mint];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Kio => "kio",
            Self::Pierone => "pierone",
            Self::Essentials => "essentials",
            Self::Mint => "mint",
        }
    }

    /// Where it listens unless told otherwise. Kio has the originals' port.
    pub(crate) fn default_port(self) -> u16 {
        match self {
            Self::Identity => 8081,
            Self::Kio => 8080,
            Self::Pierone => 8082,
            Self::Essentials => 8083,
            Self::Mint => 8084,
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
    Pierone(Box<stups_pierone::Config>),
    Essentials(Box<stups_essentials::Config>),
    Mint(Box<stups_mint::Config>),
}

/// Who was made at identity's first start.
pub(crate) struct Administrator {
    /// `/realm/uid`.
    pub(crate) name: String,
    pub(crate) password: SecretString,
}

/// A service that was built, and what only identity has beside it.
pub(crate) struct Service {
    pub(crate) built: Built,
    /// Who was made at identity's first start.
    pub(crate) administrator: Option<Administrator>,
    /// What tokens for services in this process are made with.
    pub(crate) identity: Option<stups_identity::State>,
}

/// Builds the service. `identity`: that of this process, if it has been built, whose word other services need no password for.
pub(crate) async fn build(
    config: &Config,
    environment: &Environment,
    identity: Option<&stups_identity::State>,
) -> Result<Service, StartError> {
    let built = match config {
        Config::Identity(config) => {
            let identity = stups_identity::build(config, environment).await?;
            return Ok(Service {
                built: identity.built,
                administrator: identity.administrator.map(|administrator| Administrator {
                    name: administrator.name,
                    password: administrator.password,
                }),
                identity: Some(identity.state),
            });
        }
        Config::Kio(config) => stups_kio::build(config, environment).await?,
        Config::Pierone(config) => stups_pierone::build(config, environment).await?,
        Config::Essentials(config) => stups_essentials::build(config, environment).await?,
        Config::Mint(config) => {
            let tokens = identity.map(|identity| -> Arc<dyn TokenSource> {
                let scopes = &stups_mint::WORKER_SCOPES;
                Arc::new(NeighbourTokens::new(identity.clone(), "mint", scopes))
            });
            stups_mint::build(config, environment, tokens).await?
        }
    };
    Ok(Service {
        built,
        administrator: None,
        identity: None,
    })
}
