//! Identity: tokens, token info, service users, teams, users, policy.

mod discovery;
mod token;
mod token_info;

pub use discovery::Metadata;
pub use token::{DeviceAuthorization, Introspection, TokenResponse};
pub use token_info::TokenInfo;
