//! mint: which applications get which scopes and where their secrets are put (contract mint-berry 2.2).

mod application;
mod brake;
mod client;
mod schema;
mod write;

pub use application::{Application, ApplicationSummary, ScopeName};
pub use brake::Brake;
pub use client::{ApplicationFilter, MintClient};
pub use schema::{CONFIGURATION, STATUS, is_bucket};
pub use write::{ConfigurationWrite, StatusWrite};
