//! `zign credential-helper`

use clap::ValueEnum;
use secrecy::ExposeSecret as _;
use serde_json::json;
use stups_auth::tokens::{TokenFiles, get_token};
use stups_terminal::{Failure, Terminal, json_line, question_on_stdin};

/// Answer another program that asks for credentials, in its own way
#[derive(Debug, clap::Args)]
pub(crate) struct CredentialHelperArguments {
    /// The program that asks
    #[arg(value_enum)]
    program: Program,
    /// What it asks for: programs add this themselves
    #[arg(default_value = "get")]
    operation: String,
    /// The token's name; by default the program's
    #[arg(short, long, value_name = "TOKEN_NAME")]
    name: Option<String>,
    /// Scope that the token must have
    #[arg(short, long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
}

/// A program that can be given tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Program {
    /// `credHelpers` of Docker's configuration; a registry takes the token as the password of `oauth2`
    Docker,
    /// `credential.helper` of git's configuration
    Git,
    /// `exec` of a user in a kubeconfig file
    Kubectl,
    /// an HTTP header as JSON, for HTTPie and others
    Httpie,
}

impl Program {
    fn token_name(self) -> &'static str {
        match self {
            // The name that pierone's own login uses.
            Self::Docker => "pierone",
            Self::Git => "git",
            Self::Kubectl => "kubectl",
            Self::Httpie => "httpie",
        }
    }
}

/// Runs the command. Storing and erasing succeed and do nothing: tokens are stored elsewhere.
pub(crate) async fn run(terminal: &Terminal, arguments: &CredentialHelperArguments) -> Result<(), Failure> {
    let question = match (arguments.program, arguments.operation.as_str()) {
        (Program::Docker | Program::Git, "get") => question_on_stdin()?,
        (Program::Kubectl | Program::Httpie, "get") => String::new(),
        (Program::Docker, "list") => {
            terminal.print("{}\n");
            return Ok(());
        }
        (_, "store" | "erase") => return Ok(()),
        (_, operation) => {
            return Err(Failure::usage(format!(
                "\"{operation}\" is no question that is answered here"
            )));
        }
    };
    let name = arguments.name.as_deref().unwrap_or(arguments.program.token_name());
    let scopes: Vec<&str> = arguments.scopes.iter().map(String::as_str).collect();
    let token = get_token(terminal, name, &scopes).await?;
    let expires = TokenFiles::of_user().token(name)?.and_then(|stored| {
        let same = stored.access_token.expose_secret() == token.expose_secret();
        jiff::Timestamp::from_second((stored.creation_time + stored.expires_in) as i64)
            .ok()
            .filter(|_| same)
    });
    terminal.print(&answer(arguments.program, &question, token.expose_secret(), expires));
    Ok(())
}

/// What the program expects.
fn answer(program: Program, question: &str, token: &str, expires: Option<jiff::Timestamp>) -> String {
    let object = match program {
        Program::Git => return format!("username=oauth2\npassword={token}\n"),
        Program::Docker => json!({"ServerURL": question.trim(), "Username": "oauth2", "Secret": token}),
        Program::Kubectl => {
            let mut status = json!({"token": token});
            if let Some(expires) = expires {
                status["expirationTimestamp"] = expires.to_string().into();
            }
            json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status})
        }
        Program::Httpie => json!({"Authorization": format!("Bearer {token}")}),
    };
    format!("{}\n", json_line(&object))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_gets_its_own_answer() {
        let expires = jiff::Timestamp::from_second(1_700_000_000).ok();
        assert_eq!(
            answer(Program::Docker, "registry.example.org\n", "t", None),
            "{\"Secret\": \"t\", \"ServerURL\": \"registry.example.org\", \"Username\": \"oauth2\"}\n"
        );
        assert_eq!(answer(Program::Git, "", "t", None), "username=oauth2\npassword=t\n");
        assert_eq!(
            answer(Program::Kubectl, "", "t", expires),
            "{\"apiVersion\": \"client.authentication.k8s.io/v1\", \"kind\": \"ExecCredential\", \"status\": \
             {\"expirationTimestamp\": \"2023-11-14T22:13:20Z\", \"token\": \"t\"}}\n"
        );
        assert_eq!(
            answer(Program::Httpie, "", "t", None),
            "{\"Authorization\": \"Bearer t\"}\n"
        );
    }
}
