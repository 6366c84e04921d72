//! The command line of `ztoken`: tokens of a person's login, never of a service (contract zign 2.2).

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use secrecy::ExposeSecret as _;
use stups_auth::tokens::{Settings, TokenFiles, TokenRequest};
use stups_terminal::{Failure, OutputFormat, Terminal};
use url::Url;

use crate::cli::finish;
use crate::commands::token::{DEFAULT_NAME, FlowArguments};
use crate::commands::{delete, list};

#[derive(Debug, Parser)]
#[command(
    name = "ztoken",
    display_name = "ztoken",
    about = "Print a token of your login; without a command like `ztoken token`",
    version,
    args_override_self = true,
    disable_help_subcommand = true
)]
struct Ztoken {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Delete(delete::DeleteArguments),
    List(list::ListArguments),
    Token(ZtokenArguments),
}

/// Create a new token or use an existing one
#[derive(Debug, Default, clap::Args)]
pub(crate) struct ZtokenArguments {
    /// Custom token name (will be stored)
    #[arg(short, long, value_name = "TOKEN_NAME")]
    name: Option<String>,
    /// OAuth 2 authorization endpoint to log in at, instead of the configured server
    #[arg(short, long, value_name = "AUTH_URL", value_parser = stups_terminal::url)]
    authorize_url: Option<String>,
    /// OAuth 2 token endpoint, instead of the configured server's
    #[arg(short, long, value_name = "TOKEN_URL", value_parser = stups_terminal::url)]
    token_url: Option<String>,
    /// Client ID to use
    #[arg(short, long, value_name = "CLIENT_ID")]
    client_id: Option<String>,
    /// Business partner ID to use
    #[arg(short = 'p', long, value_name = "PARTNER_ID")]
    business_partner_id: Option<String>,
    /// Get a new access token even if the stored one is valid
    #[arg(short, long)]
    refresh: bool,
    /// Store nothing when there is no name
    #[arg(long)]
    no_store: bool,
    #[command(flatten)]
    flow: FlowArguments,
}

/// The whole command tree, for help, completions and documentation.
pub fn command() -> clap::Command {
    Ztoken::command()
}

/// Runs `ztoken` with `arguments`, program name first, on the process's terminal.
pub async fn run(arguments: Vec<OsString>) -> ExitCode {
    let terminal = Terminal::from_process();
    if let Some(script) = stups_terminal::completion_from_environment("ztoken", command()) {
        terminal.print(&script);
        return terminal.finish(Ok(()));
    }
    let command = match stups_terminal::parse::<Ztoken>(&arguments) {
        Ok(Ok(parsed)) => parsed.command,
        Ok(Err(text)) => {
            terminal.print(&text);
            return terminal.finish(Ok(()));
        }
        Err(failure) => return terminal.report(&failure),
    };
    let command = command.unwrap_or_else(|| Command::Token(ZtokenArguments::default()));
    let terminal = terminal.with_format(match &command {
        Command::List(arguments) => arguments.output,
        Command::Delete(_) => OutputFormat::Text,
        Command::Token(_) => OutputFormat::Json,
    });
    let outcome = finish(async {
        match command {
            Command::Delete(arguments) => delete::run(&terminal, &arguments).await,
            Command::List(arguments) => list::run(&terminal, &arguments),
            Command::Token(arguments) => print_token(&terminal, arguments).await,
        }
    })
    .await;
    terminal.finish(outcome)
}

async fn print_token(terminal: &Terminal, arguments: ZtokenArguments) -> Result<(), Failure> {
    let elsewhere = arguments.authorize_url.is_some() || arguments.token_url.is_some();
    let settings = settings(terminal, &arguments)?;
    let unnamed = Some(DEFAULT_NAME.to_owned()).filter(|_| !arguments.no_store && !elsewhere);
    let request = TokenRequest {
        name: arguments.name.or(unnamed),
        scopes: Vec::new(),
        service_scopes: Vec::new(),
        use_stored: !arguments.refresh,
        json_web_tokens_only: true,
        as_service: false,
        // The refresh token belongs to the configured server.
        use_refresh_token: !elsewhere,
        login: Some(arguments.flow.login()),
        settings: Some(settings),
    };
    let token = request.obtain(terminal, &TokenFiles::of_user()).await?;
    terminal.print(&format!("{}\n", token.expose_secret()));
    Ok(())
}

/// The configuration with what the command line has instead. One of the two addresses alone is half a server: the other is
/// asked for.
fn settings(terminal: &Terminal, arguments: &ZtokenArguments) -> Result<Settings, Failure> {
    let mut settings = arguments.flow.settings(terminal)?;
    let elsewhere = arguments.authorize_url.is_some() || arguments.token_url.is_some();
    if elsewhere {
        settings.issuer = None;
        settings.authorize_url = Some(address(terminal, arguments.authorize_url.as_deref(), "Authorize")?);
        settings.token_url = Some(address(terminal, arguments.token_url.as_deref(), "Token")?);
    }
    settings.client_id = arguments.client_id.clone().or(settings.client_id);
    settings.business_partner_id = arguments.business_partner_id.clone().or(settings.business_partner_id);
    Ok(settings)
}

fn address(terminal: &Terminal, given: Option<&str>, kind: &str) -> Result<Url, Failure> {
    let text = if let Some(text) = given {
        text.to_owned()
    } else {
        let answer = terminal.prompt(&format!("Please enter the OAuth 2 {kind} Endpoint URL"), None)?;
        stups_terminal::url(&answer).map_err(Failure::usage)?
    };
    Url::parse(&text).map_err(|error| Failure::usage(format!("\"{text}\" is no URL: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        stups_terminal::conventional(command()).debug_assert();
    }

    #[test]
    fn one_address_alone_asks_for_the_other() {
        let (terminal, captured) = Terminal::captured("id.example.org/token\n");
        let terminal = terminal.with_format(OutputFormat::Json);
        let arguments = ZtokenArguments {
            authorize_url: Some("https://id.example.org/authorize".to_owned()),
            client_id: Some("c".to_owned()),
            ..ZtokenArguments::default()
        };
        let settings = settings(&terminal, &arguments).unwrap();
        assert_eq!(settings.token_url.unwrap().as_str(), "https://id.example.org/token");
        assert_eq!(settings.client_id.as_deref(), Some("c"));
        assert_eq!(captured.stderr(), "Please enter the OAuth 2 Token Endpoint URL: ");
        assert_eq!(captured.stdout(), "");
    }
}
