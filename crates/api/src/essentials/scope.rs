use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// What may be done to resources of a type (contract essentials 2.3). Its full name is the resource type's id, a dot, and its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Scope {
    /// Without the resource type. Never changes.
    #[schema(pattern = "^[a-z][a-z0-9-_]*[a-z0-9]$", examples("read"))]
    pub id: String,
    /// One line about it.
    #[schema(examples("Read sales orders"))]
    pub summary: String,
    /// What it allows.
    #[serde(default)]
    #[schema(required)]
    pub description: Option<String>,
    /// What the owner of a resource reads before granting it.
    #[serde(default)]
    #[schema(required)]
    pub user_information: Option<String>,
    /// The same in other languages, by their tags (BCP 47).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(examples(json!({"de": "Deine Bestellungen lesen"})))]
    pub user_information_by_language: BTreeMap<String, String>,
    /// Whether the owner of a resource grants it; otherwise an application has it.
    pub is_resource_owner_scope: bool,
    /// 1 is the least critical, 3 the most.
    #[schema(minimum = 1, maximum = 3)]
    pub criticality_level: i16,
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

/// What a PUT of a scope carries: all of it. What is missing becomes empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScopeWrite {
    /// One line about it.
    pub summary: String,
    /// What it allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the owner of a resource reads before granting it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_information: Option<String>,
    /// The same in other languages, by their tags (BCP 47).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub user_information_by_language: BTreeMap<String, String>,
    /// Whether the owner of a resource grants it: the resource type has to have owners then. Null is false.
    #[schema(required)]
    pub is_resource_owner_scope: Option<bool>,
    /// 1 is the least critical, 3 the most; 2 when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3)]
    pub criticality_level: Option<i16>,
}

/// What a PATCH of a scope carries: a JSON merge patch (RFC 7396). What is missing stays, null clears.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScopePatch {
    /// One line about it. Cannot be cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What it allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the owner of a resource reads before granting it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_information: Option<String>,
    /// The same in other languages: replaced as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_information_by_language: Option<BTreeMap<String, String>>,
    /// Whether the owner of a resource grants it. Null is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_resource_owner_scope: Option<bool>,
    /// 1 is the least critical, 3 the most. Null is 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3)]
    pub criticality_level: Option<i16>,
}

/// A scope under its full name, as tokens carry it. The originals do not list them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FullScope {
    /// The resource type's id, a dot, and the scope's id.
    #[schema(examples("sales_order.read"))]
    pub name: String,
    /// Which resource type it is a scope of.
    pub resource_type_id: String,
    /// Its id without the resource type.
    pub scope_id: String,
    /// One line about it.
    pub summary: String,
    /// Whether the owner of a resource grants it.
    pub is_resource_owner_scope: bool,
    /// The realms whose users own resources of the type.
    pub resource_owners: Vec<String>,
    /// 1 is the least critical, 3 the most.
    #[schema(minimum = 1, maximum = 3)]
    pub criticality_level: i16,
}
