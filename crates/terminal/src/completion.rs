//! Shell completions.

use clap_complete::Shell;

/// The `completion` subcommand's arguments.
#[derive(Clone, Debug, clap::Args)]
pub struct CompletionArguments {
    /// The shell to print a completion script for
    pub shell: Shell,
}

/// The completion script of `command` for the shell.
pub fn write_completion(command: clap::Command, name: &str, arguments: &CompletionArguments) -> String {
    let mut command = crate::conventional(command);
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The completion script that the environment asks for in the way of click's tools: `_SENZA_COMPLETE=bash_source senza` (also
/// `zsh_source`, `fish_source`, and `source`, `source_zsh`, `source_fish` of click before 8). To be printed instead of running
/// the tool.
pub fn completion_from_environment(tool: &str, command: clap::Command) -> Option<String> {
    requested_completion(tool, command, |name| std::env::var(name).ok())
}

fn requested_completion(
    tool: &str,
    command: clap::Command,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let name = tool.to_uppercase().replace(['-', '.'], "_");
    let shell = match variable(&format!("_{name}_COMPLETE"))?.as_str() {
        "bash_source" | "source" | "source_bash" => Shell::Bash,
        "zsh_source" | "source_zsh" => Shell::Zsh,
        "fish_source" | "source_fish" => Shell::Fish,
        _ => return None,
    };
    Some(write_completion(command, tool, &CompletionArguments { shell }))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    fn tool() -> clap::Command {
        clap::Command::new("scm-source")
            .subcommand(clap::Command::new("list").arg(clap::arg!(--region <ID>)))
            .subcommand(clap::Command::new("print"))
    }

    fn requested(value: Option<&str>) -> Option<String> {
        requested_completion("scm-source", tool(), |name| {
            (name == "_SCM_SOURCE_COMPLETE")
                .then(|| value.map(str::to_owned))
                .flatten()
        })
    }

    #[test]
    fn the_environment_asks_as_it_asks_click() {
        for (value, sign) in [
            ("bash_source", "complete -F"),
            ("source", "complete -F"),
            ("zsh_source", "#compdef scm-source"),
            ("source_zsh", "#compdef scm-source"),
            ("fish_source", "complete -c scm-source"),
        ] {
            let script = requested(Some(value)).unwrap();
            assert!(script.contains(sign), "{value}: {script}");
        }
        assert_eq!(requested(Some("bash_complete")), None);
        assert_eq!(requested(Some("")), None);
        assert_eq!(requested(None), None);
    }

    #[test]
    fn bash_completes_commands_and_options() {
        let bash = CompletionArguments { shell: Shell::Bash };
        let mut script = write_completion(tool(), "senza", &bash);
        script.push_str(
            "\nfor words in 'senza l' 'senza list --re'; do\n\
             COMP_WORDS=($words); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()\n\
             _senza senza \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"\n\
             echo \"${COMPREPLY[@]}\"\ndone\n",
        );
        let mut bash = Command::new("bash")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = bash.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "list\n--region\n");
    }
}
