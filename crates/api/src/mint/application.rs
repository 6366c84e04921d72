use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// A scope that an application has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct ScopeName {
    /// The resource type in essentials.
    #[schema(examples("sales_order"))]
    pub resource_type_id: String,
    /// The scope on it.
    #[schema(examples("read"))]
    pub scope_id: String,
}

impl std::fmt::Display for ScopeName {
    /// As tokens carry it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.resource_type_id, self.scope_id)
    }
}

/// An application's configuration as it stands in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApplicationSummary {
    /// The application in Kio.
    #[schema(examples("kio"))]
    pub id: String,
    /// When its password was rotated last; null when it is to be.
    #[serde(default)]
    #[schema(required)]
    pub last_password_rotation: Option<Timestamp>,
    /// When its client secret was rotated last; null when it is to be.
    #[serde(default)]
    #[schema(required)]
    pub last_client_rotation: Option<Timestamp>,
    /// When its configuration was changed last.
    pub last_modified: Timestamp,
    /// When its service user was brought in line with the configuration last.
    #[serde(default)]
    #[schema(required)]
    pub last_synced: Option<Timestamp>,
    /// Whether the last attempt failed.
    pub has_problems: bool,
    /// Why it did; empty when it did not.
    #[serde(default)]
    #[schema(required)]
    pub message: String,
    /// How many times in a row its secrets could not be stored.
    #[serde(default)]
    #[schema(required)]
    pub s3_errors: i32,
}

/// An application's configuration, and how its secrets are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Application {
    /// What a list says of it, too.
    #[serde(flatten)]
    #[schema(inline)]
    pub summary: ApplicationSummary,
    /// Its service user, for good.
    #[schema(examples("stups_kio"))]
    pub username: String,
    /// Its OAuth client.
    #[serde(default)]
    #[schema(required)]
    pub client_id: Option<String>,
    /// Where a login of its users ends.
    #[serde(default)]
    #[schema(required)]
    pub redirect_url: Option<String>,
    /// Whether its OAuth client has a secret.
    pub is_client_confidential: bool,
    /// Where its secrets are put, sorted.
    #[serde(default)]
    #[schema(required)]
    pub s3_buckets: Vec<String>,
    /// Kubernetes clusters that want its secrets, sorted. They are kept for those who read them.
    #[serde(default)]
    #[schema(required)]
    pub kubernetes_clusters: Vec<String>,
    /// What its tokens may do, sorted.
    #[serde(default)]
    #[schema(required)]
    pub scopes: Vec<ScopeName>,
    /// Whether its client proves itself by a key of its own (`private_key_jwt`, RFC 7523) instead of a secret. The originals do not
    /// know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_client_key: Option<bool>,
    /// When the next attempt is made, after a failed one. The originals do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<Timestamp>,
}
