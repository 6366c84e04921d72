//! The agents inside this executable.

use std::env::consts::EXE_SUFFIX;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use stups_terminal::{Failure, Terminal};

/// An agent; its name is what people type and what its link is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agent {
    Berry,
}

impl Agent {
    /// Every agent, in the order of the help text.
    pub(crate) const ALL: &[Self] = &[Self::Berry];

    /// The name as typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Berry => "berry",
        }
    }

    /// The agent that a program of this name is a link for: `/usr/local/bin/berry` is Berry.
    pub(crate) fn from_program_name(program: &OsStr) -> Option<Self> {
        let name = Path::new(program).file_name()?.to_str()?;
        let name = name.strip_suffix(EXE_SUFFIX).unwrap_or(name);
        Self::ALL.iter().copied().find(|agent| name == agent.name())
    }

    /// Runs the agent with `arguments`, program name first.
    ///
    /// On one thread: an agent waits nearly always, and each thread would cost memory on every machine.
    pub(crate) fn run(self, arguments: Vec<OsString>) -> ExitCode {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                return Terminal::from_process().report(&Failure::application(format!("Can't start: {error}")));
            }
        };
        match self {
            Self::Berry => runtime.block_on(Box::pin(stups_berry::run(arguments))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_recognised_by_its_last_path_component() {
        for program in ["berry", "./berry", "/usr/local/bin/berry"] {
            assert_eq!(
                Agent::from_program_name(OsStr::new(program)),
                Some(Agent::Berry),
                "{program}"
            );
        }
        for program in ["", "/", "stups-host", "berry/stups-host", "blueberry", "Berry"] {
            assert_eq!(Agent::from_program_name(OsStr::new(program)), None, "{program}");
        }
    }
}
