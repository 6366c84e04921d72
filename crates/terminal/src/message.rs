//! Styles of messages.

use std::fmt::Write as _;

use anstyle::AnsiColor;

/// How a value is shown on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// the colour of the text
    pub color: Option<AnsiColor>,
    /// bold face
    pub bold: bool,
}

impl Style {
    /// The colour alone.
    pub const fn plain(color: AnsiColor) -> Self {
        Self {
            color: Some(color),
            bold: false,
        }
    }

    /// The colour in bold face.
    pub const fn bold(color: AnsiColor) -> Self {
        Self {
            color: Some(color),
            bold: true,
        }
    }
}

pub(crate) const OK: Style = Style::bold(AnsiColor::Green);
pub(crate) const ERROR: Style = Style::bold(AnsiColor::Red);
pub(crate) const WARNING: Style = Style::bold(AnsiColor::Yellow);
pub(crate) const INFO: Style = Style::bold(AnsiColor::Blue);
pub(crate) const ACTION: Style = Style {
    color: None,
    bold: true,
};
pub(crate) const NONE: Style = Style {
    color: None,
    bold: false,
};

/// Appends `text` in `style`: colour, bold, text, reset. The reset is there even without any style, as click writes it.
/// Without `color` it is the text alone.
pub(crate) fn push_styled(out: &mut String, text: &str, style: Style, color: bool) {
    if !color {
        out.push_str(text);
        return;
    }
    if let Some(foreground) = style.color {
        // Writing to a String cannot fail.
        let _ = write!(out, "{}", foreground.render_fg());
    }
    if style.bold {
        out.push_str("\x1b[1m");
    }
    out.push_str(text);
    out.push_str("\x1b[0m");
}

/// Appends `text` black on white, as a table's header is.
pub(crate) fn push_header(out: &mut String, text: &str, color: bool) {
    if color {
        out.push_str("\x1b[30m\x1b[47m");
    }
    out.push_str(text);
    if color {
        out.push_str("\x1b[0m");
    }
}

/// `text` in `style`.
pub(crate) fn styled(text: &str, style: Style, color: bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    push_styled(&mut out, text, style, color);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_comes_before_bold_and_a_reset_ends_each_write() {
        assert_eq!(styled(" OK", OK, true), "\x1b[32m\x1b[1m OK\x1b[0m");
        assert_eq!(styled("no", ERROR, true), "\x1b[31m\x1b[1mno\x1b[0m");
        assert_eq!(styled("hm", WARNING, true), "\x1b[33m\x1b[1mhm\x1b[0m");
        assert_eq!(styled("so", INFO, true), "\x1b[34m\x1b[1mso\x1b[0m");
        assert_eq!(styled("Doing..", ACTION, true), "\x1b[1mDoing..\x1b[0m");
        assert_eq!(styled("x", NONE, true), "x\x1b[0m");
        let mut header = String::new();
        push_header(&mut header, "Id", true);
        assert_eq!(header, "\x1b[30m\x1b[47mId\x1b[0m");
    }

    #[test]
    fn without_colour_there_is_only_text() {
        assert_eq!(styled(" OK", OK, false), " OK");
    }
}
