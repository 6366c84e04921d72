//! Parser events to a graph of nodes, in which an alias is a second edge to the same node.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use crate::load::{Error, MAX_DEPTH};

/// The index of a node in its [`Document`].
pub(crate) type NodeId = usize;

/// One node, with where it starts.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) position: Marker,
    /// the tag in full: `tag:yaml.org,2002:int`, `!Ref`, `!` for the non-specific one
    pub(crate) tag: Option<String>,
    pub(crate) content: Content,
}

/// What a node holds.
#[derive(Debug)]
pub(crate) enum Content {
    Scalar { text: String, plain: bool },
    Sequence(Vec<Edge>),
    Mapping(Vec<(Edge, Edge)>),
}

/// A reference to a node: where it is written, or by an alias.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) node: NodeId,
    /// where the alias stands; nothing when the node itself stands here
    pub(crate) alias: Option<Marker>,
}

/// The nodes of one document.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) nodes: Vec<Node>,
    /// nothing for an empty stream
    pub(crate) root: Option<NodeId>,
    /// where the quoted and block scalars are: from and to, as character indices, in document order
    pub(crate) scalars: Vec<(usize, usize)>,
}

/// Reads the events of `text`, which must hold at most one document.
pub(crate) fn compose(text: &str) -> Result<Document, Error> {
    let mut composer = Composer {
        parser: Parser::new_from_str(text),
        document: Document::default(),
        anchors: HashMap::new(),
    };
    loop {
        let (event, span) = composer.next()?;
        match event {
            Event::StreamEnd => return Ok(composer.document),
            Event::DocumentStart(_) if composer.document.root.is_some() => {
                return Err(Error::at(
                    span.start,
                    "a second document starts here; only one is expected",
                ));
            }
            Event::DocumentStart(_) => {
                let (event, span) = composer.next()?;
                let root = composer.node(event, span, 0)?;
                composer.document.root = Some(root.node);
            }
            _ => {}
        }
    }
}

struct Composer<'input> {
    parser: Parser<'input, StrInput<'input>>,
    document: Document,
    /// by the parser's anchor number: the node, or nothing while it is still being read
    anchors: HashMap<usize, Option<NodeId>>,
}

impl<'input> Composer<'input> {
    fn next(&mut self) -> Result<(Event<'input>, Span), Error> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            // The scanner looks ahead and may meet its own bound (255 levels of flow style) before ours.
            Some(Err(error)) if error.info() == "recursion limit exceeded" => Err(too_deep(*error.marker())),
            Some(Err(error)) => Err(Error::at(*error.marker(), error.info())),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'input>, span: Span, depth: usize) -> Result<Edge, Error> {
        if depth > MAX_DEPTH {
            return Err(too_deep(span.start));
        }
        let (anchor, tag, content) = match event {
            Event::Alias(anchor) => return self.alias(anchor, span.start),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                if !plain {
                    self.document.scalars.push((span.start.index(), span.end.index()));
                }
                (
                    anchor,
                    tag,
                    Content::Scalar {
                        text: text.into_owned(),
                        plain,
                    },
                )
            }
            Event::SequenceStart(anchor, tag) => {
                self.anchors.insert(anchor, None);
                (anchor, tag, Content::Sequence(self.items(depth)?))
            }
            Event::MappingStart(anchor, tag) => {
                self.anchors.insert(anchor, None);
                (anchor, tag, Content::Mapping(self.pairs(depth)?))
            }
            _ => return Err(Error::at(span.start, "a value is expected here")),
        };
        let id = self.document.nodes.len();
        self.document.nodes.push(Node {
            position: span.start,
            tag: tag.map(|tag: std::borrow::Cow<'_, Tag>| format!("{}{}", tag.handle, tag.suffix)),
            content,
        });
        self.anchors.insert(anchor, Some(id));
        Ok(Edge { node: id, alias: None })
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Edge>, Error> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn pairs(&mut self, depth: usize) -> Result<Vec<(Edge, Edge)>, Error> {
        let mut pairs = Vec::new();
        loop {
            match self.next()? {
                (Event::MappingEnd, _) => return Ok(pairs),
                (event, span) => {
                    let key = self.node(event, span, depth + 1)?;
                    let (event, span) = self.next()?;
                    pairs.push((key, self.node(event, span, depth + 1)?));
                }
            }
        }
    }

    fn alias(&self, anchor: usize, position: Marker) -> Result<Edge, Error> {
        match self.anchors.get(&anchor) {
            Some(Some(node)) => Ok(Edge {
                node: *node,
                alias: Some(position),
            }),
            Some(None) => Err(Error::at(position, "this alias refers to a value that contains it")),
            None => Err(Error::at(position, "this alias refers to no anchor")),
        }
    }
}

/// The error for nesting beyond the bound.
pub(crate) fn too_deep(position: Marker) -> Error {
    Error::at(position, format!("nested more than {MAX_DEPTH} levels deep"))
}
