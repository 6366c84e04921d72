//! Tokens to a graph of nodes, in which an alias is a second edge to the same node.

use std::collections::HashMap;

use crate::load::{Error, MAX_DEPTH};
use crate::reader::Position;
use crate::scalar::quoted;
use crate::scanner::Scanner;
use crate::token::{Token, TokenKind};

/// The index of a node in its [`Document`].
pub(crate) type NodeId = usize;

/// One node, with where it starts.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) position: Position,
    /// the tag in full: `tag:yaml.org,2002:int`, `!Ref`
    pub(crate) tag: Option<String>,
    pub(crate) content: Content,
}

/// What a node holds.
#[derive(Debug)]
pub(crate) enum Content {
    Scalar {
        text: String,
        /// its text decides what it is
        plain: bool,
    },
    Sequence(Vec<Edge>),
    Mapping(Vec<(Edge, Edge)>),
}

/// A reference to a node: where it is written, or by an alias.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edge {
    pub(crate) node: NodeId,
    /// where the alias stands; nothing when the node itself stands here
    pub(crate) alias: Option<Position>,
}

/// The nodes of one document.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) nodes: Vec<Node>,
    /// nothing for an empty stream
    pub(crate) root: Option<NodeId>,
}

/// Reads `text`, which must hold at most one document.
pub(crate) fn compose(text: &str) -> Result<Document, Error> {
    let mut composer = Composer {
        scanner: Scanner::new(text),
        document: Document::default(),
        anchors: HashMap::new(),
    };
    composer.stream()?;
    Ok(composer.document)
}

struct Composer {
    scanner: Scanner,
    document: Document,
    anchors: HashMap<String, Target>,
}

/// The node of an anchor.
#[derive(Clone, Copy)]
enum Target {
    /// still being read
    Open,
    Node(NodeId),
}

/// Which nodes can stand at a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// within `[` or `{`
    Flow,
    Block,
    /// in a block mapping, where a list may stand in its key's column
    BlockMapping,
}

impl Composer {
    /// Whether the next token is one of `kinds`, of those without content.
    fn at(&mut self, kinds: &[TokenKind]) -> Result<bool, Error> {
        Ok(kinds.contains(&self.scanner.peek()?.kind))
    }

    /// Takes the next token if it is `kind`.
    fn accept(&mut self, kind: &TokenKind) -> Result<Option<Token>, Error> {
        if self.scanner.peek()?.kind == *kind {
            self.scanner.next().map(Some)
        } else {
            Ok(None)
        }
    }

    fn unexpected(&mut self, expected: &str) -> Error {
        match self.scanner.peek() {
            Ok(token) => Error::at(
                token.position,
                format!("{expected} is expected here, not {}", token.kind.name()),
            ),
            Err(error) => error,
        }
    }

    fn stream(&mut self) -> Result<(), Error> {
        use TokenKind::{Directive, DocumentEnd, DocumentStart, StreamEnd};
        if !self.at(&[Directive, DocumentStart, StreamEnd])? {
            self.root()?;
            self.accept(&DocumentEnd)?;
        }
        loop {
            while self.accept(&DocumentEnd)?.is_some() {}
            if self.at(&[StreamEnd])? {
                return Ok(());
            }
            let mut directives = 0;
            while self.accept(&Directive)?.is_some() {
                directives += 1;
            }
            if directives > 1 {
                return Err(self.unexpected("one directive and '---'"));
            }
            let Some(start) = self.accept(&DocumentStart)? else {
                return Err(self.unexpected("the end of the document"));
            };
            if self.document.root.is_some() {
                return Err(Error::at(
                    start.position,
                    "a second document starts here; only one is expected",
                ));
            }
            if self.at(&[Directive, DocumentStart, DocumentEnd, StreamEnd])? {
                self.document.root = Some(self.empty(start.position).node);
            } else {
                self.root()?;
            }
            self.accept(&DocumentEnd)?;
        }
    }

    fn root(&mut self) -> Result<(), Error> {
        self.document.root = Some(self.node(Place::Block, 0)?.node);
        Ok(())
    }

    fn add(&mut self, node: Node) -> Edge {
        self.document.nodes.push(node);
        Edge {
            node: self.document.nodes.len() - 1,
            alias: None,
        }
    }

