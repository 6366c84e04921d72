//! Running the executable under test.

use std::process::{Command, Stdio};

/// What a finished command left.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) exit_code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// The standard output of a command that must have exited with 0.
    #[track_caller]
    pub(crate) fn succeeds(self) -> String {
        assert_eq!(self.exit_code, 0, "{}{}", self.stdout, self.stderr);
        self.stdout
    }
}

/// The executable, with no input.
pub(crate) fn stups() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stups"));
    command.stdin(Stdio::null());
    command
}

pub(crate) fn run(command: &mut Command) -> Outcome {
    let output = command.output().expect("the command starts");
    Outcome {
        exit_code: output.status.code().expect("it ends by itself"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a scratch directory")
}
