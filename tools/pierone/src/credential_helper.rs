//! `docker-credential-pierone`: the program that docker, podman, buildah and skopeo ask for a registry's credentials, so that no
//! token is stored in their configuration. Protocol: <https://github.com/docker/docker-credential-helpers>.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, ValueEnum};
use secrecy::ExposeSecret as _;
use serde_json::json;
use stups_terminal::{Failure, Terminal, json_line, question_on_stdin, until_interrupted};

use crate::context::{configured, registry, token};
use crate::docker_config::DockerConfig;

/// What the protocol answers for a registry whose credentials are not known: programs go on without any.
const NOT_FOUND: &str = "credentials not found in native keychain\n";

/// Tell docker and its kin the credentials of the registry
#[derive(Debug, Parser)]
#[command(
    name = "docker-credential-pierone",
    display_name = "docker-credential-pierone",
    version,
    arg_required_else_help = true
)]
struct CredentialHelper {
    /// What is asked for: programs add this themselves
    #[arg(value_enum)]
    operation: Operation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Operation {
    /// The credentials of the registry that stdin names
    Get,
    /// Nothing: tokens are stored elsewhere
    Store,
    /// Nothing: tokens are stored elsewhere
    Erase,
    /// What is stored: nothing
    List,
    /// The version
    Version,
}

/// The whole command tree, for help, completions and documentation.
pub fn command() -> clap::Command {
    CredentialHelper::command()
}

/// Runs `docker-credential-pierone` with `arguments` (program name first) on the process's streams.
pub async fn run(arguments: Vec<OsString>) -> ExitCode {
    let terminal = Terminal::from_process();
    let outcome = until_interrupted(execute(&terminal, &arguments)).await;
    terminal.finish(outcome)
}

async fn execute(terminal: &Terminal, arguments: &[OsString]) -> Result<(), Failure> {
    let operation = match stups_terminal::parse::<CredentialHelper>(arguments)? {
        Ok(parsed) => parsed.operation,
        Err(text) => {
            terminal.print(&text);
            return Ok(());
        }
    };
    match operation {
        Operation::Get => get(terminal).await,
        Operation::Store | Operation::Erase => {
            question_on_stdin()?;
            Ok(())
        }
        Operation::List => {
            terminal.print("{}\n");
            Ok(())
        }
        Operation::Version => {
            terminal.print(&format!("docker-credential-pierone {}\n", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
    }
}

/// A token is for our registry alone: to no other is it told.
async fn get(terminal: &Terminal) -> Result<(), Failure> {
    let question = question_on_stdin()?;
    let server = question.trim();
    let name = registry_name(server);
    let ours = configured(terminal, "url")?.is_some_and(|url| registry(&url) == name);
    if !ours && !DockerConfig::load()?.uses_helper(name) {
        terminal.print(NOT_FOUND);
        return Err(Failure::silent());
    }
    let token = token(terminal, &["application.write"]).await?;
    let answer = json!({"ServerURL": server, "Username": "oauth2", "Secret": token.expose_secret()});
    terminal.print(&format!("{}\n", json_line(&answer)));
    Ok(())
}

/// `host[:port]` of how a program may name a registry: with a scheme, a path, or neither.
fn registry_name(server: &str) -> &str {
    let name = server.split_once("://").map_or(server, |(_, name)| name);
    name.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_known_however_it_is_named() {
        for (server, name) in [
            ("pierone.example.org", "pierone.example.org"),
            ("https://pierone.example.org/v2/", "pierone.example.org"),
            ("http://localhost:5000", "localhost:5000"),
            ("localhost:5000/", "localhost:5000"),
            ("https://evil.example.org/pierone.example.org", "evil.example.org"),
            ("", ""),
        ] {
            assert_eq!(registry_name(server), name, "{server}");
        }
    }
}
