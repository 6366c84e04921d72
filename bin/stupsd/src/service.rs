//! The services inside this executable, and how each is built.

use std::fmt;

use clap::ValueEnum;
use secrecy::SecretString;
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
}

impl Name {
    pub(crate) const ALL: [Self; 3] = [Self::Identity, Self::Kio, Self::Pierone];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Kio => "kio",
            Self::Pierone => "pierone",
        }
    }

    /// Where it listens unless told otherwise. Kio has the originals' port.
    pub(crate) fn default_port(self) -> u16 {
        match self {
            Self::Identity => 8081,
            Self::Kio => 8080,
            Self::Pierone => 8082,
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
        Config::Kio(config) => Ok((stups_kio::build(config, environment).await?, None)),
        Config::Pierone(config) => Ok((stups_pierone::build(config, environment).await?, None)),
    }
}
