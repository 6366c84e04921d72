//! The commands, one file each.

pub(crate) mod credential_helper;
pub(crate) mod delete;
pub(crate) mod exec;
pub(crate) mod info;
pub(crate) mod list;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod revoke;
pub(crate) mod token;
mod token_service;

use stups_auth::tokens::{Session, Settings, StoredToken, TokenFiles};
use stups_terminal::{Failure, Terminal};

/// The token with this name, or a failure that says that there is none.
fn stored(name: &str) -> Result<StoredToken, Failure> {
    let token = TokenFiles::of_user().token(name)?;
    token.ok_or_else(|| Failure::application(format!("There is no token named \"{name}\" (zign list)")))
}

/// The configured server.
async fn session(terminal: &Terminal) -> Result<Session, Failure> {
    Ok(Session::open(terminal, Settings::load(terminal)?).await?)
}
