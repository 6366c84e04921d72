//! What is searched of an application: its words with their positions and weights.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::lexeme::{Lexeme, lexeme};
use super::parser::tokens;

/// Where a word stands, and how much it weighs there: id 1.0 (A), name 0.4 (B), subtitle 0.2 (C), description 0.1 (D).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) at: u32,
    pub(super) weight: Weight,
}

/// The weights, heaviest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    A,
    B,
    C,
    D,
}

impl Weight {
    /// PostgreSQL's default weights.
    pub(super) fn value(self) -> f64 {
        match self {
            Self::A => 1.0,
            Self::B => f64::from(0.4_f32),
            Self::C => f64::from(0.2_f32),
            Self::D => f64::from(0.1_f32),
        }
    }
}

/// The words of an application, each with its positions in ascending order.
pub(super) type Document = BTreeMap<String, Vec<Position>>;

/// PostgreSQL keeps no position beyond this one.
const LAST_POSITION: u32 = 16_383;

/// PostgreSQL keeps no more positions of one word than these.
const MOST_POSITIONS: usize = 255;

/// No longer word is kept, in bytes.
const LONGEST_WORD: usize = 2046;

/// The document of an application, field after field.
pub(super) fn document(id: &str, name: &str, subtitle: &str, description: &str) -> Document {
    let mut document = Document::new();
    let fields = [
        (id, Weight::A),
        (name, Weight::B),
        (subtitle, Weight::C),
        (description, Weight::D),
    ];
    let mut before = 0;
    for (text, weight) in fields {
        // Joined vectors count on from the last word that was kept, not from the last that was read.
        before = add(&mut document, text, weight, before);
    }
    document
}

fn add(document: &mut Document, text: &str, weight: Weight, before: u32) -> u32 {
    let mut at = before;
    let mut last = before;
    for token in tokens(text) {
        match lexeme(&token) {
            Lexeme::Nothing => {}
            Lexeme::StopWord => at += 1,
            Lexeme::Word(word) => {
                at += 1;
                if word.len() > LONGEST_WORD {
                    continue;
                }
                last = at.min(LAST_POSITION);
                let positions = document.entry(word).or_default();
                if positions.len() < MOST_POSITIONS && positions.last().is_none_or(|position| position.at < last) {
                    positions.push(Position { at: last, weight });
                }
            }
        }
    }
    last
}

/// The distinct words that a search asks for; all of them have to be in a document.
pub(super) fn query(search: &str) -> Vec<String> {
    let mut words: Vec<String> = tokens(search)
        .iter()
        .filter_map(|token| match lexeme(token) {
            Lexeme::Word(word) if word.len() <= LONGEST_WORD => Some(word),
            _ => None,
        })
        .collect();
    words.sort();
    words.dedup();
    words
}

/// `1A,4B,7`: as PostgreSQL writes positions; D is not written.
pub(super) fn encode(positions: &[Position]) -> String {
    let mut text = String::new();
    for Position { at, weight } in positions {
        let letter = match weight {
            Weight::A => "A",
            Weight::B => "B",
            Weight::C => "C",
            Weight::D => "",
        };
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{at}{letter}");
    }
    text
}

/// What [`encode`] wrote.
pub(super) fn decode(text: &str) -> Vec<Position> {
    text.split(',')
        .filter_map(|position| {
            let (digits, weight) = match position.as_bytes().last()? {
                b'A' => (position.strip_suffix('A')?, Weight::A),
                b'B' => (position.strip_suffix('B')?, Weight::B),
                b'C' => (position.strip_suffix('C')?, Weight::C),
                _ => (position, Weight::D),
            };
            Some(Position {
                at: digits.parse().ok()?,
                weight,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(document: &Document) -> String {
        let words: Vec<String> = document
            .iter()
            .map(|(word, positions)| format!("'{word}':{}", encode(positions)))
            .collect();
        words.join(" ")
    }

    #[test]
    fn a_document_is_written_as_postgresql_writes_its_vectors() {
        let kio = document(
            "kio",
            "Kio",
            "STUPS application registry",
            "Manages all *application* base information.",
        );
        assert_eq!(
            written(&kio),
            "'applic':4C,8 'base':9 'inform':10 'kio':1A,2B 'manag':6 'registri':5C 'stup':3C"
        );
    }

    #[test]
    fn positions_are_read_as_they_were_written() {
        for positions in document(
            "order-engine",
            "Order Engine",
            "Orders",
            "The engine that manages orders",
        )
        .values()
        {
            assert_eq!(&decode(&encode(positions)), positions);
        }
        assert_eq!(decode(""), []);
    }

    #[test]
    fn a_query_is_the_distinct_words_of_the_search() {
        assert_eq!(query("registry | registry \"kio\""), ["kio", "registri"]);
        assert_eq!(query("order-engine"), ["engin", "order", "order-engin"]);
        for nothing in ["", "  ", "the", "| & !", "<b>"] {
            assert_eq!(query(nothing), Vec::<String>::new(), "{nothing}");
        }
    }
}
