//! `stups audit`: an audit trail is read and checked by somebody else than the service that keeps it.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod export;
mod source;
mod verify;

pub use cli::{command, run, run_in};
