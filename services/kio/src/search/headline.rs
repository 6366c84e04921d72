//! Where a document matches: an excerpt of 15 to 35 words with the matches in `<b>`, chosen as PostgreSQL chooses it.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use super::lexeme::{Lexeme, lexeme};
use super::parser::{Kind, tokens};

const LONGEST: usize = 35;
const SHORTEST: usize = 15;
/// An excerpt does not begin or end with a word of so few letters.
const SHORT_WORD: usize = 3;
/// Matches further apart than so many tokens are not shown together.
const WIDEST_COVER: usize = 350;
/// So many places are compared: a description may say the same word over and over.
const MOST_COVERS: usize = 100;

/// What stands before and after a match in the text that [`mark_up`] takes; no text that people write has them.
pub(super) const MATCH_START: char = '\u{1}';
/// See [`MATCH_START`].
pub(super) const MATCH_END: char = '\u{2}';

/// The excerpt as HTML.
pub(super) fn headline(text: &str, query: &[String]) -> String {
    let words = words(text, query);
    let mut marked = String::new();
    for word in words.get(excerpt(&words, query.len())).unwrap_or_default() {
        match (word.kind, word.matches) {
            (Kind::Tag, _) => marked.push(' '),
            (Kind::Compound | Kind::NumberCompound | Kind::Url, _) => {}
            (_, Some(_)) => {
                marked.push(MATCH_START);
                marked.push_str(word.text);
                marked.push(MATCH_END);
            }
            (_, None) => marked.push_str(word.text),
        }
    }
    mark_up(&marked)
}

/// HTML of a text with marked matches: they are bold, and whatever would be HTML in the text itself is escaped, for browsers
/// show it (contract kio 4, D9).
pub(super) fn mark_up(marked: &str) -> String {
    let mut html = String::with_capacity(marked.len() + 16);
    for character in marked.chars() {
        match character {
            MATCH_START => html.push_str("<b>"),
            MATCH_END => html.push_str("</b>"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            character => html.push(character),
        }
    }
    html
}

/// A token, and which word of the query it is.
#[derive(Clone, Copy, Debug)]
struct Word<'a> {
    kind: Kind,
    text: &'a str,
    matches: Option<usize>,
}

impl Word<'_> {
    /// It counts as a word of the excerpt.
    fn counts(&self) -> bool {
        !matches!(
            self.kind,
            Kind::Blank | Kind::Tag | Kind::Compound | Kind::NumberCompound | Kind::Url
        )
    }

    /// An excerpt should not end with it.
    fn is_bad_end(&self) -> bool {
        let ends_nothing = !self.counts() || matches!(self.kind, Kind::Number | Kind::Protocol | Kind::Entity);
        self.matches.is_none() && (ends_nothing || self.text.len() <= SHORT_WORD)
    }
}

fn words<'a>(text: &'a str, query: &[String]) -> Vec<Word<'a>> {
    tokens(text)
        .into_iter()
        .map(|token| {
            let matches = match lexeme(&token) {
                Lexeme::Word(word) => query.iter().position(|wanted| *wanted == word),
                Lexeme::Nothing | Lexeme::StopWord => None,
            };
            Word {
                kind: token.kind,
                text: token.text,
                matches,
            }
        })
        .collect()
}

/// An excerpt that could be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    has_the_cover: bool,
    matches: usize,
    ends_well: bool,
}

