//! Which characters a text may hold, and advice for the mistakes people make.

use crate::load::Error;
use crate::scalar::quoted;

/// Refuses the characters that YAML 1.1 does not call printable.
pub(crate) fn check_characters(text: &str) -> Result<(), Error> {
    for (number, line) in text.split('\n').enumerate() {
        let refused = line.chars().enumerate().find(|(_, c)| !is_printable(*c));
        if let Some((column, character)) = refused {
            let message = format!(
                "the character {} is not allowed; in double quotes write it as an escape",
                quoted(&character.to_string())
            );
            return Err(Error {
                line: number + 1,
                column: column + 1,
                message,
            });
        }
    }
    Ok(())
}

fn is_printable(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Adds to a syntax error what it most often comes from: `{{Arguments.Name}}` without quotes.
pub(crate) fn advise(text: &str, mut error: Error) -> Error {
    let lines = text.lines().skip(error.line.saturating_sub(2)).take(2);
    if lines.into_iter().any(has_bare_mustache) {
        error
            .message
            .push_str("; a value that starts with {{ needs quotes, as in \"{{Arguments.Name}}\"");
    }
    error
}

/// Whether `{{` starts a value in this line.
fn has_bare_mustache(line: &str) -> bool {
    line.match_indices("{{").any(|(index, _)| {
        let before = line.get(..index).unwrap_or_default().trim_end();
        before.is_empty() || before.ends_with([':', '-', ',', '['])
    })
}
