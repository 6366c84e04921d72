//! The OAuth 2.0 provider with token info, token revocation, teams, users and service users (contract identity).

#![allow(
    unreachable_pub,
    reason = "`pub` is a module's interface; what SeaORM derives is public, too"
)]

mod administration;
mod argon2id;
mod audit;
mod authorization;
mod browser;
mod brute_force;
mod client_authentication;
pub mod config;
mod grants;
mod hasher;
mod import;
mod issue;
mod issue_log;
mod jobs;
mod keys;
mod master_key;
mod migrations;
mod model;
mod neighbour;
mod opaque;
mod parameters;
mod realms;
mod redirects;
mod revoked;
mod routes;
mod scopes;
mod secret;
mod seed;
mod start;
mod state;
mod upgrades;
mod upstream;
mod verified;
mod verify;

pub use config::Config;
pub use neighbour::NeighbourTokens;
pub use start::{Administrator, Identity, build, build_at};
pub use state::State;

#[cfg(test)]
mod directory_tests;
