//! Nodes to values: tags, merge keys, duplicate keys, and the bound on what aliases expand to.

use crate::compose::{Content, Document, Edge, Node, NodeId, too_deep};
use crate::load::{Error, MAX_ALIAS_NODES, MAX_ALIAS_TEXT_BYTES, MAX_DEPTH};
use crate::reader::Position;
use crate::scalar::{self, Implicit, quoted};
use crate::tag::{self, Kind};
use crate::{Key, Map, Value};

/// The value of the document's root.
pub(crate) fn construct(document: &Document) -> Result<Value, Error> {
    Constructor::new(document, None).root(document)
}

/// The value of the document's root without what is wrong in it, and everything that is wrong. Bounds stay errors.
pub(crate) fn construct_tolerantly(document: &Document) -> Result<(Value, Vec<Error>), Error> {
    let mut constructor = Constructor::new(document, Some(Vec::new()));
    let value = constructor.root(document)?;
    Ok((value, constructor.tolerated.unwrap_or_default()))
}

/// Where in the tree a node is constructed.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    /// the outermost alias or merge key that brought us here
    alias: Option<Position>,
}

impl Place {
    fn below(self, edge: Edge) -> Self {
        Self {
            depth: self.depth + 1,
            alias: self.alias.or(edge.alias),
        }
    }
}

struct Constructor<'a> {
    nodes: &'a [Node],
    alias_nodes: usize,
    alias_text_bytes: usize,
    /// the errors so far, when they do not end the construction
    tolerated: Option<Vec<Error>>,
}

impl<'a> Constructor<'a> {
    fn new(document: &'a Document, tolerated: Option<Vec<Error>>) -> Self {
        Self {
            nodes: &document.nodes,
            alias_nodes: 0,
            alias_text_bytes: 0,
            tolerated,
        }
    }

    fn root(&mut self, document: &Document) -> Result<Value, Error> {
        let Some(node) = document.root else {
            return Ok(Value::Null);
        };
        self.value(Edge { node, alias: None }, Place { depth: 0, alias: None })
    }

    /// Goes on with `instead` where errors are tolerated.
    fn tolerate<T>(&mut self, error: Error, instead: T) -> Result<T, Error> {
        match &mut self.tolerated {
            Some(errors) => {
                errors.push(error);
                Ok(instead)
            }
            None => Err(error),
        }
    }

