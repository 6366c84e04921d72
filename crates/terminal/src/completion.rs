//! Shell completions.

/// The `completion` subcommand's arguments.
#[derive(Clone, Debug, clap::Args)]
pub struct CompletionArguments {
    /// The shell to print a completion script for
    pub shell: clap_complete::Shell,
}

/// The completion script of `command` for the shell.
pub fn write_completion(mut command: clap::Command, name: &str, arguments: &CompletionArguments) -> String {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
