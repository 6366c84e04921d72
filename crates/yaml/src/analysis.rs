//! Which styles a text can be written in, as PyYAML's emitter decides (its `analyze_scalar`).

/// What a text allows, outside of flow collections and with non-ASCII characters escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Analysis {
    /// it holds line breaks
    pub(crate) multiline: bool,
    /// it can stand without quotes, as far as its characters go
    pub(crate) allows_plain: bool,
    /// it can stand in single quotes
    pub(crate) allows_single_quotes: bool,
}

impl Analysis {
    pub(crate) fn of(text: &str) -> Self {
        let mut multiline = false;
        // Characters that only double quotes can hold; a space beside a line break would be folded away.
        let mut needs_escapes = false;
        let mut indicator = text.starts_with("---") || text.starts_with("...");
        let mut previous = None;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let before_space = characters.peek().is_none_or(|next| is_space(*next));
            indicator |= match previous {
                None => {
                    matches!(
                        character,
                        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
                    ) || (matches!(character, '?' | ':' | '-') && before_space)
                }
                Some(previous) => (character == ':' && before_space) || (character == '#' && is_space(previous)),
            };
            multiline |= is_break(character);
            needs_escapes |= !matches!(character, '\n' | ' '..='~');
            needs_escapes |= match (previous, character) {
                (Some(' '), next) if is_break(next) => true,
                (Some(previous), ' ') => is_break(previous),
                _ => false,
            };
            previous = Some(character);
        }
        let surrounded = text.starts_with([' ', '\n']) || text.ends_with([' ', '\n']);
        Self {
            multiline,
            allows_plain: !(indicator || multiline || needs_escapes || surrounded),
            allows_single_quotes: !needs_escapes,
        }
    }
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_space(character: char) -> bool {
    matches!(character, '\0' | ' ' | '\t' | '\r') || is_break(character)
}
