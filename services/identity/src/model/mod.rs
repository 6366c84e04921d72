//! What the service keeps: tables and the queries on them. No HTTP here.

pub mod accounts;
pub mod app_passwords;
pub mod assertions;
pub mod clients;
pub mod codes;
pub mod consents;
pub mod device_codes;
pub(crate) mod entity;
pub(crate) mod json;
pub mod keys;
pub mod passwords;
pub mod refresh_tokens;
pub mod revocations;
pub(crate) mod rows;
pub mod service_users;
pub mod sessions;
pub mod ssh_keys;
pub mod teams;
pub mod throttle;
pub mod upstream_logins;
pub(crate) mod upstream_users;
pub mod users;
pub mod write;
