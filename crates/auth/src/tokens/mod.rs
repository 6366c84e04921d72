//! The client half: tokens for our own calls.
//!
//! A service asks [`ServiceTokens`], which takes its credentials from the files that Mint and Berry deliver. A command line tool
//! asks [`get_token`] or uses a [`UserTokenSource`]: the token that a person has stored under a name, a service token where the
//! tool runs with service credentials, or a login in the browser. Both share files and behaviour with the originals (contract
//! zign), so old and new programs use one login.

mod endpoint;
mod metadata;
mod random;
mod service;
mod user;

pub use endpoint::{ClientAuthentication, EndpointError, TokenEndpoint, TokenResponse};
pub use metadata::{Metadata, discover};
pub use service::{Grant, ServiceToken, ServiceTokenError, ServiceTokenSettings, ServiceTokens, TokenStatus};
pub use user::{
    Flow, Login, LoginOptions, Session, Settings, StoredToken, TokenError, TokenFiles, TokenRequest, TokenStore,
    UserTokenSource, claims, get_token, token_service,
};
