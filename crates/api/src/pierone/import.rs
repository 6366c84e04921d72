use serde::{Deserialize, Serialize};

use super::ScmSource;
use crate::Timestamp;

/// A tag of an original Pier One, as its interface tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// `team/artifact`
    pub repository: String,
    /// The tag's name.
    pub tag: String,
    /// What the original answers to `GET /v2/{repository}/manifests/{tag}`, byte for byte: clients know the digest of it.
    pub manifest: String,
    /// When it was pushed there.
    pub created: Timestamp,
    /// By whom; the original does not always know.
    #[serde(default)]
    pub created_by: Option<String>,
    /// What it was made from, as the original says.
    #[serde(default)]
    pub scm_source: Option<ScmSource>,
}

/// A tag that was taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Imported {
    /// The digest of its manifest.
    pub digest: String,
}
