//! Passwords of a person's devices and programs, each with scopes of its own (contract identity 2.15).

use serde::{Deserialize, Serialize};

/// A password to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAppPassword {
    /// Which device or program it is for.
    pub name: String,
    /// What its tokens may do at most.
    pub scopes: Vec<String>,
    /// RFC 3339; it is good no more from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A new password; it is said only once.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MadeAppPassword {
    /// For removing it.
    pub id: String,
    /// Generated.
    pub password: String,
}

/// A password of a device or program, without anything that could be tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AppPassword {
    /// For removing it.
    pub id: String,
    /// Which device or program it is for.
    pub name: String,
    /// What its tokens may do at most.
    pub scopes: Vec<String>,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// RFC 3339, to within a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// `/realm/uid`.
    pub created_by: String,
}
