//! The identity service over real HTTP, on SQLite and on PostgreSQL: what the originals' tests pin, and what is ours.

#[macro_use]
mod support;

mod audit_trail;
mod bad_input;
mod device;
mod documented;
mod login;
mod provider;
mod refresh;
mod revocation;
mod standards;
mod token_info;
mod token_service;
mod upstream;
