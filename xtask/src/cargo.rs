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

/// Builds the `stups` executable with `options` (`--release`) and returns its path.
pub(crate) fn build_stups(options: &[&str]) -> Result<PathBuf> {
    build("stups", options)
}

/// The release build of an executable: the one in `directory`, or one that is made now.
pub(crate) fn release(executable: &str, directory: Option<&Path>) -> Result<PathBuf> {
    match directory {
        Some(directory) => Ok(directory.join(executable)),
        None => build(executable, &["--release"]),
    }
}

/// Builds an executable with `options` (`--release`) and returns its path.
///
/// All packages with executables are selected, whichever is built: so their dependencies have the same features each time and are
/// compiled once.
pub(crate) fn build(executable: &str, options: &[&str]) -> Result<PathBuf> {
    let mut command = cargo(&[
        "build",
        "--package",
        "stups",
        "--package",
        "stupsd",
        "--package",
        "stups-host",
        "--package",
        "stups-benches",
        "--bin",
        executable,
        "--message-format",
        "json-render-diagnostics",
    ]);
    command.args(options).stderr(Stdio::inherit());
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
