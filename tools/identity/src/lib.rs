//! `stups identity`: users, teams, accounts, OAuth clients and service users of the identity service, for its administrators.

mod accounts;
mod apply;
mod cli;
mod clients;
mod context;
mod service_users;
mod teams;
mod users;

pub use cli::{command, run, run_in};
pub use context::Context;
