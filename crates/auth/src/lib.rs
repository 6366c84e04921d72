//! OAuth 2.0 both ways: who is calling ([`Verifier`], [`Caller`], [`Policy`]) and who we are ([`tokens`]).

mod caller;
pub mod crypto;
mod policy;
pub mod tokens;
mod verifier;

pub use caller::Caller;
pub use policy::{Policy, PolicyUnavailable};
pub use verifier::{Verifier, Verify, VerifyError};
