//! A line that an instance or an application wrote, as it is shown.

use stups_terminal::Style;

/// The style of titles, and of lines that inform.
pub(super) const BOLD: Style = Style {
    color: None,
    bold: true,
};

/// A line without control characters: what others write must not steer the terminal of who reads it.
pub(super) fn printable(line: &str) -> String {
    let is_shown = |character: &char| *character == '\t' || !character.is_control();
    line.chars().filter(is_shown).collect()
}

/// The style of a line by the severity it names, as Taupage's scripts write it.
pub(super) fn style_of(line: &str) -> Option<Style> {
    use anstyle::AnsiColor::{Green, Red, Yellow};
    let styles = [
        ("ERROR:", Style::bold(Red)),
        ("WARNING:", Style::bold(Yellow)),
        ("SUCCESS:", Style::bold(Green)),
        ("INFO:", BOLD),
    ];
    let found = styles.into_iter().find(|(sign, _)| line.contains(sign));
    found.map(|(_, style)| style)
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;

    use super::*;

    #[test]
    fn lines_have_the_colour_of_what_they_say() {
        for (line, expected) in [
            ("x ERROR: y", Some(Style::bold(AnsiColor::Red))),
            ("WARNING: y", Some(Style::bold(AnsiColor::Yellow))),
            ("SUCCESS: y INFO: z", Some(Style::bold(AnsiColor::Green))),
            ("INFO: y", Some(BOLD)),
            ("ERROR y", None),
        ] {
            assert_eq!(style_of(line), expected, "{line}");
        }
    }

    #[test]
    fn what_others_write_does_not_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31m\tb\r\u{7}"), "a[31m\tb");
    }
}
