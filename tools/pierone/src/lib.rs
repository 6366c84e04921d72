//! The command line of the registry of images: tags, sources, contents, approvals, and Docker's credential helper (contract
//! pierone 2.15).

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod approvals;
mod cli;
mod contents;
mod context;
mod credential_helper;
mod describe;
mod docker_config;
mod image_name;
mod import;
mod listings;
mod login;
mod platform;
mod promotion;
mod scm_source;
mod tags;
mod vulnerabilities;

pub use cli::{command, run, run_in};
pub use context::Context;
pub use credential_helper::{command as credential_helper_command, run as run_credential_helper};
