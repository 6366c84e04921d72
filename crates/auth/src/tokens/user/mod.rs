//! Tokens for people at a command line (contract zign 2.3 to 2.6, 4 and 5).

mod browser;
mod claims;
mod code;
mod device;
mod entry;
mod error;
mod files;
mod get;
mod implicit;
mod login;
mod loopback;
mod refresh;
mod session;
mod settings;
mod token_service;

pub use claims::claims;
pub use entry::StoredToken;
pub use error::TokenError;
pub use files::{TokenFiles, TokenStore};
pub use get::{TokenRequest, UserTokenSource, get_token};
pub use login::{Flow, Login, LoginOptions};
pub use session::Session;
pub use settings::Settings;
pub use token_service::token_service;
