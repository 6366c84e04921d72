//! Colours, on a terminal only.

use std::io::{IsTerminal, stderr, stdout};

/// What a person types, on stdout.
pub(crate) fn typed(text: &str) -> String {
    paint("1", text, stdout().is_terminal())
}

/// A remark between commands, on stdout.
pub(crate) fn remark(text: &str) -> String {
    paint("2", text, stdout().is_terminal())
}

/// What went wrong, on stderr.
pub(crate) fn failed(text: &str) -> String {
    paint("31;1", text, stderr().is_terminal())
}

/// What went well, on stdout.
pub(crate) fn good(text: &str) -> String {
    paint("32;1", text, stdout().is_terminal())
}

fn paint(code: &str, text: &str, terminal: bool) -> String {
    if terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}
