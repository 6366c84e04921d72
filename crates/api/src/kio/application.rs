use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// An application (contract kio 2.5). All keys are always there; what is not known is null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Application {
    /// Never changes.
    #[schema(pattern = "^[a-z][a-z0-9-]*[a-z0-9]$", examples("kio"))]
    pub id: String,
    /// The team that owns the application.
    #[schema(examples("stups"))]
    pub team_id: String,
    /// An inactive application gets no credentials.
    pub active: bool,
    /// The name as people write it.
    #[schema(examples("Kio"))]
    pub name: String,
    /// Whom to call when it does not work.
    #[serde(default)]
    #[schema(required)]
    pub incident_contact: Option<String>,
    /// One line about it.
    #[serde(default)]
    #[schema(required)]
    pub subtitle: Option<String>,
    /// What it is, as Markdown.
    #[serde(default)]
    #[schema(required)]
    pub description: Option<String>,
    /// Where it is served.
    #[serde(default)]
    #[schema(required)]
    pub service_url: Option<String>,
    /// Where its source code is.
    #[serde(default)]
    #[schema(required)]
    pub scm_url: Option<String>,
    /// Where its documentation is.
    #[serde(default)]
    #[schema(required)]
    pub documentation_url: Option<String>,
    /// Where its tickets are.
    #[serde(default)]
    #[schema(required)]
    pub specification_url: Option<String>,
    /// Where its users find help: a URL or a mail address.
    #[serde(default)]
    #[schema(required)]
    pub support_url: Option<String>,
    /// Which ticket system it uses.
    #[serde(default)]
    #[schema(required)]
    pub specification_type: Option<String>,
    /// 1 is the most critical tier, 4 is not relevant, null is not classified.
    #[serde(default)]
    #[schema(required, minimum = 1, maximum = 4)]
    pub criticality_level: Option<i16>,
    /// Whether it faces the internet.
    #[serde(default)]
    #[schema(required)]
    pub publicly_accessible: bool,
    /// How many people have to approve a version: 1 if the application's level is 1, else 2. Only of a single application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_approvers: Option<i64>,
    /// When it was registered.
    pub created: Timestamp,
    /// Who registered it.
    pub created_by: String,
    /// When it was changed last.
    pub last_modified: Timestamp,
    /// Who changed it last.
    pub last_modified_by: String,
    /// How well it matches. Only of a search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched_rank: Option<f32>,
    /// Where it matches, as HTML: matches are inside `<b>`, everything else is escaped. Only of a search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched_description: Option<String>,
}

/// What a PUT of an application carries. A null value leaves the attribute as it is (contract kio 2.7).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApplicationWrite {
    /// The team that owns the application; has to exist when it is new or changes.
    #[schema(required)]
    pub team_id: Option<String>,
    /// An inactive application gets no credentials.
    #[schema(required)]
    pub active: Option<bool>,
    /// The name as people write it.
    #[schema(required)]
    pub name: Option<String>,
    /// What else is to change.
    #[serde(flatten)]
    #[schema(inline)]
    pub change: Change,
}

/// The attributes of an application that may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Whom to call when it does not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_contact: Option<String>,
    /// One line about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<String>,
    /// What it is, as Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it is served: an http or https URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_url: Option<String>,
    /// Where its source code is: an http, https or ssh URL, or `git@host:path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scm_url: Option<String>,
    /// Where its documentation is: an http or https URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documentation_url: Option<String>,
    /// Where its tickets are: an http or https URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specification_url: Option<String>,
    /// Where its users find help: an http or https URL, or a mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_url: Option<String>,
    /// Which ticket system it uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specification_type: Option<String>,
    /// 1 is the most critical tier, 4 is not relevant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 4)]
    pub criticality_level: Option<i16>,
    /// Whether it faces the internet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publicly_accessible: Option<bool>,
    /// Computed: accepted, because clients send back what they got, and ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub required_approvers: Option<i64>,
}

/// What a PATCH of an application carries: a JSON merge patch (RFC 7396). What is missing stays, null clears.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApplicationPatch {
    /// The team that owns the application; has to exist when it changes. Cannot be cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<String>,
    /// An inactive application gets no credentials. Cannot be cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// The name as people write it. Cannot be cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What else is to change.
    #[serde(flatten)]
    #[schema(inline)]
    pub change: Change,
}

/// Something that was done to an application, to one of its versions, or to their approvals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistoryEntry {
    /// Its number in the audit trail.
    pub sequence: i64,
    /// What was done: `application.created`, `application.modified`, `version.created`, `version.modified`, `version.approved`.
    pub action: String,
    /// When.
    pub at: Timestamp,
    /// Who did it: `/employees/jdoe`.
    pub by: String,
    /// What it is now, and what each changed attribute was before.
    #[schema(value_type = Object)]
    pub details: serde_json::Value,
}
