//! New AWS credentials by a command that the configuration file names, when there are none that work.

use std::process::{Command, Stdio};

use stups_aws::{ErrorKind, Session, SessionOptions};
use stups_terminal::{Failure, OutputFormat, Terminal};
use stups_yaml::Value;

use crate::settings::Settings;

/// A session with these options. Where `login.command` is configured its credentials are tried, and if there are none or AWS does
/// not take them any more, the command is run, once, and they are loaded anew.
pub(crate) async fn usable_session(
    terminal: &Terminal,
    settings: &Settings,
    options: SessionOptions,
) -> Result<Session, Failure> {
    let session = load(options.clone()).await?;
    let Some(words) = settings.value("login", "command").map(words) else {
        return Ok(session);
    };
    if refusal(&session).await.is_none() {
        return Ok(session);
    }
    log_in(terminal, &words, options.profile.as_deref())?;
    let session = load(options).await?;
    match refusal(&session).await {
        None => Ok(session),
        Some(error) => Err(Failure::application(error.to_string())),
    }
}

async fn load(options: SessionOptions) -> Result<Session, Failure> {
    let session = Session::load(options).await;
    session.map_err(|error| Failure::usage(error.to_string()))
}

/// Why AWS does not take the credentials; nothing when it does, or when that is not what is wrong.
async fn refusal(session: &Session) -> Option<stups_aws::Error> {
    let error: stups_aws::Error = session.sts().get_caller_identity().send().await.err()?.into();
    let is_refused = matches!(
        error.kind,
        ErrorKind::NoCredentials | ErrorKind::ExpiredCredentials | ErrorKind::InvalidCredentials
    );
    is_refused.then_some(error)
}

/// A command line with blanks between its words, or a list of words.
fn words(command: &Value) -> Vec<String> {
    match command {
        Value::List(words) => words
            .iter()
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect(),
        other => {
            let text = other.as_str().unwrap_or_default();
            text.split_whitespace().map(str::to_owned).collect()
        }
    }
}

/// Runs the command on the person's terminal. Where stdout is data, what it writes there goes to stderr.
fn log_in(terminal: &Terminal, words: &[String], profile: Option<&str>) -> Result<(), Failure> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Failure::usage(
            "login.command in Senza's configuration file is no command",
        ));
    };
    let shown = words.join(" ");
    terminal.info(&format!("The AWS credentials can't be used, running `{shown}`.."));
    let mut command = Command::new(program);
    command.args(arguments);
    if let Some(profile) = profile {
        command.env("AWS_PROFILE", profile);
    }
    if !(terminal.stdout_is_terminal() && terminal.format() == OutputFormat::Text) {
        command.stdout(Stdio::from(std::io::stderr()));
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::application(format!(
            "There are no AWS credentials that can be used, and `{shown}` failed ({status})"
        ))),
        Err(error) => Err(Failure::application(format!(
            "There are no AWS credentials that can be used, and `{shown}` could not be started: {error}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_text_or_a_list() {
        for (written, expected) in [
            ("mai", vec!["mai"]),
            ("mai  login 'x'", vec!["mai", "login", "'x'"]),
            ("[/opt/my tools/mai, login]", vec!["/opt/my tools/mai", "login"]),
            ("''", vec![]),
            ("3", vec![]),
        ] {
            assert_eq!(words(&stups_yaml::load(written).unwrap()), expected, "{written}");
        }
    }
}
