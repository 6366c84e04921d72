//! Text into words, as PostgreSQL's default text search parser does it.
//!
//! What people write into names and descriptions is covered: words, hyphenated words (as a whole and by part), numbers, versions,
//! hosts, URLs, mail addresses, file names, tags, entities. Tests compare it with PostgreSQL itself.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters only.
    Word,
    /// Letters and digits.
    NumberWord,
    /// Words of letters, joined by hyphens; its parts follow.
    Compound,
    /// A part of a compound, of letters only.
    Part,
    /// A compound with a digit in it; its parts follow.
    NumberCompound,
    /// A part of a compound, with a digit in it.
    NumberPart,
    /// An integer, a decimal, a version such as 1.2.3.
    Number,
    /// `pierone.example.org`, also with a port.
    Host,
    /// A host and a path; both follow.
    Url,
    /// The path of a URL.
    UrlPath,
    /// A path of the file system, or a name with dots that is no host.
    File,
    /// A mail address.
    Email,
    /// `https://`
    Protocol,
    /// `<b>`
    Tag,
    /// `&amp;`
    Entity,
    /// Everything else, character by character.
    Blank,
}

/// A token and where it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
}

/// The tokens of a text. Without the wholes ([`Kind::Compound`], [`Kind::NumberCompound`], [`Kind::Url`]), which are followed by
/// their parts, they are the text.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = next(rest, &mut tokens);
        rest = rest.get(end..).unwrap_or_default();
    }
    tokens
}

/// Appends the token at the start of `rest` (and its parts), and says where it ends.
fn next<'a>(rest: &'a str, tokens: &mut Vec<Token<'a>>) -> usize {
    let single = [
        (Kind::Tag, tag(rest)),
        (Kind::Entity, entity(rest)),
        (Kind::Protocol, protocol(rest)),
        (Kind::Email, email(rest)),
    ];
    for (kind, length) in single {
        if length > 0 {
            return push(tokens, kind, rest, length);
        }
    }
    let host = host(rest);
    if host > 0 {
        let path = url_path(rest.get(host..).unwrap_or_default());
        if path == 0 {
            return push(tokens, Kind::Host, rest, host);
        }
        push(tokens, Kind::Url, rest, host + path);
        push(tokens, Kind::Host, rest, host);
        push(tokens, Kind::UrlPath, rest.get(host..).unwrap_or_default(), path);
        return host + path;
    }
    for (kind, length) in [(Kind::Number, number(rest)), (Kind::File, file(rest))] {
        if length > 0 {
            return push(tokens, kind, rest, length);
        }
    }
    let compound = compound(rest);
    if compound > 0 {
        push_compound(tokens, rest.get(..compound).unwrap_or_default());
        return compound;
    }
    let word = run(rest, is_word);
    if word > 0 {
        let kind = if has_digit(rest.get(..word).unwrap_or_default()) {
            Kind::NumberWord
        } else {
            Kind::Word
        };
        return push(tokens, kind, rest, word);
    }
    let blank = rest.chars().next().map_or(1, char::len_utf8);
    push(tokens, Kind::Blank, rest, blank)
}

fn push<'a>(tokens: &mut Vec<Token<'a>>, kind: Kind, rest: &'a str, length: usize) -> usize {
    tokens.push(Token {
        kind,
        text: rest.get(..length).unwrap_or_default(),
    });
    length
}

fn push_compound<'a>(tokens: &mut Vec<Token<'a>>, whole: &'a str) {
    let (kind, part_with_digit) = if has_digit(whole) {
        (Kind::NumberCompound, Kind::NumberPart)
    } else {
        (Kind::Compound, Kind::Part)
    };
    tokens.push(Token { kind, text: whole });
    let mut start = 0;
    for part in whole.split('-') {
        if start > 0 {
            tokens.push(Token {
                kind: Kind::Blank,
                text: whole.get(start - 1..start).unwrap_or_default(),
            });
        }
        let kind = if has_digit(part) { part_with_digit } else { Kind::Part };
        tokens.push(Token { kind, text: part });
        start += part.len() + 1;
    }
}

