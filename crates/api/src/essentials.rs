//! essentials: resource types and the scopes on them (contract essentials).

mod client;
mod resource_type;
mod schema;
mod scope;

pub use client::EssentialsClient;
pub use resource_type::{ResourceType, ResourceTypePatch, ResourceTypeSummary, ResourceTypeWrite};
pub use schema::{
    RESOURCE_TYPE, RESOURCE_TYPE_ID, RESOURCE_TYPE_PATCH, SCOPE, SCOPE_ID, SCOPE_PATCH, is_resource_type_id,
    is_scope_id,
};
pub use scope::{FullScope, Scope, ScopePatch, ScopeWrite};
