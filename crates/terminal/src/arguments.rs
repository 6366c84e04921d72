//! Command lines: abbreviated commands, exit codes.

use std::ffi::OsString;

use crate::Failure;

/// Replaces abbreviated subcommands in `arguments` (program name first) by their full names at every level of `command`.
/// An exact name wins; an ambiguous or unknown one is a usage error.
pub fn expand_abbreviations(command: &clap::Command, arguments: Vec<OsString>) -> Result<Vec<OsString>, Failure> {
    let _ = (command, arguments);
    todo!()
}

/// Parses a command line with abbreviations. `Ok(Err(text))` is help or version text for stdout, exit code 0.
pub fn parse<P: clap::Parser>(arguments: Vec<OsString>) -> Result<Result<P, String>, Failure> {
    let _ = arguments;
    todo!()
}
