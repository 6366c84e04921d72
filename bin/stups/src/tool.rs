//! The tools inside this executable.

use std::env::consts::EXE_SUFFIX;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use stups_terminal::{Failure, Terminal};
use tokio::runtime::Runtime;

/// A command line tool; its name is what people type and what its link is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Kio,
    PierOne,
    DockerCredentialPierone,
    Senza,
    Zign,
    Ztoken,
    Audit,
    Identity,
    Mint,
}

impl Tool {
    /// Every tool, in the order of the help text.
    pub(crate) const ALL: &[Self] = &[
        Self::Kio,
        Self::PierOne,
        Self::DockerCredentialPierone,
        Self::Senza,
        Self::Zign,
        Self::Ztoken,
        Self::Audit,
        Self::Identity,
        Self::Mint,
    ];

    /// The name as typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kio => "kio",
            Self::PierOne => "pierone",
            Self::DockerCredentialPierone => "docker-credential-pierone",
            Self::Senza => "senza",
            Self::Zign => "zign",
            Self::Ztoken => "ztoken",
            Self::Audit => "audit",
            Self::Identity => "identity",
            Self::Mint => "mint",
        }
    }

    /// The whole command tree, for completions.
    pub(crate) fn command(self) -> clap::Command {
        match self {
            Self::Kio => stups_kio_cli::command(),
            Self::PierOne => stups_pierone_cli::command(),
            Self::DockerCredentialPierone => stups_pierone_cli::credential_helper_command(),
            Self::Senza => senza::command(),
            Self::Zign => stups_zign::command(),
            Self::Ztoken => stups_zign::ztoken_command(),
            Self::Audit => stups_audit::command(),
            Self::Identity => stups_identity_cli::command(),
            Self::Mint => stups_mint_cli::command(),
        }
    }

    /// Whether it has a link of its own. `audit`, `identity` and `mint` are too common words for that.
    pub(crate) fn is_linked(self) -> bool {
        !matches!(self, Self::Audit | Self::Identity | Self::Mint)
    }

    /// The tool that a program of this name is a link for: `/usr/local/bin/senza` is Senza.
    pub(crate) fn from_program_name(program: &OsStr) -> Option<Self> {
        let name = Path::new(program).file_name()?.to_str()?;
        let name = name.strip_suffix(EXE_SUFFIX).unwrap_or(name);
        Self::ALL
            .iter()
            .copied()
            .find(|tool| tool.is_linked() && name == tool.name())
    }

    /// Runs the tool with `arguments`, program name first.
    pub(crate) fn run(self, arguments: Vec<OsString>) -> ExitCode {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(failure) => return Terminal::from_process().report(&failure),
        };
        match self {
            Self::Kio => runtime.block_on(Box::pin(stups_kio_cli::run(arguments))),
            Self::PierOne => runtime.block_on(Box::pin(stups_pierone_cli::run(arguments))),
            Self::DockerCredentialPierone => {
                runtime.block_on(Box::pin(stups_pierone_cli::run_credential_helper(arguments)))
            }
            Self::Senza => runtime.block_on(Box::pin(senza::run(arguments))),
            Self::Zign => runtime.block_on(Box::pin(stups_zign::run(arguments))),
            Self::Ztoken => runtime.block_on(Box::pin(stups_zign::run_ztoken(arguments))),
            Self::Audit => runtime.block_on(Box::pin(stups_audit::run(arguments))),
            Self::Identity => runtime.block_on(Box::pin(stups_identity_cli::run(arguments))),
            Self::Mint => runtime.block_on(Box::pin(stups_mint_cli::run(arguments))),
        }
    }
}

/// What a tool runs on. One thread: a tool waits for a handful of answers at a time and computes next to nothing, so more threads
/// would only cost their start.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::application(format!("Can't start: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_recognised_by_its_last_path_component() {
        for program in ["senza", "./senza", "/usr/local/bin/senza"] {
            assert_eq!(
                Tool::from_program_name(OsStr::new(program)),
                Some(Tool::Senza),
                "{program}"
            );
        }
        for program in [
            "",
            "/",
            "stups",
            "senza/stups",
            "xsenza",
            "senza2",
            "Senza",
            "audit",
            "identity",
            "mint",
        ] {
            assert_eq!(Tool::from_program_name(OsStr::new(program)), None, "{program}");
        }
    }
}
