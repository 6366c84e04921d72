//! One executable, many names.

use crate::support::{run, scratch, stups};

#[test]
fn each_version_is_one_line() {
    let directory = scratch();
    run(stups().arg("link").arg(directory.path())).succeeds();
    let version = env!("CARGO_PKG_VERSION");
    for flag in ["--version", "-V"] {
        assert_eq!(run(stups().arg(flag)).succeeds(), format!("STUPS {version}\n"));
        assert_eq!(
            run(stups().args(["senza", flag])).succeeds(),
            format!("Senza {version}\n")
        );
        let mut link = std::process::Command::new(directory.path().join("senza"));
        assert_eq!(run(link.arg(flag)).succeeds(), format!("Senza {version}\n"));
    }
}

#[test]
fn a_tool_may_be_abbreviated() {
    let full = run(stups().args(["senza", "--version"])).succeeds();
    assert_eq!(run(stups().args(["sen", "--version"])).succeeds(), full);
}

#[test]
fn help_lists_the_tools() {
    for flag in ["--help", "-h"] {
        let help = run(stups().arg(flag)).succeeds();
        for name in ["senza", "link", "completion"] {
            assert!(help.contains(&format!("\n  {name} ")), "{name} in:\n{help}");
        }
    }
}

#[test]
fn help_below_a_tool_is_the_tool_s() {
    let help = run(stups().args(["senza", "--help"])).succeeds();
    assert!(help.contains("\n  traffic "), "{help}");
    let help = run(stups().args(["senza", "traffic", "--help"])).succeeds();
    assert!(help.contains("--timeout"), "{help}");
}

#[test]
fn no_command_is_wrong_usage_and_shows_the_help() {
    let outcome = run(&mut stups());
    assert_eq!(outcome.exit_code, 2);
    assert_eq!(outcome.stdout, "");
    assert!(outcome.stderr.contains("senza"), "{}", outcome.stderr);
}

#[test]
fn unknown_commands_and_options_are_wrong_usage() {
    for arguments in [
        &["sevenseconds"][..],
        &["--frobnicate"],
        &["senza", "frobnicate"],
        &["senza", "list", "--frobnicate"],
    ] {
        let outcome = run(stups().args(arguments));
        assert_eq!(outcome.exit_code, 2, "{arguments:?}: {}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{arguments:?}");
        assert!(outcome.stderr.contains("Error: "), "{arguments:?}: {}", outcome.stderr);
    }
}

#[test]
fn completion_scripts_are_valid_shell() {
    for arguments in [&["completion", "bash"][..], &["senza", "completion", "bash"]] {
        let script = run(stups().args(arguments)).succeeds();
        assert!(
            script.contains("traffic"),
            "{arguments:?} completes the tool's commands"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), script).unwrap();
        run(std::process::Command::new("bash").arg("-n").arg(file.path())).succeeds();
    }
    for shell in ["zsh", "fish"] {
        let script = run(stups().args(["completion", shell])).succeeds();
        assert!(script.contains("traffic"), "{shell}");
    }
}

#[test]
fn a_closed_pipe_is_no_error_message() {
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["completion", "bash"],
        &["senza", "--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = stups().args(arguments).stdout(writer).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
        assert!(output.status.code().is_some(), "{arguments:?}: {}", output.status);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_is_lost_is_a_failure() {
    for arguments in [&["--version"][..], &["senza", "--version"], &["--help"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = stups().args(arguments).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stderr.starts_with(b"Error: "), "{arguments:?}");
    }
}
