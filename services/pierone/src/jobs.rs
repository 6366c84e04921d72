//! What the registry does by itself.

mod collect_garbage;

pub(crate) use collect_garbage::{CollectGarbage, collect};
