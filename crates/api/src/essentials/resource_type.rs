use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// A resource type as it stands in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceTypeSummary {
    /// Never changes. What is before a dot is the application that it belongs to.
    #[schema(pattern = "^[a-z][a-z0-9-_]*(?:\\.[a-z0-9-_]*)?[a-z0-9]$", examples("sales_order"))]
    pub id: String,
    /// The name as people write it.
    #[schema(examples("Sales Order"))]
    pub name: String,
}

/// A category of data (contract essentials 2.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceType {
    /// Never changes. What is before a dot is the application that it belongs to.
    #[schema(pattern = "^[a-z][a-z0-9-_]*(?:\\.[a-z0-9-_]*)?[a-z0-9]$", examples("sales_order"))]
    pub id: String,
    /// The name as people write it.
    #[schema(examples("Sales Order"))]
    pub name: String,
    /// What it is.
    #[serde(default)]
    #[schema(required)]
    pub description: Option<String>,
    /// The realms whose users own resources of this type.
    #[serde(default)]
    #[schema(required, examples(json!(["employees"])))]
    pub resource_owners: Vec<String>,
    /// When it was made. The originals do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When it was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<Timestamp>,
    /// Who changed it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified_by: Option<String>,
}

/// What a PUT of a resource type carries: all of it. What is missing becomes empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceTypeWrite {
    /// The name as people write it.
    pub name: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The realms whose users own resources of this type, each once. Realms that the service does not know are refused.
    #[serde(default)]
    pub resource_owners: Vec<String>,
}

/// What a PATCH of a resource type carries: a JSON merge patch (RFC 7396). What is missing stays, null clears.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceTypePatch {
    /// The name as people write it. Cannot be cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The realms whose users own resources of this type. Cannot be null; an empty list clears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_owners: Option<Vec<String>>,
}
