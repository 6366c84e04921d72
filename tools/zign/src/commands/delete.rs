//! `zign delete`

use secrecy::ExposeSecret as _;
use stups_auth::tokens::TokenFiles;
use stups_terminal::{Failure, Terminal};

use super::session;

/// Delete a named token
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArguments {
    /// The token's name
    pub(crate) name: String,
    /// Give the token back to the server as well
    #[arg(long)]
    pub(crate) revoke: bool,
}

/// Runs the command. A name that is not there is deleted already.
pub(crate) async fn run(terminal: &Terminal, arguments: &DeleteArguments) -> Result<(), Failure> {
    let files = TokenFiles::of_user();
    if arguments.revoke
        && let Some(token) = files.token(&arguments.name)?
    {
        let session = session(terminal).await?;
        if !session
            .revoke(token.access_token.expose_secret(), "access_token")
            .await?
        {
            terminal.warning("The server takes no tokens back; this one stays valid until it ends.");
        }
    }
    files.lock().await?.remove(&arguments.name)?;
    Ok(())
}
