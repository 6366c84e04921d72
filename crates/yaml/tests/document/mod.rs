//! Small YAML documents in every style.

use std::fmt::Write as _;

use proptest::prelude::*;

/// A node and the style it is written in.
#[derive(Clone, Debug)]
enum Node {
    Plain(String),
    Single(String),
    Double(String),
    /// `|` or `>`, the indicators after it, the lines
    Block(char, &'static str, Vec<String>),
    FlowList(Vec<Node>),
    FlowMap(Vec<(Node, Node)>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Anchored(Box<Node>),
    /// the number picks one of the anchors before it
    Alias(usize),
    Tagged(&'static str, Box<Node>),
    /// a map that begins with `<<` and an alias, or a list of two
    Merge(usize, Option<usize>, Vec<(Node, Node)>),
}

/// Documents; `text` is for quoted scalars, `number_like` for plain ones.
pub(crate) fn document(
    text: impl Strategy<Value = String> + 'static,
    number_like: impl Strategy<Value = String> + 'static,
) -> impl Strategy<Value = String> {
    let plain = prop_oneof!["[a-c]{1,3}", "[a-c]{1,2}[-:#?,.' ]{0,2}[a-c0-9]{1,2}", number_like].prop_map(Node::Plain);
    let lines = proptest::collection::vec(prop_oneof![Just(String::new()), " {0,3}[a-c#:'\t-]{1,4} {0,2}"], 0..5);
    let text = text.boxed();
    let key = prop_oneof![6 => "[a-h]{1,2}".prop_map(Node::Plain), 1 => plain.clone(), 1 => text.clone().prop_map(Node::Single),
        1 => text.clone().prop_map(Node::Double)].boxed();
    let leaf = prop_oneof![
        4 => plain,
        2 => text.clone().prop_map(Node::Single),
        2 => text.prop_map(Node::Double),
        3 => (proptest::sample::select(&['|', '>'][..]), proptest::sample::select(&["", "-", "+", "2", "2-", "+2", "4"][..]), lines)
            .prop_map(|(style, indicators, lines)| Node::Block(style, indicators, lines)),
        1 => (0_usize..5).prop_map(Node::Alias),
        1 => Just(Node::Plain(String::new())),
    ];
    let node = leaf.prop_recursive(4, 24, 4, move |inner| {
        let pairs = proptest::collection::vec((key.clone(), inner.clone()), 0..4);
        let items = proptest::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            2 => items.clone().prop_map(Node::FlowList),
            2 => pairs.clone().prop_map(Node::FlowMap),
            3 => items.prop_map(Node::List),
            5 => pairs.clone().prop_map(Node::Map),
            2 => inner.clone().prop_map(|node| Node::Anchored(Box::new(node))),
            1 => (proptest::sample::select(&["!!str", "!!int", "!!float", "!!bool", "!!null", "!!seq", "!!map", "!"][..]), inner)
                .prop_map(|(tag, node)| Node::Tagged(tag, Box::new(node))),
            2 => (0_usize..5, proptest::option::of(0_usize..5), pairs).prop_map(|(first, second, pairs)| Node::Merge(first, second, pairs)),
        ]
    });
    (
        proptest::sample::select(&["", "--- ", "---\n", "# comment\n", "%YAML 1.1\n---\n"][..]),
        node,
        any::<bool>(),
    )
        .prop_map(|(start, node, newline)| {
            let mut writer = Writer {
                text: start.to_owned(),
                anchors: 0,
            };
            let root = matches!(node, Node::List(_) | Node::Map(_) | Node::Merge(..)) && !start.ends_with(' ');
            writer.node(&node, 0, !root);
            if newline {
                writer.text.push('\n');
            }
            writer.text
        })
}

struct Writer {
    text: String,
    anchors: usize,
}

impl Writer {
    /// `inline`: something stands before the node on its line.
    fn node(&mut self, node: &Node, indent: usize, inline: bool) {
        match node {
            Node::List(items) if !items.is_empty() => {
                for (number, item) in items.iter().enumerate() {
                    if inline || number > 0 {
                        self.line(indent);
                    }
                    self.text.push_str("- ");
                    // `- - a` and `- a: 1` continue on the line.
                    let compact = matches!(item, Node::List(_) | Node::Map(_));
                    self.node(item, indent + 2, !compact);
                }
            }
            Node::Map(pairs) if !pairs.is_empty() => self.pairs(pairs, indent, inline),
            Node::Merge(first, second, pairs) => {
                if inline {
                    self.line(indent);
                }
                match second {
                    None => write!(self.text, "<<: {}", self.alias(*first)).unwrap(),
                    Some(second) => write!(self.text, "<<: [{}, {}]", self.alias(*first), self.alias(*second)).unwrap(),
                }
                self.pairs(pairs, indent, true);
            }
            Node::Anchored(node) => {
                write!(self.text, "&a{} ", self.anchors).unwrap();
                self.node(node, indent, true);
                self.anchors += 1;
            }
            Node::Tagged(tag, node) => {
                write!(self.text, "{tag} ").unwrap();
                self.node(node, indent, true);
            }
            Node::Block(style, indicators, lines) => {
                write!(self.text, "{style}{indicators}").unwrap();
                for line in lines {
                    if line.is_empty() {
                        self.text.push('\n');
                    } else {
                        self.line(indent.max(2));
                        self.text.push_str(line);
                    }
                }
            }
            other => self.flow(other, indent),
        }
    }

    fn pairs(&mut self, pairs: &[(Node, Node)], indent: usize, inline: bool) {
        for (number, (key, value)) in pairs.iter().enumerate() {
            if inline || number > 0 {
                self.line(indent);
            }
            self.flow(key, indent);
            self.text.push_str(": ");
            // Lists may stand in their key's column.
            let below = if matches!(value, Node::List(_)) && number % 2 == 0 {
                indent
            } else {
                indent + 2
            };
            self.node(value, below, true);
        }
    }

    fn flow(&mut self, node: &Node, indent: usize) {
        match node {
            Node::Plain(text) => self.text.push_str(text),
            Node::Single(text) => {
                let text = text
                    .replace('\'', "''")
                    .replace('\n', &format!("\n{}", " ".repeat(indent + 1)));
                write!(self.text, "'{text}'").unwrap();
            }
            Node::Double(text) => {
                let text = text
                    .replace('\\', "\\\\")
                    .replace('"', "\\\"")
                    .replace("\n\n", "\\n\\\n")
                    .replace('é', "\\xe9");
                write!(self.text, "\"{text}\"").unwrap();
            }
            Node::Block(_, _, lines) => self.text.push_str(&lines.join(" ")),
            Node::FlowList(items) | Node::List(items) => {
                self.text.push('[');
                for item in items {
                    self.flow(item, indent);
                    self.text.push_str(", ");
                }
                self.text.push(']');
            }
            Node::FlowMap(pairs) | Node::Map(pairs) | Node::Merge(_, _, pairs) => {
                self.text.push('{');
                for (number, (key, value)) in pairs.iter().enumerate() {
                    if number > 0 {
                        self.text.push_str(", ");
                    }
                    self.flow(key, indent);
                    self.text.push_str(": ");
                    self.flow(value, indent);
                }
                self.text.push('}');
            }
            Node::Anchored(node) => {
                write!(self.text, "&a{} ", self.anchors).unwrap();
                self.flow(node, indent);
                self.anchors += 1;
            }
            Node::Alias(number) => {
                let alias = self.alias(*number);
                self.text.push_str(&alias);
            }
            Node::Tagged(tag, node) => {
                write!(self.text, "{tag} ").unwrap();
                self.flow(node, indent);
            }
        }
    }

    fn alias(&self, number: usize) -> String {
        match number.checked_rem(self.anchors) {
            Some(number) => format!("*a{number} "),
            None => "{x: 1}".to_owned(),
        }
    }

    fn line(&mut self, indent: usize) {
        self.text.push('\n');
        self.text.push_str(&" ".repeat(indent));
    }
}