    /// The value where nothing is written.
    fn empty(&mut self, position: Position) -> Edge {
        let content = Content::Scalar {
            text: String::new(),
            plain: true,
        };
        self.add(Node {
            position,
            tag: None,
            content,
        })
    }

    fn node(&mut self, place: Place, depth: usize) -> Result<Edge, Error> {
        let position = self.scanner.peek()?.position;
        if depth > MAX_DEPTH {
            return Err(too_deep(position));
        }
        let (mut anchor, mut tag) = (None, None);
        loop {
            match &self.scanner.peek()?.kind {
                TokenKind::Alias(name) if anchor.is_none() && tag.is_none() => {
                    let edge = alias(self.anchors.get(name), name, position)?;
                    self.scanner.next()?;
                    return Ok(edge);
                }
                TokenKind::Anchor(name) if anchor.is_none() => {
                    anchor = Some(name.clone());
                    if self.anchors.insert(name.clone(), Target::Open).is_some() {
                        return Err(Error::at(
                            position,
                            format!("the anchor {} is defined a second time", quoted(name)),
                        ));
                    }
                }
                TokenKind::Tag(name) if tag.is_none() => tag = Some(name.clone()),
                _ => break,
            }
            self.scanner.next()?;
        }
        // The non-specific tag means to PyYAML: as if this were plain.
        let non_specific = tag.as_deref() == Some("!");
        let tag = tag.filter(|_| !non_specific);
        let content = match (&self.scanner.peek()?.kind, place) {
            (TokenKind::Scalar { .. }, _) => match self.scanner.next()?.kind {
                TokenKind::Scalar { text, plain } => Content::Scalar {
                    text,
                    plain: (plain && tag.is_none()) || non_specific,
                },
                _ => return Err(self.unexpected("a scalar")),
            },
            (TokenKind::FlowSequenceStart, _) => Content::Sequence(self.flow_sequence(depth + 1)?),
            (TokenKind::FlowMappingStart, _) => Content::Mapping(self.flow_mapping(depth + 1)?),
            (TokenKind::BlockSequenceStart, Place::Block | Place::BlockMapping) => {
                Content::Sequence(self.block_sequence(depth + 1)?)
            }
            (TokenKind::BlockMappingStart, Place::Block | Place::BlockMapping) => {
                Content::Mapping(self.block_mapping(depth + 1)?)
            }
            (TokenKind::BlockEntry, Place::BlockMapping) => Content::Sequence(self.indentless_sequence(depth + 1)?),
            _ if anchor.is_some() || tag.is_some() || non_specific => Content::Scalar {
                text: String::new(),
                plain: tag.is_none(),
            },
            _ => return Err(self.unexpected("a value")),
        };
        let edge = self.add(Node { position, tag, content });
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, Target::Node(edge.node));
        }
        Ok(edge)
    }

    /// A node, or nothing if one of the tokens `without` comes first.
    fn optional(&mut self, without: &[TokenKind], place: Place, before: &Token, depth: usize) -> Result<Edge, Error> {
        if self.at(without)? {
            Ok(self.empty(before.position))
        } else {
            self.node(place, depth)
        }
    }

    fn block_sequence(&mut self, depth: usize) -> Result<Vec<Edge>, Error> {
        use TokenKind::{BlockEnd, BlockEntry};
        self.scanner.next()?;
        let mut items = Vec::new();
        while let Some(entry) = self.accept(&BlockEntry)? {
            items.push(self.optional(&[BlockEntry, BlockEnd], Place::Block, &entry, depth)?);
        }
        match self.accept(&BlockEnd)? {
            Some(_) => Ok(items),
            None => Err(self.unexpected("another list item in the column of the first, or the end of the list")),
        }
    }

    fn indentless_sequence(&mut self, depth: usize) -> Result<Vec<Edge>, Error> {
        use TokenKind::{BlockEnd, BlockEntry, Key, Value};
        let mut items = Vec::new();
        while let Some(entry) = self.accept(&BlockEntry)? {
            items.push(self.optional(&[BlockEntry, Key, Value, BlockEnd], Place::Block, &entry, depth)?);
        }
        Ok(items)
    }

    fn block_mapping(&mut self, depth: usize) -> Result<Vec<(Edge, Edge)>, Error> {
        use TokenKind::{BlockEnd, Key, Value};
        const ENDS: [TokenKind; 3] = [Key, Value, BlockEnd];
        self.scanner.next()?;
        let mut pairs = Vec::new();
        while let Some(key) = self.accept(&Key)? {
            let name = self.optional(&ENDS, Place::BlockMapping, &key, depth)?;
            let value = match self.accept(&Value)? {
                Some(colon) => self.optional(&ENDS, Place::BlockMapping, &colon, depth)?,
                None => self.empty(key.position),
            };
            pairs.push((name, value));
        }
        match self.accept(&BlockEnd)? {
            Some(_) => Ok(pairs),
            None => Err(self.unexpected("another key in the column of the first, or the end of the map")),
        }
    }

    fn flow_sequence(&mut self, depth: usize) -> Result<Vec<Edge>, Error> {
        use TokenKind::{FlowEntry, FlowSequenceEnd, Key};
        self.scanner.next()?;
        let mut items = Vec::new();
        while self.accept(&FlowSequenceEnd)?.is_none() {
            if !items.is_empty() {
                if self.accept(&FlowEntry)?.is_none() {
                    return Err(self.unexpected("',' or ']'"));
                }
                if self.accept(&FlowSequenceEnd)?.is_some() {
                    break;
                }
            }
            items.push(match self.accept(&Key)? {
                Some(key) => self.flow_pair(&key, depth)?,
                None => self.node(Place::Flow, depth)?,
            });
        }
        Ok(items)
    }

    /// `[a: b]`: a map of one key in a list.
    fn flow_pair(&mut self, key: &Token, depth: usize) -> Result<Edge, Error> {
        use TokenKind::{FlowEntry, FlowSequenceEnd, Value};
        if depth > MAX_DEPTH {
            return Err(too_deep(key.position));
        }
        let name = self.optional(&[Value, FlowEntry, FlowSequenceEnd], Place::Flow, key, depth + 1)?;
        let value = match self.accept(&Value)? {
            Some(colon) => self.optional(&[FlowEntry, FlowSequenceEnd], Place::Flow, &colon, depth + 1)?,
            None => self.empty(key.position),
        };
        Ok(self.add(Node {
            position: key.position,
            tag: None,
            content: Content::Mapping(vec![(name, value)]),
        }))
    }

    fn flow_mapping(&mut self, depth: usize) -> Result<Vec<(Edge, Edge)>, Error> {
        use TokenKind::{FlowEntry, FlowMappingEnd, Key, Value};
        self.scanner.next()?;
        let mut pairs = Vec::new();
        while self.accept(&FlowMappingEnd)?.is_none() {
            if !pairs.is_empty() {
                if self.accept(&FlowEntry)?.is_none() {
                    return Err(self.unexpected("',' or '}'"));
                }
                if self.accept(&FlowMappingEnd)?.is_some() {
                    break;
                }
            }
            let Some(key) = self.accept(&Key)? else {
                // `{a}`: a key without a value.
                let name = self.node(Place::Flow, depth)?;
                let position = self.scanner.peek()?.position;
                pairs.push((name, self.empty(position)));
                continue;
            };
            let name = self.optional(&[Value, FlowEntry, FlowMappingEnd], Place::Flow, &key, depth)?;
            let value = match self.accept(&Value)? {
                Some(colon) => self.optional(&[FlowEntry, FlowMappingEnd], Place::Flow, &colon, depth)?,
                None => self.empty(key.position),
            };
            pairs.push((name, value));
        }
        Ok(pairs)
    }
}

fn alias(target: Option<&Target>, name: &str, position: Position) -> Result<Edge, Error> {
    match target {
        Some(Target::Node(node)) => Ok(Edge {
            node: *node,
            alias: Some(position),
        }),
        Some(Target::Open) => Err(Error::at(position, "this alias refers to a value that contains it")),
        None => Err(Error::at(
            position,
            format!(
                "this alias refers to the anchor {}, which is not defined before it",
                quoted(name)
            ),
        )),
    }
}

/// The error for nesting beyond the bound.
pub(crate) fn too_deep(position: Position) -> Error {
    Error::at(position, format!("nested more than {MAX_DEPTH} levels deep"))
}
