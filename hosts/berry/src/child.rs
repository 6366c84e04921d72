//! The program that `berry exec` runs.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use secrecy::ExposeSecret as _;
use tokio::process::Command;

use crate::environment::Variables;

/// A running program. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Child(tokio::process::Child);

impl Child {
    /// Starts `command` (program first, no shell in between) with `variables` beside berry's own environment.
    pub(crate) fn start(command: &[OsString], variables: &Variables) -> io::Result<Self> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let mut command = Command::new(program);
        // Berry itself is the service manager's partner.
        command.args(arguments).env_remove("NOTIFY_SOCKET").kill_on_drop(true);
        for (name, value) in variables {
            match value {
                Some(value) => command.env(name, value.expose_secret()),
                None => command.env_remove(name),
            };
        }
        command.spawn().map(Self)
    }

    /// Waits for its end. May be dropped and called again.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.0.wait().await
    }

    /// Sends it a signal. One that has ended gets none.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(id) = self.0.id().and_then(|id| i32::try_from(id).ok()) {
            // It may end at this moment, which is noticed elsewhere.
            let _ = kill(Pid::from_raw(id), signal);
        }
    }

    /// Asks it to end, and kills it when it has not after `grace`.
    pub(crate) async fn end(&mut self, grace: Duration) -> io::Result<ExitStatus> {
        self.signal(Signal::SIGTERM);
        if let Ok(status) = tokio::time::timeout(grace, self.wait()).await {
            return status;
        }
        self.signal(Signal::SIGKILL);
        self.wait().await
    }
}

/// The exit code that a shell would give: the program's own, or 128 and the number of the signal that ended it.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// The exit code that a shell would give for a program that can't be started.
pub(crate) fn exit_code_of_failure(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::NotFound => 127,
        _ => 126,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str) -> Child {
        let command = ["sh", "-c", script].map(OsString::from);
        Child::start(&command, &Variables::new()).unwrap()
    }

    #[tokio::test]
    async fn exit_codes_are_a_shell_s() {
        assert_eq!(exit_code(start("exit 7").wait().await.unwrap()), 7);
        assert_eq!(exit_code(start("kill -TERM $$").wait().await.unwrap()), 143);
        let missing = Child::start(&["/nonexistent".into()], &Variables::new()).unwrap_err();
        assert_eq!(exit_code_of_failure(&missing), 127);
        let directory = Child::start(&["/".into()], &Variables::new()).unwrap_err();
        assert_eq!(exit_code_of_failure(&directory), 126);
        assert!(Child::start(&[], &Variables::new()).is_err());
    }

    #[tokio::test]
    async fn who_does_not_end_is_killed() {
        // One that ends in its own way, and one to whom the signal means nothing.
        let mut child = start("exec tail -f /dev/null");
        assert_eq!(exit_code(child.end(Duration::from_mins(1)).await.unwrap()), 143);
        let mut child = Child::start(
            &["env", "--ignore-signal=TERM", "tail", "-f", "/dev/null"].map(OsString::from),
            &Variables::new(),
        )
        .unwrap();
        let code = exit_code(child.end(Duration::ZERO).await.unwrap());
        assert!([137, 143].contains(&code), "{code}");
    }
}