fn is_word(character: char) -> bool {
    character.is_alphabetic() || character.is_ascii_digit()
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

fn has_letter(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}

/// The length in bytes of the characters at the start that are such.
fn run(text: &str, is: impl Fn(char) -> bool) -> usize {
    text.find(|character| !is(character)).unwrap_or(text.len())
}

fn digits(text: &str) -> usize {
    run(text, |character| character.is_ascii_digit())
}

/// `<b>`, `</b>`, `<a href="x>y">`, `<!-- -->`; nothing if it is not closed.
fn tag(text: &str) -> usize {
    let Some(inside) = text.strip_prefix('<') else { return 0 };
    if let Some(comment) = inside.strip_prefix("!--") {
        return comment.find("-->").map_or(0, |end| end + "<!---->".len());
    }
    let name = inside.strip_prefix(['/', '!', '?']).unwrap_or(inside);
    if !name.starts_with(|character: char| character.is_ascii_alphabetic()) {
        return 0;
    }
    let mut quote = None;
    for (index, character) in inside.char_indices() {
        match (quote, character) {
            (None, '>') => return index + 2,
            (None, '"' | '\'') => quote = Some(character),
            (None, '<') => return 0,
            (Some(open), character) if open == character => quote = None,
            _ => {}
        }
    }
    0
}

/// `&amp;`, `&#39;`, `&#xA0;`
fn entity(text: &str) -> usize {
    let Some(inside) = text.strip_prefix('&') else { return 0 };
    let number = inside
        .strip_prefix("#x")
        .map(|hex| (3, run(hex, |character| character.is_ascii_hexdigit())));
    let number = number.or_else(|| inside.strip_prefix('#').map(|decimal| (2, digits(decimal))));
    let (before, length) = number.unwrap_or_else(|| (1, run(inside, |character| character.is_ascii_alphanumeric())));
    let named = number.is_none() && !inside.starts_with(|character: char| character.is_ascii_alphabetic());
    let closed = text.get(before + length..).is_some_and(|rest| rest.starts_with(';'));
    if length > 0 && !named && closed {
        before + length + 1
    } else {
        0
    }
}

/// `https://`
fn protocol(text: &str) -> usize {
    let scheme = run(text, |character| character.is_ascii_alphanumeric());
    let letters = text.starts_with(|character: char| character.is_ascii_alphabetic());
    if letters && text.get(scheme..).is_some_and(|rest| rest.starts_with("://")) {
        scheme + 3
    } else {
        0
    }
}

/// `user@example.org`
fn email(text: &str) -> usize {
    if !text.starts_with(|character: char| character.is_ascii_alphanumeric()) {
        return 0;
    }
    let local = run(text, |character| {
        character.is_ascii_alphanumeric() || "._-".contains(character)
    });
    let Some(domain) = text.get(local..).and_then(|rest| rest.strip_prefix('@')) else {
        return 0;
    };
    match host_name(domain) {
        0 => 0,
        length => local + 1 + length,
    }
}

/// A host with its port.
fn host(text: &str) -> usize {
    let name = host_name(text);
    if name == 0 {
        return 0;
    }
    let rest = text.get(name..).unwrap_or_default();
    match rest.strip_prefix(':').map_or(0, digits) {
        0 => name,
        port => name + 1 + port,
    }
}

/// Labels joined by dots, the last one of letters; not before another dot.
fn host_name(text: &str) -> usize {
    if !text.starts_with(|character: char| character.is_ascii_alphanumeric()) {
        return 0;
    }
    let label = |text: &str| {
        run(text, |character| {
            character.is_ascii_alphanumeric() || character == '-' || character == '_'
        })
    };
    let mut end = label(text);
    let mut host = 0;
    while let Some(rest) = text.get(end..).and_then(|rest| rest.strip_prefix('.')) {
        let letters = run(rest, |character| character.is_ascii_alphabetic());
        let whole = label(rest);
        if whole == 0 {
            // A sentence's or an abbreviation's own dot: the latter makes `e.g.` no host.
            let first_label = text
                .get(..host)
                .unwrap_or_default()
                .split('.')
                .next()
                .unwrap_or_default();
            return if first_label.len() > 1 { host } else { 0 };
        }
        let last = rest.get(letters..).unwrap_or_default();
        let ends = !last.starts_with(|character: char| character.is_ascii_digit() || character == '_');
        host = if letters > 0 && ends { end + 1 + letters } else { 0 };
        end += 1 + whole;
    }
    host
}

/// What follows a host from its first slash on: ASCII without blanks and what no URL has.
fn url_path(text: &str) -> usize {
    if !text.starts_with('/') {
        return 0;
    }
    run(text, |character| {
        character.is_ascii_graphic() && !"\"<>\\^`{|}".contains(character)
    })
}

/// `5`, `-5`, `1.2`, `1e5`, `1.2.3`; not `5th`.
fn number(text: &str) -> usize {
    let sign = usize::from(text.starts_with(['-', '+']));
    let mut end = sign + digits(text.get(sign..).unwrap_or_default());
    if end == sign {
        return 0;
    }
    let mut dots = 0;
    while let Some(rest) = text.get(end..).and_then(|rest| rest.strip_prefix('.')) {
        let more = digits(rest);
        if more == 0 || (sign == 1 && dots == 1) {
            break;
        }
        end += 1 + more;
        dots += 1;
    }
    if let Some(rest) = text
        .get(end..)
        .and_then(|rest| rest.strip_prefix(['e', 'E']))
        .filter(|_| dots < 2)
    {
        let sign = usize::from(rest.starts_with(['-', '+']));
        let exponent = digits(rest.get(sign..).unwrap_or_default());
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let rest = text.get(end..).unwrap_or_default();
    let is_file = dots < 2 && rest.starts_with('/') && file(text) > end;
    if rest.starts_with(|character: char| character.is_alphabetic()) || is_file {
        0
    } else {
        end
    }
}

/// `/usr/local`, `src/main.rs`, `and/or`; and names with dots that are neither hosts nor numbers.
fn file(text: &str) -> usize {
    let name = |text: &str| {
        let length = run(text, |character| {
            character.is_ascii_alphanumeric() || "._-".contains(character)
        });
        text.get(..length)
            .unwrap_or_default()
            .trim_end_matches(['.', '-', '_'])
            .len()
    };
    let first = if text.starts_with('/') {
        0
    } else {
        run(text, |character| character.is_ascii_alphanumeric() || character == '.')
    };
    let mut end = text.get(..first).unwrap_or_default().trim_end_matches('.').len();
    let mut is_path = false;
    while let Some(rest) = text.get(end..).and_then(|rest| rest.strip_prefix('/')) {
        let length = name(rest);
        if length == 0 {
            break;
        }
        end += 1 + length;
        is_path = true;
    }
    let dotted = text
        .get(..end)
        .is_some_and(|name| name.starts_with(|character: char| character.is_ascii_alphabetic()) && name.contains('.'));
    if is_path || dotted { end } else { 0 }
}

/// Words with a letter in each, joined by single hyphens.
fn compound(text: &str) -> usize {
    let part = |text: &str| {
        let length = run(text, is_word);
        if text.get(..length).is_some_and(has_letter) {
            length
        } else {
            0
        }
    };
    let first = part(text);
    let mut end = first;
    while let Some(length) = text.get(end..).and_then(|rest| rest.strip_prefix('-')).map(part) {
        if length == 0 {
            break;
        }
        end += 1 + length;
    }
    if first > 0 && end > first { end } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        tokens(text)
            .into_iter()
            .filter(|token| token.kind != Kind::Blank)
            .map(|token| (token.kind, token.text))
            .collect()
    }

    #[test]
    fn the_tokens_are_postgresqls() {
        use Kind::{
            Compound, Email, Entity, File, Host, Number, NumberCompound, NumberPart, NumberWord, Part, Protocol, Tag,
            Url, UrlPath, Word,
        };
        for (text, expected) in [
            ("foo_bar", vec![(Word, "foo"), (Word, "bar")]),
            ("don't", vec![(Word, "don"), (Word, "t")]),
            (
                "order-engine",
                vec![(Compound, "order-engine"), (Part, "order"), (Part, "engine")],
            ),
            (
                "my-app2",
                vec![(NumberCompound, "my-app2"), (Part, "my"), (NumberPart, "app2")],
            ),
            (
                "3rd-party",
                vec![(NumberCompound, "3rd-party"), (NumberPart, "3rd"), (Part, "party")],
            ),
            ("a-1", vec![(Word, "a"), (Number, "-1")]),
            ("1-a", vec![(Number, "1"), (Word, "a")]),
            ("x--y", vec![(Word, "x"), (Word, "y")]),
            ("2nd 5th.", vec![(NumberWord, "2nd"), (NumberWord, "5th")]),
            ("2015-10-01", vec![(Number, "2015"), (Number, "-10"), (Number, "-01")]),
            (
                "1.2 1.2.3 10:30",
                vec![(Number, "1.2"), (Number, "1.2.3"), (Number, "10"), (Number, "30")],
            ),
            ("node.js", vec![(Host, "node.js")]),
            ("e.g. v1.2", vec![(File, "e.g"), (File, "v1.2")]),
            (
                "and/or src/main.rs /foo",
                vec![(File, "and/or"), (File, "src/main.rs"), (File, "/foo")],
            ),
            ("user@example.org", vec![(Email, "user@example.org")]),
            (
                "See https://pierone.example.org/foo",
                vec![
                    (Word, "See"),
                    (Protocol, "https://"),
                    (Url, "pierone.example.org/foo"),
                    (Host, "pierone.example.org"),
                    (UrlPath, "/foo"),
                ],
            ),
            (
                "<b>bold</b> &amp; a < b",
                vec![
                    (Tag, "<b>"),
                    (Word, "bold"),
                    (Tag, "</b>"),
                    (Entity, "&amp;"),
                    (Word, "a"),
                    (Word, "b"),
                ],
            ),
            ("<notag *x*", vec![(Word, "notag"), (Word, "x")]),
            (
                "K\u{e4}se-Brot",
                vec![(Compound, "K\u{e4}se-Brot"), (Part, "K\u{e4}se"), (Part, "Brot")],
            ),
        ] {
            assert_eq!(kinds(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn without_the_wholes_the_tokens_are_the_text(text in "([a-z]{1,3}|[0-9]|[-_./:@<>&;#~ +]|\\PC|ü){0,30}") {
            let joined: String = tokens(&text)
                .iter()
                .filter(|token| !matches!(token.kind, Kind::Compound | Kind::NumberCompound | Kind::Url))
                .map(|token| token.text)
                .collect();
            prop_assert_eq!(joined, text);
        }
    }
}
