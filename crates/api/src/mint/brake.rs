use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// What stops a mass deletion: when too many applications would lose their service users in one cycle, none does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Brake {
    /// Whether it holds deletions back now.
    pub engaged: bool,
    /// Since when.
    pub since: Option<Timestamp>,
    /// The applications whose service users would be deleted.
    pub applications: Vec<String>,
    /// How many applications there are in all.
    pub of: u64,
    /// Whether somebody has let these deletions through, and the next cycle will do them.
    pub released: bool,
}
