//! One file per command: its arguments, and `run`.

pub(crate) mod cleanup;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod deploy;
pub(crate) mod domains;
pub(crate) mod events;
pub(crate) mod generation;
pub(crate) mod images;
pub(crate) mod init;
mod instance_health;
pub(crate) mod instances;
pub(crate) mod list;
pub(crate) mod print;
mod request_access;
pub(crate) mod resources;
pub(crate) mod rollback;
pub(crate) mod status;
pub(crate) mod traffic;
pub(crate) mod update;
pub(crate) mod wait;
