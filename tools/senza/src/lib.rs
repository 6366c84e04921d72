//! Senza: a definition becomes a running, immutable, versioned CloudFormation stack.
//!
//! The library is the command ([`run`]) and the parts another program needs to do the same without a subprocess: evaluating a
//! definition ([`template`]), listing and matching stacks ([`stacks`]), and the arithmetic of weighted traffic ([`weights`]).

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod account;
mod checks;
mod clean_up;
mod cli;
mod commands;
mod compatibility;
mod components;
mod context;
mod deployed;
mod diff;
mod digest;
mod duration;
mod ec2;
mod error;
mod http;
mod init;
mod launch;
mod lint;
mod live;
mod load_balancer_name;
mod login;
mod option_defaults;
mod polling;
mod route53;
mod scaling_groups;
mod settings;
mod spotinst;
mod stack_tags;
pub mod stacks;
mod styles;
pub mod template;
mod unknown_error;
mod updates;
mod user_data;
pub mod weights;

pub use cli::{command, run, run_in};
pub use compatibility::{Compatibility, CompatibilityChoice};
pub use error::Error;
