//! The versions of an application: its stacks, and the names they share traffic on.

use futures::{StreamExt, TryStreamExt, stream};
use indexmap::IndexSet;
use stups_aws::Session;
use stups_aws::cloudformation::types::Stack;

use crate::Error;
use crate::deployed::{self, StackRecord};
use crate::route53::canonical;
use crate::stacks::{StackReference, StackSummary, list_stacks};

/// How many stacks are asked about at the same time.
const AT_THE_SAME_TIME: usize = 8;

/// One version: a stack that is there.
#[allow(
    clippy::struct_field_names,
    reason = "a version's version is what people call it, as in the table"
)]
#[derive(Clone, Debug)]
pub(super) struct Version {
    /// the application
    pub(super) name: String,
    /// the tag `StackVersion`, or else what follows the stack name's last dash
    pub(super) version: String,
    /// the stack's full name, which is its records' set identifier
    pub(super) identifier: String,
    /// the stack as described
    pub(super) stack: Stack,
    /// all DNS records of the stack
    pub(super) records: Vec<StackRecord>,
}

impl Version {
    /// The names whose traffic is shared between versions, canonical: all but those of records made for one version.
    pub(super) fn domains(&self) -> IndexSet<String> {
        self.records
            .iter()
            .filter(|record| !record.logical_id.to_lowercase().contains("version"))
            .map(|record| canonical(&record.domain))
            .collect()
    }
}

/// All versions that `references` match, newest first, without stacks that never came to life.
pub(super) async fn list(session: &Session, references: &[StackReference]) -> Result<Vec<Version>, Error> {
    let stacks = list_stacks(session, references, false).await?;
    let alive: Vec<StackSummary> = stacks.into_iter().filter(|stack| is_alive(&stack.status)).collect();
    let names: IndexSet<&str> = alive.iter().map(|stack| stack.name.as_str()).collect();
    if names.len() > 1 {
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_unstable();
        return Err(Error::Usage(format!(
            "Traffic is shared between versions of one application, but several match: {}",
            names.join(", ")
        )));
    }
    let versions: Vec<Option<Version>> = stream::iter(alive.into_iter().map(|stack| load(session, stack)))
        .buffered(AT_THE_SAME_TIME)
        .try_collect()
        .await?;
    Ok(versions.into_iter().flatten().collect())
}

fn is_alive(status: &str) -> bool {
    !matches!(status, "ROLLBACK_COMPLETE" | "CREATE_FAILED" | "REVIEW_IN_PROGRESS")
}

/// Nothing when the stack went away since it was listed.
async fn load(session: &Session, stack: StackSummary) -> Result<Option<Version>, Error> {
    let Some(described) = deployed::describe(session, &stack.stack_id).await? else {
        return Ok(None);
    };
    let records = deployed::records(session, &stack.stack_id).await?;
    let tagged = described.tags().iter().find(|tag| tag.key() == Some("StackVersion"));
    Ok(Some(Version {
        version: tagged.and_then(|tag| tag.value()).map_or(stack.version, str::to_owned),
        name: stack.name,
        identifier: stack.stack_name,
        stack: described,
        records,
    }))
}

/// The version called `wanted`.
pub(super) fn find<'v>(versions: &'v [Version], wanted: &str) -> Result<&'v Version, Error> {
    versions
        .iter()
        .find(|version| version.version == wanted)
        .ok_or_else(|| Error::Usage(format!("Stack version {wanted} not found")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(records: &[(&str, &str)]) -> Version {
        let records = records.iter().map(|(logical_id, domain)| StackRecord {
            logical_id: (*logical_id).to_owned(),
            domain: (*domain).to_owned(),
            updated: None,
        });
        Version {
            name: "app".to_owned(),
            version: "v1".to_owned(),
            identifier: "app-v1".to_owned(),
            stack: Stack::builder().build(),
            records: records.collect(),
        }
    }

    #[test]
    fn names_of_one_version_are_not_shared() {
        let version = version(&[
            ("AppLoadBalancerMainDomain", "app.example.org"),
            ("AppLoadBalancerVersionDomain", "app-v1.example.org"),
            ("SecondaryDomain", "App.Example.com."),
            ("Ipv6MainDomain", "app.example.org."),
            ("myVERSIONRecord", "v1.example.com"),
        ]);
        assert_eq!(
            version.domains().into_iter().collect::<Vec<_>>(),
            ["app.example.org", "app.example.com"]
        );
    }

    #[test]
    fn a_version_that_is_not_there_is_wrong_usage() {
        let versions = [version(&[])];
        assert_eq!(find(&versions, "v1").unwrap().identifier, "app-v1");
        let error = find(&versions, "v2").unwrap_err().into_failure();
        assert_eq!(
            (error.exit_code, error.message.as_str()),
            (2, "Stack version v2 not found")
        );
    }

    #[test]
    fn stacks_that_never_came_to_life_are_left_out() {
        for status in ["ROLLBACK_COMPLETE", "CREATE_FAILED", "REVIEW_IN_PROGRESS"] {
            assert!(!is_alive(status));
        }
        assert!(is_alive("UPDATE_ROLLBACK_COMPLETE"));
    }
}
