use serde::Serialize;

use super::{Application, ApplicationSummary, Brake, ConfigurationWrite, StatusWrite};
use crate::client::{Client, Error};

/// mint, ours or an original.
#[derive(Clone, Debug)]
pub struct MintClient(Client);

/// Which applications a list has. The default is all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ApplicationFilter {
    /// With a scope on this resource type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_type_id: Option<String>,
    /// With a scope of this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope_id: Option<String>,
}

impl MintClient {
    /// mint, where the client says it is.
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// The same mint, on behalf of a caller: with the caller's token.
    #[must_use]
    pub fn on_behalf_of(&self, token: &secrecy::SecretString) -> Self {
        Self(self.0.on_behalf_of(token))
    }

    /// The applications that fulfil the filter.
    pub async fn applications(&self, filter: &ApplicationFilter) -> Result<Vec<ApplicationSummary>, Error> {
        self.0.get(&["apps"]).query(filter).send().await
    }

    /// An application's configuration, if it has one.
    pub async fn application(&self, id: &str) -> Result<Option<Application>, Error> {
        self.0.get(&["apps", id]).optional().await
    }

    /// Configures an application.
    pub async fn put(&self, id: &str, write: &ConfigurationWrite) -> Result<(), Error> {
        self.0.put(&["apps", id]).json(write).done().await
    }

    /// Says how an application's secrets are.
    pub async fn patch(&self, id: &str, write: &StatusWrite) -> Result<(), Error> {
        self.0.patch(&["apps", id]).json(write).done().await
    }

    /// Removes an application's configuration.
    pub async fn delete(&self, id: &str) -> Result<(), Error> {
        self.0.delete(&["apps", id]).done().await
    }

    /// Lets an application's secrets be rotated at once.
    pub async fn renew(&self, id: &str) -> Result<(), Error> {
        self.0.post(&["apps", id, "renewal"]).done().await
    }

    /// How the brake is. The originals have none.
    pub async fn brake(&self) -> Result<Brake, Error> {
        self.0.get(&["brake"]).send().await
    }

    /// Lets the deletions that the brake holds back through, once.
    pub async fn release_brake(&self) -> Result<Brake, Error> {
        self.0.post(&["brake", "release"]).send().await
    }
}
