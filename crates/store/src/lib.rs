//! What services keep: databases, the audit trail, objects and jobs.
//!
//! A service opens one [`Store`] with its migrations. It reads through [`Store::connection`] and writes through
//! [`Store::write`] (or, for the change of a single row, [`Store::change`]), whose only ways to commit demand an audit event or the
//! explicit statement that none is due: a write and its record are in the database together or not at all.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod audit;
mod change;
mod database;
mod error;
mod held;
pub mod jobs;
mod migrate;
pub mod objects;
mod store;
mod tls;
mod write;
mod write_ahead_log;

pub use change::Change;
pub use database::{DatabaseUrl, Dialect};
pub use error::Error;
pub use held::Held;
pub use migrate::Migrations;
pub use store::Store;
pub use write::Write;
