use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ScopeName;
use crate::Timestamp;

/// What a PUT of an application's configuration carries: all of it. A list that is missing is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigurationWrite {
    /// Whether its OAuth client has a secret.
    pub is_client_confidential: bool,
    /// Whether its client proves itself by a key of its own instead of a secret; only of a confidential client. Stays as it is when it
    /// is missing or null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_client_key: Option<bool>,
    /// Where a login of its users ends: an https URL. An empty text, null and nothing are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<String>,
    /// Where its secrets are put: the name of an S3 bucket; or `s3://bucket`, `secretsmanager://prefix`, `ssm://prefix`, each with
    /// `?region=` and `?kms=` as needed; or `gs://bucket`.
    #[serde(default)]
    pub s3_buckets: Vec<String>,
    /// Kubernetes clusters that want its secrets.
    #[serde(default)]
    pub kubernetes_clusters: Vec<String>,
    /// What its tokens may do.
    #[serde(default)]
    pub scopes: Vec<ScopeName>,
}

/// What a PATCH of an application carries: how its secrets are. What is missing or null stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusWrite {
    /// Its OAuth client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// When its password was rotated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_password_rotation: Option<Timestamp>,
    /// When its client secret was rotated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_client_rotation: Option<Timestamp>,
    /// When its service user was brought in line with the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_synced: Option<Timestamp>,
    /// Whether the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_problems: Option<bool>,
    /// Why it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How many times in a row its secrets could not be stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3_errors: Option<i32>,
}
