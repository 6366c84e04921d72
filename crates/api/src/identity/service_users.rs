//! The service-user API that the Mint worker calls (contract identity 2.14).

use serde::{Deserialize, Serialize};

/// A service user as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServiceUserWrite {
    /// The user name, as in the path.
    pub id: String,
    /// The application's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The id of the team that owns the application.
    pub owner: String,
    /// The application's subtitle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<String>,
    /// The application's OAuth client.
    pub client_config: ClientConfig,
    /// The user itself.
    pub user_config: UserConfig,
}

/// The client of a service user: one id in every listed realm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ClientConfig {
    /// Where people may be sent back to: none or one.
    #[serde(default)]
    pub redirect_urls: Vec<String>,
    /// The scopes that the client may ask for, by realm. A realm may be listed several times.
    #[serde(default)]
    pub scopes: Vec<RealmScopes>,
    /// Whether the client can keep a secret.
    #[serde(default = "yes")]
    pub confidential: bool,
}

fn yes() -> bool {
    true
}

/// The scopes that a client may ask for in a realm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RealmScopes {
    /// With or without the leading slash.
    pub realm: String,
    /// Also as `sopes`, which is what the original worker sends for the scopes of resource owners.
    #[serde(default, alias = "sopes")]
    pub scopes: Vec<String>,
}

/// What a service user itself may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UserConfig {
    /// The scopes that the user may have, beside `uid`.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// An item of the list of service users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServiceUserId {
    /// The user name.
    pub id: String,
}

/// An item of the list of realms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RealmName {
    /// Without a slash.
    pub id: String,
}

/// A service user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServiceUser {
    /// The user name.
    pub id: String,
    /// The application's name; the user name when it has none.
    pub name: String,
    /// The id of the team that owns the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The application's subtitle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<String>,
    /// The current client id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The client's configuration; services of old do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_config: Option<ClientConfig>,
    /// What the user itself may do; services of old do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_config: Option<UserConfig>,
}

/// The answer to a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServiceUserAnswer {
    /// The HTTP status once more.
    #[serde(default)]
    pub code: u16,
    /// What was done.
    #[serde(default)]
    pub message: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// The current client id: the same until a rotation is committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// A new password, said only once. It is valid at once beside the old ones.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServiceUserPassword {
    /// By which it is committed.
    pub txid: String,
    /// The password.
    pub password: String,
}

/// Asks for a new client id and secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct ClientRotation {
    /// The user name, as in the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The current client id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// A public key as a JSON Web Key (RFC 7517): the client proves itself by a signature of it (`private_key_jwt`, RFC 7523) and
    /// gets no secret. An addition to the originals' API.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub public_key: Option<serde_json::Value>,
}

/// A new client, its secret said only once. It is valid at once beside the old ones.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NewClient {
    /// By which it is committed.
    pub txid: String,
    /// The new id, the same in every realm of the service user's client.
    pub client_id: String,
    /// The secret; null for a client that cannot keep one.
    pub client_secret: Option<String>,
}

/// Commits a password: the older ones are good for a few minutes more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Commit {
    /// As the creation answered.
    pub txid: String,
}

/// Commits a client, by its transaction or by its id: the older ones are good for a few minutes more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct CommitClient {
    /// As the creation answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txid: Option<String>,
    /// The user name, as in the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// As the creation answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}
