use super::{FullScope, ResourceType, ResourceTypeSummary, ResourceTypeWrite, Scope, ScopeWrite};
use crate::client::{Client, Error};

/// essentials, ours or an original.
#[derive(Clone, Debug)]
pub struct EssentialsClient(Client);

impl EssentialsClient {
    /// essentials, where the client says it is.
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// The same service, on behalf of a caller: with the caller's token.
    #[must_use]
    pub fn on_behalf_of(&self, token: &secrecy::SecretString) -> Self {
        Self(self.0.on_behalf_of(token))
    }

    /// All resource types.
    pub async fn resource_types(&self) -> Result<Vec<ResourceTypeSummary>, Error> {
        self.0.get(&["resource-types"]).send().await
    }

    /// A resource type, if there is one.
    pub async fn resource_type(&self, id: &str) -> Result<Option<ResourceType>, Error> {
        self.0.get(&["resource-types", id]).optional().await
    }

    /// Makes a resource type, or replaces it.
    pub async fn put_resource_type(&self, id: &str, write: &ResourceTypeWrite) -> Result<(), Error> {
        self.0.put(&["resource-types", id]).json(write).done().await
    }

    /// Removes a resource type and its scopes. `force`: also when applications hold one of them.
    pub async fn delete_resource_type(&self, id: &str, force: bool) -> Result<(), Error> {
        let request = self.0.delete(&["resource-types", id]);
        request.query(&[("force", force)]).done().await
    }

    /// The scopes of a resource type; none also when there is no such type.
    pub async fn scopes(&self, resource_type: &str) -> Result<Vec<Scope>, Error> {
        self.0.get(&["resource-types", resource_type, "scopes"]).send().await
    }

    /// A scope, if there is one.
    pub async fn scope(&self, resource_type: &str, scope: &str) -> Result<Option<Scope>, Error> {
        let path = ["resource-types", resource_type, "scopes", scope];
        self.0.get(&path).optional().await
    }

    /// Makes a scope, or replaces it.
    pub async fn put_scope(&self, resource_type: &str, scope: &str, write: &ScopeWrite) -> Result<(), Error> {
        let path = ["resource-types", resource_type, "scopes", scope];
        self.0.put(&path).json(write).done().await
    }

    /// All scopes of all resource types, if the service lists them: none of an original.
    pub async fn all_scopes(&self) -> Result<Option<Vec<FullScope>>, Error> {
        self.0.get(&["scopes"]).optional().await
    }
}
