//! Where something stands in a document, for errors about what a value means.

use crate::compose::{Content, Document, Edge, NodeId, compose};

/// One step from a value into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To the value of this key.
    Key(String),
    /// To this element, counted from 0.
    Index(usize),
}

/// The 1-based line and column of the value that `path` leads to from the root of `text`, or as far as it leads. Of a value
/// that an alias stands for, the place of the alias.
pub fn locate(text: &str, path: &[Step]) -> (usize, usize) {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let Ok(document) = compose(text) else { return (1, 1) };
    let Some(root) = document.root else { return (1, 1) };
    let mut place = Edge {
        node: root,
        alias: None,
    };
    let mut position = position(&document, place);
    for step in path {
        let Some(next) = child(&document, place.node, step) else {
            break;
        };
        position = self::position(&document, next);
        place = next;
    }
    position
}

fn child(document: &Document, node: NodeId, step: &Step) -> Option<Edge> {
    match (&document.nodes.get(node)?.content, step) {
        (Content::Sequence(items), Step::Index(index)) => items.get(*index).copied(),
        (Content::Mapping(pairs), Step::Key(key)) => {
            let is_key = |edge: &Edge| match document.nodes.get(edge.node).map(|node| &node.content) {
                Some(Content::Scalar { text, .. }) => text == key,
                _ => false,
            };
            pairs.iter().find(|(name, _)| is_key(name)).map(|(_, value)| *value)
        }
        _ => None,
    }
}

fn position(document: &Document, edge: Edge) -> (usize, usize) {
    let own = document
        .nodes
        .get(edge.node)
        .map(|node| node.position)
        .unwrap_or_default();
    let position = edge.alias.unwrap_or(own);
    (position.line + 1, position.column + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Step {
        Step::Key(name.to_owned())
    }

    #[test]
    fn a_path_leads_to_its_line_and_column() {
        let text = "users:\n- id: a\n  scopes: [uid, cn]\n- &x\n  id: b\nteams: {t: *x}\n";
        for (path, expected) in [
            (vec![], (1, 1)),
            (vec![key("users"), Step::Index(0), key("id")], (2, 7)),
            (
                vec![key("users"), Step::Index(0), key("scopes"), Step::Index(1)],
                (3, 17),
            ),
            (vec![key("users"), Step::Index(1), key("id")], (5, 7)),
            (vec![key("users"), Step::Index(0), key("name")], (2, 3)),
            (vec![key("teams"), key("t")], (6, 12)),
        ] {
            assert_eq!(locate(text, &path), expected, "{path:?}");
        }
        assert_eq!(locate("", &[key("a")]), (1, 1));
        assert_eq!(locate("a: [", &[key("a")]), (1, 1));
    }
}
