//! The command line of the application registry: applications, their versions and approvals (contract kio 2.14).

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod applications;
mod cli;
mod context;
mod fields;
mod versions;

pub use cli::{command, run, run_in};
pub use context::Context;
