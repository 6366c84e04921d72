use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// What token info says about a valid token (contract identity 2.11.2).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenInfo {
    /// The token, as it was sent.
    pub access_token: String,
    /// The user.
    pub uid: String,
    /// With a leading slash.
    pub realm: String,
    /// The granted scopes.
    pub scope: Vec<String>,
    /// `password`, always.
    pub grant_type: String,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds that are left.
    pub expires_in: i64,
    /// The client, when the token names it for everybody to see (scope `azp`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// `true` under the name of each granted scope that is not a field already.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub scopes: Map<String, Value>,
}

/// Shows no token.
impl std::fmt::Debug for TokenInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenInfo")
            .field("uid", &self.uid)
            .field("realm", &self.realm)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
