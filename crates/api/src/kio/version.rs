use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// A version of an application (contract kio 2.8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Version {
    /// Never changes.
    #[schema(pattern = "^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$", examples("1.0"))]
    pub id: String,
    /// The application.
    pub application_id: String,
    /// What is deployed.
    #[schema(examples("docker://stups/kio:1.0"))]
    pub artifact: String,
    /// Release notes, as Markdown.
    #[serde(default)]
    #[schema(required)]
    pub notes: Option<String>,
    /// When it was registered.
    pub created: Timestamp,
    /// Who registered it.
    pub created_by: String,
    /// When it was changed last; its approvals are of this moment or later.
    pub last_modified: Timestamp,
    /// Who changed it last.
    pub last_modified_by: String,
}

/// A version in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionSummary {
    /// Never changes.
    pub id: String,
    /// The application.
    pub application_id: String,
    /// What is deployed.
    pub artifact: String,
    /// When it was changed last.
    pub last_modified: Timestamp,
}

/// What a PUT of a version carries. It removes the version's approvals: they are for exactly what was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionWrite {
    /// What is deployed.
    pub artifact: String,
    /// Release notes, as Markdown.
    #[serde(default)]
    pub notes: Option<String>,
}

/// Somebody's approval of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// The application.
    pub application_id: String,
    /// The version.
    pub version_id: String,
    /// What was approved.
    #[schema(examples("CODE_CHANGE"))]
    pub approval_type: String,
    /// Who approved it.
    pub user_id: String,
    /// When.
    pub approved_at: Timestamp,
    /// Why, as Markdown.
    #[serde(default)]
    #[schema(required)]
    pub notes: Option<String>,
}

/// What a POST of an approval carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalWrite {
    /// What is approved; clients use SPECIFICATION, CODE_CHANGE, TEST and DEPLOY.
    pub approval_type: String,
    /// Why, as Markdown.
    #[serde(default)]
    pub notes: Option<String>,
}
