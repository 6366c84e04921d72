//! What a person sees who called a command wrongly: its usage, and clap's messages in the common layout.

use std::ffi::OsString;

use clap::Command;
use clap::error::ErrorKind;

use crate::Failure;

/// `Usage: ...` and where to find help.
pub(crate) fn usage(command: &Command) -> String {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let usage = command.clone().render_usage();
    format!("{usage}\nTry '{name} --help' for help.")
}

/// Help and version are text; everything else is a usage error in the common layout.
pub(crate) fn from_clap(error: &clap::Error, command: &Command, arguments: &[OsString]) -> Result<String, Failure> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(error.render().to_string()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Err(Failure {
            usage: Some(error.render().to_string()),
            ..Failure::usage("")
        }),
        _ => Err(Failure::usage(message(&error.render().to_string())).with_usage(command, arguments)),
    }
}

/// clap's message without its own frame, on one line: tips and lists of values follow in parentheses.
fn message(rendered: &str) -> String {
    let text = rendered.strip_prefix("error: ").unwrap_or(rendered);
    let text = text.split("\n\nUsage:").next().unwrap_or(text);
    let text = text.split("\n\nFor more information").next().unwrap_or(text);
    let mut words = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let aside = line
            .strip_prefix("tip: ")
            .or_else(|| line.strip_prefix('[').and_then(|list| list.strip_suffix(']')));
        words.push(aside.map_or_else(|| line.to_owned(), |aside| format!("({aside})")));
    }
    words.join(" ")
}
