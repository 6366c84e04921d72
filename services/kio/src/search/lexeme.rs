//! Words as the index keeps them: PostgreSQL's `english` text search configuration.

use std::collections::HashSet;
use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};

use super::parser::{Kind, Token};

/// The English stop words of PostgreSQL (which are Snowball's).
const STOP_WORDS: &str = "a about above after again against all am an and any are as at be because been before being below \
     between both but by can did do does doing don down during each few for from further had has have \
     having he her here hers herself him himself his how i if in into is it its itself just me more most \
     my myself no nor not now of off on once only or other our ours ourselves out over own s same she \
     should so some such t than that the their theirs them themselves then there these they this those \
     through to too under until up very was we were what when where which while who whom why will with \
     you your yours yourself yourselves";

static STOPS: LazyLock<HashSet<&str>> = LazyLock::new(|| STOP_WORDS.split(' ').collect());
static STEMMER: LazyLock<Stemmer> = LazyLock::new(|| Stemmer::create(Algorithm::English));

/// What the index keeps of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lexeme {
    /// Nothing, not even a position: blanks, tags, protocols.
    Nothing,
    /// Nothing, but the next word is one further.
    StopWord,
    /// This text.
    Word(String),
}

/// Words of letters alone are English and stemmed; whatever has a digit or a dot in it is kept as it is, in small letters.
pub(super) fn lexeme(token: &Token<'_>) -> Lexeme {
    match token.kind {
        Kind::Blank | Kind::Tag | Kind::Entity | Kind::Protocol => Lexeme::Nothing,
        Kind::Word | Kind::Compound | Kind::Part => {
            let word = token.text.to_lowercase();
            if STOPS.contains(word.as_str()) {
                return Lexeme::StopWord;
            }
            match STEMMER.stem(&word) {
                stem if stem.is_empty() => Lexeme::StopWord,
                stem => Lexeme::Word(stem.into_owned()),
            }
        }
        Kind::NumberWord
        | Kind::NumberCompound
        | Kind::NumberPart
        | Kind::Number
        | Kind::Host
        | Kind::Url
        | Kind::UrlPath
        | Kind::File
        | Kind::Email => Lexeme::Word(token.text.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parser::tokens;
    use super::*;

    fn lexemes(text: &str) -> Vec<String> {
        tokens(text)
            .iter()
            .filter_map(|token| match lexeme(token) {
                Lexeme::Word(word) => Some(word),
                Lexeme::Nothing | Lexeme::StopWord => None,
            })
            .collect()
    }

    #[test]
    fn english_words_are_stemmed_and_stop_words_dropped() {
        assert_eq!(
            lexemes("The engine that Manages management"),
            ["engin", "manag", "manag"]
        );
        assert_eq!(lexemes("the"), Vec::<String>::new());
        assert_eq!(STOPS.len(), 127);
    }

    #[test]
    fn what_is_no_english_word_stays_as_it_is() {
        assert_eq!(
            lexemes("Apps2 1.0 Images.example.org"),
            ["apps2", "1.0", "images.example.org"]
        );
    }
}
