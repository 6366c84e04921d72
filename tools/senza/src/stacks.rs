//! Finding stacks: references on the command line, and what CloudFormation lists.

mod contents;
mod event;
mod listing;
mod reference;

pub(crate) use contents::{about_each, events_of, resources_of, short_resource_type};
pub(crate) use event::{is_stopped_by_hook, reason_of};
pub use listing::{StackSummary, list_stacks, list_unique_stacks};
pub(crate) use listing::{describe_stacks, list_stacks_by_name};
pub use reference::{StackReference, parse_references};

/// A full stack name as name and version: what stands before and after its last dash. Without a dash the version is empty.
pub fn split_stack_name(stack_name: &str) -> (&str, &str) {
    stack_name.rsplit_once('-').unwrap_or((stack_name, ""))
}

/// Whether any reference matches the stack with this full name; no reference at all matches every stack.
pub fn matches_any(references: &[StackReference], stack_name: &str) -> bool {
    references.is_empty() || references.iter().any(|reference| reference.matches(stack_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_name_splits_at_its_last_dash() {
        for (full, expected) in [
            ("hello-world-v1", ("hello-world", "v1")),
            ("plain", ("plain", "")),
            ("trailing-", ("trailing", "")),
            ("-v1", ("", "v1")),
            ("", ("", "")),
        ] {
            assert_eq!(split_stack_name(full), expected, "{full}");
        }
    }

    #[test]
    fn no_reference_matches_every_stack() {
        assert!(matches_any(&[], "anything"));
        let other = StackReference::new("other", None).unwrap();
        assert!(!matches_any(std::slice::from_ref(&other), "anything"));
        assert!(matches_any(
            &[StackReference::new("any.*", None).unwrap(), other],
            "anything"
        ));
    }
}
