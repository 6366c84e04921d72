//! Calling cargo.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

pub(crate) use stups_testkit::cargo;

/// Runs `command` with this process's output; an exit code other than 0 is an error.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("Can't run {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", shown(command));
    }
    Ok(())
}

/// Whether `cargo <subcommand>` is installed.
pub(crate) fn has(subcommand: &str) -> bool {
    cargo(&[subcommand, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The executable as it is released: the one in `directory`, or one that is made now.
///
/// Its package alone is selected, so that it has no more in it than what it needs.
pub(crate) fn release(executable: &str, directory: Option<&Path>) -> Result<PathBuf> {
    if let Some(directory) = directory {
        return Ok(directory.join(executable));
    }
    let package = if executable == "bare" {
        "stups-benches"
    } else {
        executable
    };
    let profile = if executable == "stups-host" { "host" } else { "release" };
    build_of(&[package], executable, profile)
}

/// Builds an executable for trying it out and returns its path.
///
/// All packages with executables are selected, whichever is built: so their dependencies have the same features each time and are
/// compiled once.
pub(crate) fn build(executable: &str) -> Result<PathBuf> {
    build_of(&["stups", "stupsd", "stups-host", "stups-benches"], executable, "dev")
}

fn build_of(packages: &[&str], executable: &str, profile: &str) -> Result<PathBuf> {
    let mut command = cargo(&[
        "build",
        "--bin",
        executable,
        "--message-format",
        "json-render-diagnostics",
    ]);
    for package in packages {
        command.args(["--package", package]);
    }
    command.args(["--profile", profile]).stderr(Stdio::inherit());
    let output = command
        .output()
        .with_context(|| format!("Can't run {}", shown(&command)))?;
    if !output.status.success() {
        bail!("{} failed ({})", shown(&command), output.status);
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == executable)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .with_context(|| format!("cargo did not say where it put {executable}"))
}

/// The command as a person reads it: the program without its path.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
