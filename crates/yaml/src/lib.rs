//! The platform's YAML.
//!
//! Files in the field were written for PyYAML, so this reader resolves scalars by PyYAML's YAML 1.1 rules, knows
//! CloudFormation's short tags, refuses what PyYAML refuses, and bounds what an alias may expand to. The writer produces
//! PyYAML's block style byte for byte: the text of user data decides whether an instance is replaced.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod analysis;
mod compose;
mod construct;
mod dump;
mod load;
mod locate;
mod outline;
mod reader;
mod scalar;
mod scan_scalar;
mod scanner;
mod syntax;
mod tag;
mod token;
mod value;

pub use dump::{dump, dump_indented, dumps_plain, sorted};
pub use load::{Error, load};
pub use locate::{Step, locate};
pub use outline::Outline;
pub use scalar::resolve;
pub use value::{Key, Map, Value};
