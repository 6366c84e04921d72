//! What the registry does by itself.

mod collect_garbage;
mod read_provenance;

pub(crate) use collect_garbage::{CollectGarbage, collect};
pub(crate) use read_provenance::ReadProvenance;
