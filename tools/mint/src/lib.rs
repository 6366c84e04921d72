//! `stups mint`: which scopes and buckets applications have, how their secrets are, and the brake on mass deletions.
//!
//! The originals had no such command line: people used YOUR TURN.

mod applications;
mod brake;
mod cli;
mod configure;
mod context;

pub use cli::{command, run, run_in};
pub use context::Context;
