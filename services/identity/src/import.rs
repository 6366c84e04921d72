//! A file of users, teams, accounts, clients and service users, applied as one step.
//!
//! What an entry does not name stays as it is, null clears it, a list is the whole list. Applied again, a file changes nothing.
//! What a file does not list is removed only when that is asked for, and only in the sections that it has.

mod apply;
mod read;

use std::path::Path;

use serde_json::json;
use stups_yaml::{Step, locate};

pub use apply::apply;
pub use read::read;

use crate::State;
use crate::audit;
use crate::model::write::{Author, Invalid, WriteError};

/// Why a file was not applied. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Something in the file is wrong.
    #[error("line {line}, column {column}: {message}")]
    File {
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What, and what would be right.
        message: String,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] std::io::Error),
    /// The database refused.
    #[error(transparent)]
    Store(#[from] stups_store::Error),
}

/// Applies the file of the setting `import`, without removing anything. A second time, and on a second instance, it changes
/// nothing.
pub async fn at_start(state: &State, path: &Path) -> Result<(), ImportError> {
    let text = std::fs::read_to_string(path)?;
    let document = read(&text)?;
    let write = state.store.write().await?;
    let author = Author {
        name: "import".to_owned(),
        now: state.clock.milliseconds(),
    };
    let changes = apply(write.transaction(), state, document, false, &author).await?;
    if !changes.is_empty() {
        let details = json!({ "changes": changes });
        write
            .commit(audit::by_service(
                "directory.imported",
                &path.display().to_string(),
                details,
            ))
            .await?;
    }
    Ok(())
}

/// Where an entry stands: section and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    section: &'static str,
    index: usize,
}

impl Place {
    fn path(self) -> Vec<Step> {
        vec![Step::Key(self.section.to_owned()), Step::Index(self.index)]
    }
}

/// An error about what stands at a path.
fn wrong(text: &str, path: &[Step], message: impl Into<String>) -> ImportError {
    let (line, column) = locate(text, path);
    ImportError::File {
        line,
        column,
        message: message.into(),
    }
}

/// An error about a field of an entry.
fn wrong_field(text: &str, place: Place, invalid: &Invalid) -> ImportError {
    let mut path = place.path();
    path.extend(invalid.field.split('.').map(|name| Step::Key(name.to_owned())));
    wrong(text, &path, invalid.to_string())
}

/// An error of a write, about an entry.
fn failed(text: &str, place: Place, error: WriteError) -> ImportError {
    match error {
        WriteError::Invalid(invalid) => wrong_field(text, place, &invalid),
        WriteError::Store(error) => error.into(),
    }
}
