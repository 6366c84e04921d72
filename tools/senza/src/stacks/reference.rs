//! STACK_REF: words on the command line that name stacks (contract section 2.5).

use crate::Error;

/// One reference: a regular expression for the name and, unless empty, one for the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackReference {
    /// regular expression for the stack's name without version, or a name read from a definition file
    pub name: String,
    /// regular expression for the version; none matches all
    pub version: Option<String>,
    /// the word as typed when it ends in `.yaml` or `.yml`, for the error when nothing matches
    pub definition_file: Option<String>,
}

impl StackReference {
    /// Whether this reference matches the stack with this full name. The name is split at its last dash.
    pub fn matches(&self, stack_name: &str) -> bool {
        let _ = stack_name;
        todo!()
    }
}

/// Reads the words of a command line, left to right. Names of existing files are replaced by the stack name inside.
pub fn parse_references(words: &[String]) -> Result<Vec<StackReference>, Error> {
    let _ = words;
    todo!()
}
