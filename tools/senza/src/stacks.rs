//! Finding stacks: references on the command line, and what CloudFormation lists.

mod listing;
mod reference;

pub use listing::{StackSummary, list_stacks, list_unique_stacks};
pub use reference::{StackReference, parse_references};
