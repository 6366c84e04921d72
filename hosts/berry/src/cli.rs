//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, ValueEnum};
use nix::sys::signal::Signal;
use stups_terminal::Terminal;

use crate::{agent, exec};

/// Copy an application's credentials from its secret store to local files, again and again
#[derive(Debug, Parser)]
#[command(
    name = "berry",
    display_name = "Berry",
    version,
    // Options may be abbreviated as they always might.
    infer_long_args = true,
    after_help = "`berry exec` gives the credentials to a program in its environment instead: see `berry exec --help`."
)]
pub(crate) struct CopyArguments {
    /// Local directory to write credentials to; it must exist
    pub(crate) local_directory: PathBuf,
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    /// Copy credentials once and end, with exit code 1 if something failed
    #[arg(long)]
    pub(crate) once: bool,
    /// User to whom the files belong, by name or number (default: who runs berry)
    #[arg(long, value_name = "USER")]
    pub(crate) owner: Option<String>,
    /// Group that may read the files, by name or number (default: none)
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: Option<String>,
}

/// Run a program with an application's credentials in its environment
#[derive(Debug, Parser)]
#[command(name = "exec", bin_name = "berry exec", display_name = "Berry", version)]
pub(crate) struct ExecArguments {
    #[command(flatten)]
    pub(crate) source: SourceArguments,
    /// What happens to the program when credentials were rotated
    #[arg(long, value_enum, default_value = "restart")]
    pub(crate) on_rotation: OnRotation,
    /// The signal for `--on-rotation signal`
    #[arg(long, value_parser = signal, default_value = "HUP")]
    pub(crate) signal: Signal,
    /// Seconds that the program has to end before it is killed for a restart
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) grace: u64,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    pub(crate) command: Vec<OsString>,
}

/// Which credentials, and from where.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct SourceArguments {
    /// Read settings from this YAML file
    #[arg(short = 'f', long, value_name = "FILE", default_value = "/etc/taupage.yaml")]
    pub(crate) config_file: PathBuf,
    /// Application ID as registered in Kio
    #[arg(short, long, value_name = "ID")]
    pub(crate) application_id: Option<String>,
    /// Where the credentials are: a bucket's name, secretsmanager://PREFIX or ssm://PREFIX
    #[arg(short, long, value_name = "BUCKET")]
    pub(crate) mint_bucket: Option<String>,
    /// Look up AWS credentials by application ID in this file
    #[arg(short = 'c', long, value_name = "FILE")]
    pub(crate) aws_credentials_file: Option<PathBuf>,
    /// Seconds between two rounds
    #[arg(short, long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub(crate) interval: u64,
    /// AWS region, where the bucket's name does not say it
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Only log errors
    #[arg(short, long)]
    pub(crate) silent: bool,
}

/// What `berry exec` does about a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnRotation {
    /// End the program and start it with the new credentials
    Restart,
    /// Send it a signal; its environment stays as it is
    Signal,
    /// Nothing
    None,
}

/// A signal's name, with or without `SIG`.
fn signal(name: &str) -> Result<Signal, String> {
    let name = name.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    format!("SIG{name}")
        .parse()
        .map_err(|_| format!("\"{name}\" is no signal, such as HUP or USR1"))
}

/// The whole command tree, for help, completions and documentation.
pub fn command() -> clap::Command {
    CopyArguments::command()
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
        .subcommand(ExecArguments::command())
}

/// Runs `berry` with `arguments` (program name first) on the process's terminal.
///
/// The word `exec` means the command only as the first: everything else that is no option is the local directory, and is never taken
/// for an abbreviation.
pub async fn run(arguments: Vec<OsString>) -> ExitCode {
    let terminal = Terminal::from_process();
    let is_exec = arguments.get(1).is_some_and(|word| word == "exec");
    let parsed = if is_exec {
        stups_terminal::parse::<ExecArguments>(&arguments[1..]).map(|parsed| parsed.map(Command::Exec))
    } else {
        stups_terminal::parse::<CopyArguments>(&arguments).map(|parsed| parsed.map(Command::Copy))
    };
    match parsed {
        Ok(Ok(Command::Copy(arguments))) => ExitCode::from(agent::run(&arguments).await),
        Ok(Ok(Command::Exec(arguments))) => ExitCode::from(exec::run(&arguments).await),
        Ok(Err(text)) => {
            terminal.print(&text);
            terminal.finish(Ok(()))
        }
        Err(failure) => terminal.report(&failure),
    }
}

enum Command {
    Copy(CopyArguments),
    Exec(ExecArguments),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_consistent() {
        command().debug_assert();
        assert!(command().find_subcommand("exec").is_some());
    }

    #[test]
    fn options_have_the_names_and_defaults_that_instances_use() {
        let short =
            CopyArguments::try_parse_from("berry /meta -f x.yaml -a pets -m mint -c keys -i 5 -s --once".split(' '))
                .unwrap();
        assert_eq!(short.source.interval, 5);
        assert!(short.once && short.source.silent);
        assert_eq!(short.source.aws_credentials_file, Some("keys".into()));
        let long = "berry --config-file x --application-id pets --mint mint --aws-credentials-file keys --interval 5 --silent /meta";
        assert_eq!(
            CopyArguments::try_parse_from(long.split(' ')).unwrap().local_directory,
            PathBuf::from("/meta")
        );
        let bare = CopyArguments::try_parse_from(["berry", "/meta/credentials"]).unwrap();
        assert_eq!(bare.source.config_file, PathBuf::from("/etc/taupage.yaml"));
        assert_eq!(
            (bare.source.interval, bare.once, bare.source.silent),
            (120, false, false)
        );
        for wrong in [
            "berry",
            "berry a b",
            "berry a -i 0",
            "berry a -i x",
            "berry a --nonsense",
        ] {
            assert!(CopyArguments::try_parse_from(wrong.split(' ')).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_program_stands_behind_two_hyphens() {
        let parsed =
            ExecArguments::try_parse_from("exec -a pets --on-rotation signal --signal usr1 -- env -i x".split(' '))
                .unwrap();
        assert_eq!(parsed.command, ["env", "-i", "x"]);
        assert_eq!(parsed.signal, Signal::SIGUSR1);
        assert_eq!(parsed.on_rotation, OnRotation::Signal);
        for wrong in ["exec -a pets", "exec -a pets env", "exec --signal NONE -- env"] {
            assert!(ExecArguments::try_parse_from(wrong.split(' ')).is_err(), "{wrong}");
        }
    }
}
