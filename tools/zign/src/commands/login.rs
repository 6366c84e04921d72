//! `zign login`

use stups_auth::tokens::{Session, TokenFiles, TokenRequest};
use stups_terminal::{Failure, Terminal};

use super::token::{DEFAULT_NAME, FlowArguments};

/// Log in anew, whatever is stored
#[derive(Debug, clap::Args)]
pub(crate) struct LoginArguments {
    /// Scopes to ask for; none are those that the server gives by default
    #[arg(value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Name to store the token under
    #[arg(short, long, value_name = "TOKEN_NAME", default_value = DEFAULT_NAME)]
    name: String,
    #[command(flatten)]
    flow: FlowArguments,
}

/// Runs the command.
pub(crate) async fn run(terminal: &Terminal, arguments: &LoginArguments) -> Result<(), Failure> {
    let settings = arguments.flow.settings(terminal)?;
    let request = TokenRequest {
        name: Some(arguments.name.clone()),
        scopes: arguments.scopes.clone(),
        service_scopes: Vec::new(),
        use_stored: false,
        json_web_tokens_only: false,
        as_service: false,
        use_refresh_token: true,
        login: Some(arguments.flow.login()),
        settings: Some(settings.clone()),
    };
    request.log_in(terminal, &TokenFiles::of_user()).await?;
    if arguments.flow.issuer.is_some() {
        // The refresh token is this server's from now on, and so is every later question.
        Session::open(terminal, settings).await?.configure(terminal).await?;
    }
    terminal.ok(&format!("Logged in; the token is named \"{}\".", arguments.name));
    Ok(())
}
