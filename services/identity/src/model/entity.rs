//! The rows of the directory's tables, one file each, as m0001 and m0003 made them.
//!
//! Times are milliseconds since 1970 UTC. Lists and maps are JSON text.

pub(crate) mod account;
pub(crate) mod account_member;
pub(crate) mod client;
pub(crate) mod password;
pub(crate) mod service_client;
pub(crate) mod service_user;
pub(crate) mod ssh_key;
pub(crate) mod team;
pub(crate) mod team_alias;
pub(crate) mod team_member;
pub(crate) mod upstream_user;
pub(crate) mod user;
