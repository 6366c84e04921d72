use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Timestamp;

/// A tag in a list (contract pierone 2.6). What later versions of the original added may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TagSummary {
    /// The tag.
    pub name: String,
    /// When it got what it points to.
    pub created: Timestamp,
    /// Who pushed it.
    pub created_by: Option<String>,
    /// The digest of the image's configuration; of an index, its own.
    #[serde(default)]
    pub image: Option<String>,
    /// Under which name its vulnerabilities are reported.
    #[serde(default)]
    pub clair_id: Option<String>,
    /// The worst vulnerability that has a fix: `High`, `clair:NoCVEsFound`.
    #[serde(default)]
    pub severity_fix_available: Option<String>,
    /// The worst vulnerability that has none.
    #[serde(default)]
    pub severity_no_fix_available: Option<String>,
    /// Where its vulnerabilities are reported.
    #[serde(default)]
    pub clair_details: Option<String>,
    /// Whether its source is valid and somebody else than who pushed it has approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted: Option<Value>,
    /// `production_ready`, `inactive`, `Not Processed`, or what a checker said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_received_at: Option<Timestamp>,
    /// The digest of what it points to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// A tag by itself (contract pierone 2.7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TagDetail {
    /// The tag.
    pub name: String,
    /// Whose it is.
    pub team: String,
    /// The repository within the team.
    pub artifact: String,
    /// The digest of the image's configuration; of an index, its own.
    pub image: String,
    /// The digest of what it points to.
    pub digest: String,
    /// What it points to: an image, an artifact or an index.
    pub media_type: String,
    /// When it got what it points to.
    pub created: Timestamp,
    /// Who pushed it.
    pub created_by: String,
    /// Whether it can be pulled.
    pub active: bool,
    /// Whether its source is valid and somebody else than who pushed it has approved it.
    pub trusted: bool,
    /// `production_ready`, `inactive`, `Not Processed`, or what a checker said.
    pub status: String,
    /// Why, in a few words.
    pub status_reason_summary: Option<String>,
    /// Why, in detail.
    pub status_reason_details: Option<String>,
    /// Since when.
    pub status_received_at: Option<Timestamp>,
    /// What the automatic check says.
    pub checker_status: Option<String>,
    /// Since when.
    pub checker_status_received_at: Option<Timestamp>,
    /// Why.
    pub checker_status_reason: Option<String>,
    /// Why, in detail.
    pub checker_status_reason_details: Option<String>,
    /// What a person said.
    pub user_status: Option<String>,
    /// When.
    pub user_status_received_at: Option<Timestamp>,
    /// Why.
    pub user_status_reason: Option<String>,
    /// The incident that demanded it.
    pub user_status_issue: Option<String>,
    /// Who it was.
    pub user_status_set_by: Option<String>,
    /// What was decided in an emergency.
    pub emergency_status: Option<String>,
    /// When.
    pub emergency_status_received_at: Option<Timestamp>,
    /// Why.
    pub emergency_status_reason: Option<String>,
    /// Signatures, provenance, lists of contents and other artifacts that refer to it.
    pub referrers: Vec<Referrer>,
}

/// An artifact that refers to an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Referrer {
    /// Its digest.
    pub digest: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

/// An image by the names of its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ImageName {
    /// The tag.
    pub name: String,
    /// Whose it is.
    pub team: String,
    /// The repository within the team.
    pub artifact: String,
}

/// How much there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Stats {
    /// Teams that have tags.
    pub teams: i64,
    /// Bytes of content.
    pub storage: Option<i64>,
}

/// How much a team has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TeamStats {
    /// Repositories that have tags.
    pub artifacts: i64,
    /// Tags.
    pub tags: i64,
}

/// The status of a tag that was withdrawn.
pub const INACTIVE: &str = "inactive";

/// Whether a tag can be pulled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Active {
    /// Whether it can.
    pub active: bool,
    /// Why, or why not.
    pub reason: String,
}

/// What happened to a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HistoryEntry {
    /// `created`, `moved`, `deactivated`, `activated`, `purged`.
    pub action: String,
    /// What the tag points to since.
    pub digest: String,
    /// What it pointed to before.
    pub previous: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub changed_at: Timestamp,
    /// Who did it: `/realm/uid`.
    pub changed_by: String,
}

/// Which image is to be removed for good, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Purge {
    /// `team/artifact`.
    pub repository: String,
    /// The digest of the manifest.
    pub digest: String,
    /// Why.
    pub reason: String,
    /// Where that was decided.
    pub ticket: String,
}

/// What is left of an image that was removed for good, or is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tombstone {
    /// `team/artifact`.
    pub repository: String,
    /// The digest of the manifest.
    pub digest: String,
    /// Names that it had.
    pub tags: Vec<String>,
    /// Content that only it had.
    pub blobs: Vec<String>,
    /// How many bytes that was.
    pub size: i64,
    /// Why.
    pub reason: String,
    /// Where that was decided.
    pub ticket: String,
    /// Who asked for it: `/realm/uid`.
    pub requested_by: String,
    /// When.
    pub requested_at: Timestamp,
    /// Who else agreed; nobody yet when missing.
    pub approved_by: Option<String>,
    /// When.
    pub approved_at: Option<Timestamp>,
}

/// An error of the distribution protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OciError {
    /// `BLOB_UNKNOWN`, `DENIED`.
    pub code: String,
    /// What was wrong.
    #[serde(default)]
    pub message: String,
    /// More about it.
    #[serde(default)]
    pub detail: Value,
}

/// All that was wrong with a request of the distribution protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OciErrors {
    /// Each.
    pub errors: Vec<OciError>,
}