    fn node(&self, id: NodeId) -> Result<&'a Node, Error> {
        self.nodes
            .get(id)
            .ok_or_else(|| Error::at(Position::default(), "an alias leads out of the document"))
    }

    /// Counts `node` if an alias brought it here; the error comes before the memory is taken.
    fn charge(&mut self, node: &Node, place: Place) -> Result<(), Error> {
        if place.depth > MAX_DEPTH {
            return Err(too_deep(place.alias.unwrap_or(node.position)));
        }
        let Some(alias) = place.alias else {
            return Ok(());
        };
        self.alias_nodes += 1;
        if let Content::Scalar { text, .. } = &node.content {
            self.alias_text_bytes += text.len();
        }
        if self.alias_nodes > MAX_ALIAS_NODES {
            return Err(Error::at(
                alias,
                format!("the document's aliases expand to more than {MAX_ALIAS_NODES} values"),
            ));
        }
        if self.alias_text_bytes > MAX_ALIAS_TEXT_BYTES {
            let message = format!("the document's aliases expand to more than {MAX_ALIAS_TEXT_BYTES} bytes of text");
            return Err(Error::at(alias, message));
        }
        Ok(())
    }

    fn value(&mut self, edge: Edge, place: Place) -> Result<Value, Error> {
        let node = self.node(edge.node)?;
        self.charge(node, place)?;
        let kind = match node.tag.as_deref().map(tag::kind) {
            None => Kind::Implicit,
            Some(Ok(kind)) => kind,
            Some(Err(message)) => return self.tolerate(Error::at(node.position, message), Value::Null),
        };
        if let Kind::Function(function) = kind {
            let argument = match &node.content {
                Content::Scalar { text, .. } => Value::from(text.as_str()),
                Content::Sequence(items) => self.list(items, place)?,
                Content::Mapping(pairs) => Value::Map(self.map(pairs, place)?),
            };
            return tag::call(function, argument)
                .or_else(|message| self.tolerate(Error::at(node.position, message), Value::Null));
        }
        match (&node.content, kind) {
            (Content::Scalar { text, plain }, kind) => scalar_value(text, *plain, kind)
                .or_else(|message| self.tolerate(Error::at(node.position, message), Value::Null)),
            (Content::Sequence(items), Kind::Implicit | Kind::Sequence) => self.list(items, place),
            (Content::Mapping(pairs), Kind::Implicit | Kind::Mapping) => Ok(Value::Map(self.map(pairs, place)?)),
            (Content::Sequence(_), _) => {
                self.tolerate(Error::at(node.position, "this tag does not fit a list"), Value::Null)
            }
            (Content::Mapping(_), _) => {
                self.tolerate(Error::at(node.position, "this tag does not fit a map"), Value::Null)
            }
        }
    }

    fn list(&mut self, items: &[Edge], place: Place) -> Result<Value, Error> {
        let values = items.iter().map(|item| self.value(*item, place.below(*item)));
        Ok(Value::List(values.collect::<Result<_, _>>()?))
    }

    /// Merged keys come first and in PyYAML's order; explicit keys take their place and win.
    fn map(&mut self, pairs: &[(Edge, Edge)], place: Place) -> Result<Map, Error> {
        let mut map = Map::with_capacity(pairs.len());
        for (key, value) in pairs {
            if self.is_merge(*key)? {
                self.merge(*value, place, &mut map)?;
            }
        }
        let mut overridden = vec![false; map.len()];
        for (key_edge, value_edge) in pairs {
            if self.is_merge(*key_edge)? {
                continue;
            }
            let key = self.key(*key_edge, place)?;
            let value = self.value(*value_edge, place.below(*value_edge))?;
            let (index, previous) = map.insert_full(key, value);
            // A key may stand over a merged one once.
            let duplicate = match overridden.get_mut(index) {
                Some(overridden) => std::mem::replace(overridden, true),
                None => previous.is_some(),
            };
            if duplicate {
                let key = map
                    .get_index(index)
                    .map(|(key, _)| quoted(&key.to_string()))
                    .unwrap_or_default();
                let message = format!("the key {key} occurs a second time in this map");
                let error = Error::at(self.position(*key_edge)?, message);
                self.tolerate(error, ())?;
            }
        }
        Ok(map)
    }

    fn is_merge(&self, key: Edge) -> Result<bool, Error> {
        let node = self.node(key.node)?;
        Ok(match &node.content {
            Content::Scalar { text, plain } => {
                *plain && node.tag.is_none() && scalar::implicit(text) == Implicit::Merge
            }
            _ => false,
        })
    }

    /// Adds the members of the map, or of the maps in the list (of which the first wins), to `target`.
    fn merge(&mut self, source: Edge, place: Place, target: &mut Map) -> Result<(), Error> {
        const ADVICE: &str = "\"<<\" merges a map or a list of maps; quote it if it is meant as text";
        let place = place.below(source);
        let node = self.node(source.node)?;
        let position = source.alias.unwrap_or(node.position);
        match (&node.content, node.tag.as_deref()) {
            (Content::Mapping(pairs), None | Some("tag:yaml.org,2002:map")) => {
                self.charge(node, place)?;
                target.extend(self.map(pairs, place)?);
            }
            (Content::Sequence(items), None | Some("tag:yaml.org,2002:seq")) => {
                self.charge(node, place)?;
                let mut maps = Vec::with_capacity(items.len());
                for item in items {
                    if let Value::Map(map) = self.value(*item, place.below(*item))? {
                        maps.push(map);
                    } else {
                        let error = Error::at(self.position(*item)?, ADVICE);
                        self.tolerate(error, ())?;
                    }
                }
                maps.into_iter().rev().for_each(|map| target.extend(map));
            }
            _ => self.tolerate(Error::at(position, ADVICE), ())?,
        }
        Ok(())
    }

    fn key(&mut self, edge: Edge, place: Place) -> Result<Key, Error> {
        let node = self.node(edge.node)?;
        let Content::Scalar { text, plain } = &node.content else {
            let message = "a key must be a scalar; text that starts with \"{\" or \"[\", such as {{Arguments.Name}}, needs quotes";
            let error = Error::at(self.position(edge)?, message);
            return self.tolerate(error, Key::Null);
        };
        let implicit = *plain && node.tag.is_none();
        if implicit && scalar::implicit(text) == Implicit::DefaultValue {
            // In key position, and only there, PyYAML takes `=` for text.
            return Ok(Key::from(text.as_str()));
        }
        match self.value(edge, place.below(edge))? {
            Value::Null => Ok(Key::Null),
            Value::Bool(value) => Ok(Key::Bool(value)),
            Value::Int(value) => Ok(Key::Int(value)),
            Value::Float(value) => Ok(Key::Float(value.to_bits())),
            Value::String(text) => Ok(Key::String(text)),
            Value::List(_) | Value::Map(_) => {
                let error = Error::at(self.position(edge)?, "a key must be a scalar, not a function");
                self.tolerate(error, Key::Null)
            }
        }
    }

    /// Where the alias stands, or else the node.
    fn position(&self, edge: Edge) -> Result<Position, Error> {
        Ok(edge.alias.unwrap_or(self.node(edge.node)?.position))
    }
}

fn scalar_value(text: &str, plain: bool, kind: Kind) -> Result<Value, String> {
    match kind {
        Kind::Implicit if plain => match scalar::implicit(text) {
            Implicit::Merge => Err("\"<<\" can only be a key; quote it if it is meant as text".to_owned()),
            Implicit::DefaultValue => {
                Err("\"=\" has a meaning of its own in YAML 1.1; quote it if it is meant as text".to_owned())
            }
            Implicit::Indicator => Err(format!("after the tag ! {text:?} is no text; leave the tag out")),
            implicit => scalar::construct(implicit, text),
        },
        Kind::Implicit | Kind::Text => Ok(Value::from(text)),
        Kind::Null => Ok(Value::Null),
        Kind::Bool => scalar::boolean(text).map(Value::Bool),
        Kind::Int => scalar::integer(text).map(Value::Int),
        Kind::Float => scalar::float(text).map(Value::Float),
        Kind::Sequence => Err("the tag !!seq fits a list only".to_owned()),
        Kind::Mapping => Err("the tag !!map fits a map only".to_owned()),
        Kind::Function(_) => Err("a function has no place here".to_owned()),
    }
}
