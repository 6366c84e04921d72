//! What CloudFormation lists.

use std::collections::{HashMap, HashSet};
use std::fs::File;

use stups_aws::Session;
use stups_aws::cloudformation::types::{Stack, StackStatus, StackSummary as Listed};

use super::{StackReference, matches_any, split_stack_name};
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

impl From<Listed> for StackSummary {
    fn from(listed: Listed) -> Self {
        let stack_name = listed.stack_name.unwrap_or_default();
        let (name, version) = split_stack_name(&stack_name);
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            // A summary has an ARN except for stacks that are only under review; they are asked for by name.
            stack_id: listed.stack_id.unwrap_or_else(|| stack_name.clone()),
            status: listed
                .stack_status
                .map(|status| status.as_str().to_owned())
                .unwrap_or_default(),
            creation_time: listed.creation_time.map_or(0.0, |time| time.as_secs_f64()),
            description: listed.template_description,
            stack_name,
        }
    }
}

impl From<&Stack> for StackSummary {
    fn from(described: &Stack) -> Self {
        Listed::builder()
            .set_stack_name(described.stack_name.clone())
            .set_stack_id(described.stack_id.clone())
            .set_stack_status(described.stack_status.clone())
            .set_creation_time(described.creation_time)
            .set_template_description(described.description.clone())
            .build()
            .into()
    }
}

/// All stacks (all pages) that match `references` (all stacks when there are none), newest first, without deleted ones
/// unless `include_deleted`. A reference to a definition file that matched nothing and can't be read is an error.
pub async fn list_stacks(
    session: &Session,
    references: &[StackReference],
    include_deleted: bool,
) -> Result<Vec<StackSummary>, Error> {
    let listed = session
        .cloudformation()
        .list_stacks()
        .set_stack_status_filter((!include_deleted).then(existing_statuses))
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<Listed>, _>>()
        .await?;
    select(listed.into_iter().map(StackSummary::from).collect(), references)
}

/// As [`list_stacks`], without deleted ones, each with all that CloudFormation says of it: as many calls, where one for each
/// stack would be needed after it.
pub(crate) async fn describe_stacks(
    session: &Session,
    references: &[StackReference],
) -> Result<Vec<(StackSummary, Stack)>, Error> {
    let described = session
        .cloudformation()
        .describe_stacks()
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<Stack>, _>>()
        .await?;
    let mut by_id: HashMap<String, Stack> = HashMap::new();
    let mut summaries = Vec::with_capacity(described.len());
    let is_there = |stack: &Stack| stack.stack_status() != Some(&StackStatus::DeleteComplete);
    for stack in described.into_iter().filter(is_there) {
        let summary = StackSummary::from(&stack);
        by_id.insert(summary.stack_id.clone(), stack);
        summaries.push(summary);
    }
    let selected = select(summaries, references)?.into_iter();
    Ok(selected
        .filter_map(|summary| {
            let stack = by_id.remove(&summary.stack_id)?;
            Some((summary, stack))
        })
        .collect())
}

/// As [`list_stacks`], sorted by name and version.
pub(crate) async fn list_stacks_by_name(
    session: &Session,
    references: &[StackReference],
    include_deleted: bool,
) -> Result<Vec<StackSummary>, Error> {
    let mut stacks = list_stacks(session, references, include_deleted).await?;
    stacks.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    Ok(stacks)
}

/// As [`list_stacks`] with deleted ones, but only the newest stack of each full name.
pub async fn list_unique_stacks(session: &Session, references: &[StackReference]) -> Result<Vec<StackSummary>, Error> {
    Ok(newest_of_each_name(list_stacks(session, references, true).await?))
}

/// Every status but that of a stack which is gone.
fn existing_statuses() -> Vec<StackStatus> {
    StackStatus::values()
        .iter()
        .map(|status| StackStatus::from(*status))
        .filter(|status| *status != StackStatus::DeleteComplete)
        .collect()
}

fn select(mut stacks: Vec<StackSummary>, references: &[StackReference]) -> Result<Vec<StackSummary>, Error> {
    stacks.retain(|stack| matches_any(references, &stack.stack_name));
    for reference in references {
        if let Some(path) = &reference.definition_file
            && !stacks.iter().any(|stack| reference.matches(&stack.stack_name))
        {
            File::open(path).map_err(|source| Error::File {
                path: path.clone(),
                source,
            })?;
        }
    }
    stacks.sort_by(|one, other| other.creation_time.total_cmp(&one.creation_time));
    Ok(stacks)
}

fn newest_of_each_name(mut newest_first: Vec<StackSummary>) -> Vec<StackSummary> {
    let mut seen = HashSet::new();
    newest_first.retain(|stack| seen.insert(stack.stack_name.clone()));
    newest_first
}

#[cfg(test)]
mod tests {
    use stups_aws::cloudformation::primitives::DateTime;

    use super::*;

    fn stack(name: &str, status: StackStatus, created: i64) -> StackSummary {
        Listed::builder()
            .stack_name(name)
            .stack_id(format!("arn:{name}/{created}"))
            .stack_status(status)
            .creation_time(DateTime::from_secs(created))
            .build()
            .into()
    }

    #[test]
    fn newest_come_first_and_older_namesakes_can_be_left_out() {
        let stacks = vec![
            stack("a-1", StackStatus::DeleteComplete, 10),
            stack("b-1", StackStatus::CreateComplete, 20),
            stack("a-1", StackStatus::UpdateComplete, 30),
        ];
        let all = select(stacks, &[]).unwrap();
        assert_eq!(
            all.iter().map(|s| s.creation_time as i64).collect::<Vec<_>>(),
            [30, 20, 10]
        );
        let unique = newest_of_each_name(all);
        assert_eq!(
            unique.iter().map(|s| s.status.as_str()).collect::<Vec<_>>(),
            ["UPDATE_COMPLETE", "CREATE_COMPLETE"]
        );
    }

    #[test]
    fn references_select() {
        let stacks = vec![
            stack("a-1", StackStatus::CreateComplete, 1),
            stack("a-2", StackStatus::CreateComplete, 2),
            stack("b-1", StackStatus::CreateComplete, 3),
        ];
        let selected = select(stacks, &[StackReference::new("a", Some("2")).unwrap()]).unwrap();
        assert_eq!(selected.len(), 1);
        assert_eq!((selected[0].name.as_str(), selected[0].version.as_str()), ("a", "2"));
    }

    #[test]
    fn a_missing_definition_file_that_matched_nothing_is_an_error() {
        let references = super::super::parse_references(&["no-such-file.yaml".to_owned()]).unwrap();
        let error = select(vec![stack("a-1", StackStatus::CreateComplete, 1)], &references).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Could not open file no-such-file.yaml: No such file or directory"
        );
        // As a regular expression it may still match.
        let named = stack("no-such-fileXyaml-1", StackStatus::CreateComplete, 1);
        assert_eq!(select(vec![named], &references).unwrap().len(), 1);
    }

    #[test]
    fn stacks_under_review_and_imports_are_listed() {
        let statuses = existing_statuses();
        for status in [
            StackStatus::ReviewInProgress,
            StackStatus::ImportComplete,
            StackStatus::DeleteFailed,
        ] {
            assert!(statuses.contains(&status), "{status}");
        }
        assert!(!statuses.contains(&StackStatus::DeleteComplete));
    }
}
