//! The versions of an application: its stacks, and the names they share traffic on.

use std::sync::Arc;

use indexmap::IndexSet;
use stups_aws::Session;
use stups_aws::cloudformation::types::Stack;
use tokio::sync::OnceCell;

use super::shared::{self, SharedTarget};
use crate::Error;
use crate::deployed::{self, StackRecord};
use crate::route53::canonical;
use crate::stacks::{StackReference, StackSummary, describe_stacks};

/// One version: a stack that is there.
#[allow(
    clippy::struct_field_names,
    reason = "a version's version is what people call it, as in the table"
)]
#[derive(Clone, Debug)]
pub(crate) struct Version {
    /// the application
    pub(super) name: String,
    /// the tag `StackVersion`, or else what follows the stack name's last dash
    pub(super) version: String,
    /// the stack's full name, which is its records' set identifier
    pub(crate) identifier: String,
    /// the stack as described
    pub(super) stack: Stack,
    /// its target groups on listeners that versions share
    pub(super) shared: Vec<SharedTarget>,
    /// all DNS records of the stack, once somebody needed them; clones share them
    records: Arc<OnceCell<Vec<StackRecord>>>,
}

impl Version {
    fn new(summary: StackSummary, stack: Stack) -> Self {
        let tagged = stack.tags().iter().find(|tag| tag.key() == Some("StackVersion"));
        Self {
            version: tagged
                .and_then(|tag| tag.value())
                .map_or(summary.version, str::to_owned),
            name: summary.name,
            identifier: summary.stack_name,
            shared: shared::targets_of(&stack),
            stack,
            records: Arc::default(),
        }
    }

    /// All DNS records of the stack; CloudFormation is asked once.
    pub(super) async fn records(&self, session: &Session) -> Result<&[StackRecord], Error> {
        let stack = self.stack.stack_id().unwrap_or(&self.identifier);
        let records = self.records.get_or_try_init(|| deployed::records(session, stack));
        Ok(records.await?.as_slice())
    }

    /// The names whose traffic is shared between versions, canonical: all but those of records made for one version.
    pub(super) async fn domains(&self, session: &Session) -> Result<IndexSet<String>, Error> {
        let records = self.records(session).await?.iter();
        Ok(records
            .filter(|record| !record.logical_id.to_lowercase().contains("version"))
            .map(|record| canonical(&record.domain))
            .collect())
    }
}

/// All versions that `references` match, newest first, without stacks that never came to life.
pub(super) async fn list(session: &Session, references: &[StackReference]) -> Result<Vec<Version>, Error> {
    let stacks = describe_stacks(session, references).await?.into_iter();
    let alive = stacks.filter(|(summary, _)| is_alive(&summary.status));
    let versions: Vec<Version> = alive.map(|(summary, stack)| Version::new(summary, stack)).collect();
    let names: IndexSet<&str> = versions.iter().map(|version| version.name.as_str()).collect();
    if names.len() > 1 {
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_unstable();
        return Err(Error::Usage(format!(
            "Traffic is shared between versions of one application, but several match: {}",
            names.join(", ")
        )));
    }
    Ok(versions)
}

fn is_alive(status: &str) -> bool {
    !matches!(status, "ROLLBACK_COMPLETE" | "CREATE_FAILED" | "REVIEW_IN_PROGRESS")
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

    /// As if CloudFormation had been asked already.
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
            shared: Vec::new(),
            records: Arc::new(OnceCell::new_with(Some(records.collect()))),
        }
    }

    #[tokio::test]
    async fn names_of_one_version_are_not_shared() {
        let nobody = stups_aws::Credentials::new("nobody", "nobody", None, None, "test");
        let session = Session::with_credentials(nobody, "us-east-1", None);
        let version = version(&[
            ("AppLoadBalancerMainDomain", "app.example.org"),
            ("AppLoadBalancerVersionDomain", "app-v1.example.org"),
            ("SecondaryDomain", "App.Example.com."),
            ("Ipv6MainDomain", "app.example.org."),
            ("myVERSIONRecord", "v1.example.com"),
        ]);
        let domains = version.domains(&session).await.unwrap();
        assert_eq!(
            domains.into_iter().collect::<Vec<_>>(),
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
