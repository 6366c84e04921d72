//! OAuth 2.0 both ways: who is calling ([`Verifier`], [`Caller`], [`Policy`]) and who we are ([`tokens`]); and who has logged in
//! at another provider ([`openid`]).

mod admin_list;
mod cache;
mod caller;
mod claims;
pub mod crypto;
mod http_policy;
mod insecure;
mod jwt;
mod key_set;
pub mod openid;
mod policy;
mod revocations;
mod token_info;
pub mod tokens;
mod verifier;

pub use admin_list::AdminList;
pub use caller::{Caller, canonical_realm};
pub use http_policy::HttpPolicy;
pub use insecure::InsecurePolicy;
pub use jwt::JwtSettings;
pub use policy::{NoPolicy, Policy, PolicyUnavailable};
pub use revocations::{DEFAULT_REVOCATION_SALT, hash as revocation_hash};
pub use token_info::{TokenInfoSettings, TokenPlace};
pub use verifier::{Verification, Verifier, Verify, VerifyError};

/// Why a verifier or a policy cannot be set up: a setting is wrong, or the machine's trusted certificates cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SetupError(pub String);

impl From<stups_api::client::Error> for SetupError {
    fn from(error: stups_api::client::Error) -> Self {
        Self(error.to_string())
    }
}
