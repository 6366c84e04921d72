//! What the service keeps: tables and the queries on them. No HTTP here.

pub mod clients;
mod entity;
mod json;
pub mod passwords;
pub mod service_users;
pub mod users;
