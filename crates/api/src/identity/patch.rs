//! Changes of users, clients, teams and accounts: a field that is absent stays as it is, null clears it (RFC 7396).

// Absent, null and a value are three things in a merge patch.
#![allow(clippy::option_option)]

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{AccountMember, Grant, TeamKind, TokenProfile};

/// A field that is there, be it null.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The scopes that a user may have: a list of names, or a map of names to values that only the originals used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Scopes {
    /// Names.
    List(Vec<String>),
    /// Names and values.
    #[schema(value_type = BTreeMap<String, Object>)]
    Map(BTreeMap<String, Value>),
}

impl Scopes {
    /// As they are kept: every value as text.
    pub fn into_map(self) -> BTreeMap<String, String> {
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        match self {
            Self::List(names) => names.into_iter().map(|name| (name, "true".to_owned())).collect(),
            Self::Map(map) => map.into_iter().map(|(name, value)| (name, text(value))).collect(),
        }
    }
}

/// A change of a user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserPatch {
    /// The full name.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub name: Option<Option<String>>,
    /// The mail address.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub email: Option<Option<String>>,
    /// Whether the user can log in no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// The scopes that the user may have.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Scopes>)]
    pub scopes: Option<Option<Scopes>>,
    /// bcrypt or argon2id hashes of the user's passwords, any of which is good.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub password_hashes: Option<Option<Vec<String>>>,
}

/// A change of a client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientPatch {
    /// Shown to people who are asked for consent.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub name: Option<Option<String>>,
    /// Shown to people who are asked for consent.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub description: Option<Option<String>>,
    /// A picture, shown to people who are asked for consent.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub image_uri: Option<Option<String>>,
    /// The client's home page.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub homepage_url: Option<Option<String>>,
    /// Whether the client can keep a secret.
    #[serde(alias = "confidential", skip_serializing_if = "Option::is_none")]
    pub is_confidential: Option<bool>,
    /// The bcrypt or argon2id hash of the client's secret.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub secret_hash: Option<Option<String>>,
    /// The scopes that the client may ask for.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub scopes: Option<Option<Vec<String>>>,
    /// The scopes that it gets when it asks for none.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub default_scopes: Option<Option<Vec<String>>>,
    /// Where people may be sent back to.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub redirect_uris: Option<Option<Vec<String>>>,
    /// The service user whose client it is.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub owner: Option<Option<String>>,
    /// Ways to a token that are off unless they are listed.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Grant>>)]
    pub grants: Option<Option<Vec<Grant>>>,
    /// What the client's tokens look like.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TokenProfile>)]
    pub token_profile: Option<Option<TokenProfile>>,
    /// Further claims of its tokens; `{uid}` stands for the user name.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub extra_claims: Option<Option<BTreeMap<String, String>>>,
    /// The audience of its tokens.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub audience: Option<Option<String>>,
    /// The keys that it signs assertions with: a JWK set.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub jwks: Option<Option<Value>>,
}

/// A change of a team.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TeamPatch {
    /// The full name; the id when absent.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub name: Option<Option<String>>,
    /// Whether the team is in the organisation's chart.
    #[serde(rename = "type", deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TeamKind>)]
    pub kind: Option<Option<TeamKind>>,
    /// What the team does.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub description: Option<Option<String>>,
    /// The distinguished name in another directory.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub dn: Option<Option<String>>,
    /// Mail addresses.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub mail: Option<Option<Vec<String>>>,
    /// All members: user names of `/employees`, or `/realm/uid`.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub members: Option<Option<Vec<String>>>,
    /// All other names of the team.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub aliases: Option<Option<Vec<String>>>,
}

/// A change of an account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccountPatch {
    /// The name; the id when absent.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub name: Option<Option<String>>,
    /// The id of the team whose account it is; the team's members are members of the account.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub owner: Option<Option<String>>,
    /// What the account is for.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub description: Option<Option<String>>,
    /// Whether it is out of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// All members beside those of the team.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<AccountMember>>)]
    pub members: Option<Option<Vec<AccountMember>>>,
}

impl UserPatch {
    /// The same change, of all fields: what is absent is cleared.
    #[must_use]
    pub fn complete(self) -> Self {
        Self {
            name: Some(self.name.flatten()),
            email: Some(self.email.flatten()),
            disabled: Some(self.disabled.unwrap_or(false)),
            scopes: Some(self.scopes.flatten()),
            password_hashes: Some(self.password_hashes.flatten()),
        }
    }
}

impl ClientPatch {
    /// The same change, of all fields: what is absent is cleared. A client is confidential unless it says otherwise.
    #[must_use]
    pub fn complete(self) -> Self {
        Self {
            name: Some(self.name.flatten()),
            description: Some(self.description.flatten()),
            image_uri: Some(self.image_uri.flatten()),
            homepage_url: Some(self.homepage_url.flatten()),
            is_confidential: Some(self.is_confidential.unwrap_or(true)),
            secret_hash: Some(self.secret_hash.flatten()),
            scopes: Some(self.scopes.flatten()),
            default_scopes: Some(self.default_scopes.flatten()),
            redirect_uris: Some(self.redirect_uris.flatten()),
            owner: Some(self.owner.flatten()),
            grants: Some(self.grants.flatten()),
            token_profile: Some(self.token_profile.flatten()),
            extra_claims: Some(self.extra_claims.flatten()),
            audience: Some(self.audience.flatten()),
            jwks: Some(self.jwks.flatten()),
        }
    }
}
