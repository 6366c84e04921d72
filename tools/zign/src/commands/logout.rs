//! `zign logout`

use secrecy::ExposeSecret as _;
use stups_auth::tokens::{Session, TokenFiles, TokenStore};
use stups_terminal::{Failure, Terminal};

use super::session;

/// Give refresh tokens back to the server, and forget all tokens
#[derive(Debug, clap::Args)]
pub(crate) struct LogoutArguments {
    /// Forget the tokens without asking the server
    #[arg(long)]
    local: bool,
}

/// Runs the command. What the server could not be told is said; the tokens are gone from this machine either way.
pub(crate) async fn run(terminal: &Terminal, arguments: &LogoutArguments) -> Result<(), Failure> {
    let store = TokenFiles::of_user().lock().await?;
    if !arguments.local && !store.refresh_tokens()?.is_empty() {
        let action = terminal.action("Logging out..");
        let session = session(terminal).await?;
        match give_back(&session, &store).await {
            Ok(true) => action.ok(),
            Ok(false) => action.warning("the server takes no tokens back; they stay valid until they end"),
            Err(failure) => action.error(&failure.message),
        }
    }
    store.clear()?;
    Ok(())
}

async fn give_back(session: &Session, store: &TokenStore) -> Result<bool, Failure> {
    let mut all = true;
    for token in store.refresh_tokens()? {
        all &= session.revoke(token.expose_secret(), "refresh_token").await?;
    }
    Ok(all)
}
