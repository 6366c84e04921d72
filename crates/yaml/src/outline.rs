//! A document with the place of everything in it, for programs that say what is wrong with a file.

use crate::compose::{Content, Document, Edge, NodeId, compose};
use crate::construct::construct_tolerantly;
use crate::load::{Error, MAX_INPUT_BYTES};
use crate::locate::Step;
use crate::reader::Position;
use crate::{Value, syntax};

/// A document that was read as far as possible.
#[derive(Debug)]
pub struct Outline {
    document: Document,
    /// The document's value: of a key that occurs twice the last value, nothing where a tag or a scalar means nothing.
    pub value: Value,
    /// What [`crate::load()`] would refuse, all of it, in the order of the text.
    pub errors: Vec<Error>,
}

impl Outline {
    /// Reads `text`. The error is one of syntax, beyond which nothing can be read, or a bound.
    pub fn read(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_INPUT_BYTES {
            let message = format!("the document is longer than {MAX_INPUT_BYTES} bytes");
            return Err(Error::at(Position::default(), message));
        }
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        syntax::check_characters(text)?;
        let document = compose(text).map_err(|error| syntax::advise(text, error))?;
        let (value, mut errors) = construct_tolerantly(&document)?;
        errors.sort_by_key(|error| (error.line, error.column));
        errors.dedup();
        Ok(Self {
            document,
            value,
            errors,
        })
    }

    /// The 1-based line and column of the value that `path` leads to, or as far as it leads.
    pub fn value_place(&self, path: &[Step]) -> (usize, usize) {
        let mut place = self.root();
        for step in path {
            let next = place.and_then(|edge| self.child(edge.node, step));
            let Some((_, value)) = next else { break };
            place = Some(value);
        }
        self.position(place)
    }

    /// The 1-based line and column of the key that the last step of `path` names; of an element of a list, of the element.
    pub fn key_place(&self, path: &[Step]) -> (usize, usize) {
        let Some((last, parents)) = path.split_last() else {
            return self.value_place(path);
        };
        let mut place = self.root();
        for step in parents {
            let next = place.and_then(|edge| self.child(edge.node, step));
            let Some((_, value)) = next else {
                return self.position(place);
            };
            place = Some(value);
        }
        match place.and_then(|edge| self.child(edge.node, last)) {
            Some((Some(key), _)) => self.position(Some(key)),
            Some((None, value)) => self.position(Some(value)),
            None => self.position(place),
        }
    }

    fn root(&self) -> Option<Edge> {
        self.document.root.map(|node| Edge { node, alias: None })
    }

    /// The key, of maps, and the value of a step. Of a key that occurs twice the last one counts.
    fn child(&self, node: NodeId, step: &Step) -> Option<(Option<Edge>, Edge)> {
        match (&self.document.nodes.get(node)?.content, step) {
            (Content::Sequence(items), Step::Index(index)) => Some((None, *items.get(*index)?)),
            (Content::Mapping(pairs), Step::Key(key)) => {
                let is_key = |edge: &Edge| match self.document.nodes.get(edge.node).map(|node| &node.content) {
                    Some(Content::Scalar { text, .. }) => text == key,
                    _ => false,
                };
                let (key, value) = pairs.iter().rev().find(|(name, _)| is_key(name))?;
                Some((Some(*key), *value))
            }
            _ => None,
        }
    }

    fn position(&self, edge: Option<Edge>) -> (usize, usize) {
        let own = |edge: Edge| self.document.nodes.get(edge.node).map(|node| node.position);
        let position = edge
            .and_then(|edge| edge.alias.or_else(|| own(edge)))
            .unwrap_or_default();
        (position.line + 1, position.column + 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(name: &str) -> Step {
        Step::Key(name.to_owned())
    }

    #[test]
    fn keys_and_values_have_places() {
        let outline = Outline::read("a: 1\nb:\n  - x: {y: 2}\n  - z\nc: &c {d: 3}\ne: *c\n").unwrap();
        let deep = [key("b"), Step::Index(0), key("x"), key("y")];
        assert_eq!(
            (outline.key_place(&deep), outline.value_place(&deep)),
            ((3, 9), (3, 12))
        );
        let element = [key("b"), Step::Index(1)];
        assert_eq!(
            (outline.key_place(&element), outline.value_place(&element)),
            ((4, 5), (4, 5))
        );
        let aliased = [key("e"), key("d")];
        assert_eq!(
            (outline.key_place(&aliased), outline.value_place(&aliased)),
            ((5, 8), (5, 11))
        );
        let absent = [key("b"), Step::Index(0), key("no"), key("y")];
        assert_eq!(
            (outline.key_place(&absent), outline.value_place(&absent)),
            ((3, 5), (3, 5))
        );
        assert_eq!(
            (outline.key_place(&[]), outline.value_place(&[key("q")])),
            ((1, 1), (1, 1))
        );
    }

    #[test]
    fn all_errors_are_told_and_the_rest_is_read() {
        let outline = Outline::read("a: 1\na: 2\nb: !Reff x\nc: {d: 1, d: 2}\ne: !GetAtt f\ng: 3\n").unwrap();
        let places: Vec<_> = outline.errors.iter().map(|error| (error.line, error.column)).collect();
        assert_eq!(places, [(2, 1), (3, 4), (4, 11), (5, 4)]);
        assert_eq!(
            outline.value.to_json().to_string(),
            r#"{"a":2,"b":null,"c":{"d":2},"e":null,"g":3}"#
        );
        assert!(Outline::read("a: [").is_err());
        assert!(Outline::read("a: 1\n---\nb: 2").is_err());
    }

    proptest! {
        /// What can be loaded has no errors and the same value.
        #[test]
        fn it_agrees_with_load(text in "([a-c]: |- |\\{|\\}|[a-c1]|\n|!Ref |, |<<: ){0,12}") {
            match (crate::load(&text), Outline::read(&text)) {
                (Ok(value), Ok(outline)) => {
                    prop_assert_eq!(outline.errors, []);
                    prop_assert_eq!(outline.value, value);
                }
                (Err(error), Ok(outline)) => prop_assert!(outline.errors.contains(&error), "{error:?} {:?}", outline.errors),
                (loaded, Err(error)) => prop_assert_eq!(loaded, Err(error)),
            }
        }
    }
}