/// The best excerpt: one with all the query's words, with many matches, with a good end; the first of equals.
fn excerpt(words: &[Word<'_>], query: usize) -> RangeInclusive<usize> {
    let matches: Vec<Match> = words
        .iter()
        .enumerate()
        .filter_map(|(index, word)| {
            Some(Match {
                index,
                word: word.matches?,
            })
        })
        .collect();
    let covers = (0..matches.len()).filter_map(|first| cover_from(matches.get(first..)?, query));
    let mut best: Option<(Candidate, RangeInclusive<usize>)> = None;
    for cover in covers.take(MOST_COVERS) {
        let range = around(words, &cover);
        let candidate = Candidate {
            has_the_cover: range.start() <= cover.start() && range.end() >= cover.end(),
            matches: words
                .get(range.clone())
                .map_or(0, |words| words.iter().filter(|word| word.matches.is_some()).count()),
            ends_well: words.get(*range.end()).is_some_and(|word| !word.is_bad_end()),
        };
        if best.as_ref().is_none_or(|(known, _)| candidate > *known) {
            best = Some((candidate, range));
        }
    }
    best.map_or_else(|| beginning(words), |(_, range)| range)
}

/// A token that is a word of the query.
#[derive(Clone, Copy, Debug)]
struct Match {
    index: usize,
    word: usize,
}

/// The shortest stretch from the first of these matches on that has all the query's words, if it is not too wide.
fn cover_from(matches: &[Match], query: usize) -> Option<RangeInclusive<usize>> {
    let start = matches.first()?.index;
    let mut met = HashSet::new();
    for found in matches.iter().take_while(|found| found.index < start + WIDEST_COVER) {
        met.insert(found.word);
        if met.len() == query {
            return Some(start..=found.index);
        }
    }
    None
}

/// The cover, made longer or shorter until it is an excerpt.
fn around(words: &[Word<'_>], cover: &RangeInclusive<usize>) -> RangeInclusive<usize> {
    let (mut start, mut end) = (*cover.start(), *cover.start());
    let mut length = 0;
    for (index, word) in words.iter().enumerate().take(cover.end() + 1).skip(start) {
        if length >= LONGEST {
            break;
        }
        length += usize::from(word.counts());
        end = index;
    }
    if length >= LONGEST {
        while length > SHORTEST && words.get(end).is_some_and(Word::is_bad_end) && end > start {
            length -= usize::from(words.get(end).is_some_and(Word::counts));
            end -= 1;
        }
        return start..=end;
    }

    // To the right until it is long enough and ends well, or full.
    let is_end =
        |index: usize, length: usize| length >= SHORTEST && words.get(index).is_some_and(|word| !word.is_bad_end());
    while !is_end(end, length) && length < LONGEST && end + 1 < words.len() {
        end += 1;
        length += usize::from(words.get(end).is_some_and(Word::counts));
    }
    // At the end of the text, to the left until it is long enough and begins well, or full.
    if length < SHORTEST {
        while start > 0 && length < LONGEST {
            start -= 1;
            length += usize::from(words.get(start).is_some_and(Word::counts));
            if is_end(start, length) {
                break;
            }
        }
    }
    start..=end
}

fn beginning(words: &[Word<'_>]) -> RangeInclusive<usize> {
    let mut length = 0;
    for (index, word) in words.iter().enumerate() {
        length += usize::from(word.counts());
        if length >= SHORTEST {
            return 0..=index;
        }
    }
    0..=words.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::document::query;
    use super::*;

    fn highlighted(text: &str, search: &str) -> String {
        headline(text, &query(search))
    }

    #[test]
    fn a_short_document_is_shown_whole() {
        assert_eq!(
            highlighted(
                "kio Kio STUPS application registry Manages all *application* base information.",
                "stups application"
            ),
            "kio Kio <b>STUPS</b> <b>application</b> registry Manages all *<b>application</b>* base information."
        );
    }

    #[test]
    fn what_would_be_html_is_escaped() {
        assert_eq!(
            highlighted("x x <script>alert(1)</script> \"a\" & b < kio", "kio"),
            "x x  alert(1)  &quot;a&quot; &amp; b &lt; <b>kio</b>"
        );
    }

    #[test]
    fn a_compound_is_shown_once() {
        assert_eq!(
            highlighted("order-engine Order", "order"),
            "<b>order</b>-engine <b>Order</b>"
        );
    }

    #[test]
    fn nothing_is_shown_of_nothing() {
        assert_eq!(highlighted("", "kio"), "");
    }

    proptest! {
        #[test]
        fn an_excerpt_is_short_and_safe(text in "([a-z]{1,8} |kio |<b>|[<>&]|foo-kio ){0,120}") {
            let html = highlighted(&text, "kio");
            let plain = html.replace("<b>", "").replace("</b>", "");
            prop_assert!(!plain.contains(['<', '>', '"']), "{}", html);
            let count = tokens(&plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
                .iter()
                .filter(|token| matches!(token.kind, Kind::Word | Kind::Part))
                .count();
            prop_assert!(count <= LONGEST + 2, "{}: {}", count, html);
        }
    }
}
