//! `zign revoke`

use secrecy::ExposeSecret as _;
use stups_auth::tokens::TokenFiles;
use stups_terminal::{Failure, Terminal};

use super::{session, stored};

/// Give a named token back to the server, and delete it
#[derive(Debug, clap::Args)]
pub(crate) struct RevokeArguments {
    /// The token's name
    name: String,
}

/// Runs the command. The token is only deleted once the server has taken it back.
pub(crate) async fn run(terminal: &Terminal, arguments: &RevokeArguments) -> Result<(), Failure> {
    let token = stored(&arguments.name)?;
    let session = session(terminal).await?;
    let action = terminal.action(&format!("Revoking token {}..", arguments.name));
    let taken = session
        .revoke(token.access_token.expose_secret(), "access_token")
        .await?;
    if !taken {
        return Err(action.fail("the server takes no tokens back"));
    }
    TokenFiles::of_user().lock().await?.remove(&arguments.name)?;
    action.ok();
    Ok(())
}
