//! Zign: OAuth tokens for people at a command line, and for the scripts they write.
//!
//! Two commands: `zign`, and `ztoken`, which asks a browser or a refresh token only. What they do is in
//! [`stups_auth::tokens`], so that every other tool gets its tokens in the same way, from the same files.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod commands;
mod ztoken;

pub use cli::{command, run};
pub use ztoken::{command as ztoken_command, run as run_ztoken};
