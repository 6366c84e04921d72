//! What the service keeps: tables and the queries on them. No HTTP here.

pub mod accounts;
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
pub mod service_users;
pub mod sessions;
pub mod ssh_keys;
pub mod teams;
pub mod throttle;
pub mod users;
pub mod write;

/// The list of a text column that [`json::to_json`] wrote.
pub(crate) fn list_from_text(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_default()
}
