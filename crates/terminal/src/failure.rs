//! How a command ends when it does not succeed.

use std::fmt;

/// The end of a command that did not succeed: an exit code and, unless the reason was already shown, one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// 1 for everything that went wrong while working, 2 for wrong usage
    pub exit_code: u8,
    /// printed as `Error: <message>` on stderr; empty when the command has already said why
    pub message: String,
    /// `Usage: <command> ...`, printed above a usage error
    pub usage: Option<String>,
}

impl Failure {
    /// Something went wrong while working: exit code 1.
    pub fn application(message: impl Into<String>) -> Self {
        Self {
            exit_code: 1,
            message: message.into(),
            usage: None,
        }
    }

    /// The command was called wrongly: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            exit_code: 2,
            message: message.into(),
            usage: None,
        }
    }

    /// The command has already said why it fails: exit code 1 and no further word.
    pub fn silent() -> Self {
        Self::application("")
    }

    /// Interrupted, declined, or the end of input at a prompt: prints `Aborted!`, exit code 1.
    pub fn aborted() -> Self {
        Self::application("Aborted!")
    }

    /// Whether this is what [`Failure::aborted`] makes.
    pub fn is_aborted(&self) -> bool {
        self.exit_code == 1 && self.message == "Aborted!"
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
