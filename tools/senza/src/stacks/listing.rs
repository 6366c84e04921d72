//! What CloudFormation lists.

use stups_aws::Session;

use super::StackReference;
use crate::Error;

/// One stack as `ListStacks` shows it, with its name split by Senza's convention.
#[derive(Clone, Debug, PartialEq)]
pub struct StackSummary {
    /// the full name, `<name>-<version>`
    pub stack_name: String,
    /// the ARN
    pub stack_id: String,
    /// the full name up to its last dash
    pub name: String,
    /// what follows the last dash; empty without one
    pub version: String,
    /// `CREATE_COMPLETE`, ...
    pub status: String,
    /// seconds since the epoch
    pub creation_time: f64,
    /// the template's description
    pub description: Option<String>,
}

/// All stacks (all pages) that match `references` (all stacks when there are none), newest first, without deleted ones
/// unless `include_deleted`. A reference to a definition file that matched nothing and can't be read is an error.
pub async fn list_stacks(
    session: &Session,
    references: &[StackReference],
    include_deleted: bool,
) -> Result<Vec<StackSummary>, Error> {
    let _ = (session, references, include_deleted);
    todo!()
}

/// As [`list_stacks`] with deleted ones, but only the newest stack of each full name.
pub async fn list_unique_stacks(session: &Session, references: &[StackReference]) -> Result<Vec<StackSummary>, Error> {
    let _ = (session, references);
    todo!()
}
