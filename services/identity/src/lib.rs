//! The OAuth 2.0 provider with token info, token revocation, teams, users and service users (contract identity).

mod administration;
pub mod clock;
pub mod config;
mod hasher;
mod import;
mod keys;
mod master_key;
mod migrations;
mod model;
mod realms;
mod routes;
mod secret;
mod state;

pub use config::Config;
pub use state::State;
