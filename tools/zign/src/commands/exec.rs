//! `zign exec`

use std::ffi::OsString;
use std::process::Command;

use secrecy::ExposeSecret as _;
use stups_auth::tokens::get_token;
use stups_terminal::{Failure, Terminal};

/// Run a program with a token in its environment
#[derive(Debug, clap::Args)]
pub(crate) struct ExecArguments {
    /// The token's name
    name: String,
    /// Scope that the token must have
    #[arg(short, long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Environment variable for the token
    #[arg(long, value_name = "NAME", default_value = "ACCESS_TOKEN")]
    variable: String,
    /// The program and its arguments, behind --
    #[arg(required = true, last = true)]
    command: Vec<OsString>,
}

/// Runs the command. The program also finds the token under its name in `OAUTH2_ACCESS_TOKENS`, where token libraries look.
pub(crate) async fn run(terminal: &Terminal, arguments: ExecArguments) -> Result<(), Failure> {
    let ExecArguments {
        name,
        scopes,
        variable,
        command,
    } = arguments;
    if variable.is_empty() || variable.contains(['=', '\0']) {
        return Err(Failure::usage(format!("\"{variable}\" is no name of a variable")));
    }
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let token = get_token(terminal, &name, &scopes).await?;
    let mut words = command.into_iter();
    let program = words.next().unwrap_or_default();
    let mut command = Command::new(&program);
    command
        .args(words)
        .env(variable, token.expose_secret())
        .env("OAUTH2_ACCESS_TOKENS", format!("{name}={}", token.expose_secret()));
    let error = become_program(command);
    Err(Failure::application(format!(
        "Can't run {}: {error}",
        program.display()
    )))
}

/// This process becomes the program: signals and the exit code are its own. Returns only if that fails.
#[cfg(unix)]
fn become_program(mut command: Command) -> std::io::Error {
    std::os::unix::process::CommandExt::exec(&mut command)
}

/// Runs the program and ends as it does.
#[cfg(not(unix))]
fn become_program(mut command: Command) -> std::io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
