//! What the service keeps: tables and the queries on them. No HTTP here.

pub mod accounts;
pub mod assertions;
pub mod clients;
pub mod codes;
pub mod consents;
pub mod device_codes;
pub(crate) mod entity;
mod json;
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

/// A list in a text column, as JSON.
pub(crate) fn list_to_text(list: &[String]) -> String {
    serde_json::to_string(list).expect("a list of strings is JSON")
}

/// The list of a text column that [`list_to_text`] wrote.
pub(crate) fn list_from_text(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_default()
}
