//! Mustache as pystache 0.6 renders it in strict mode: unknown names are errors, values look as in Python.
//!
//! One addition: `{{resolve:...}}` is CloudFormation's syntax for dynamic references and stays as it is.

use std::collections::BTreeSet;

use stups_yaml::Value;

use super::python;

/// How deep sections may be nested.
const MAXIMUM_DEPTH: usize = 50;
/// How much text one pass over a document may produce, in bytes.
const MAXIMUM_OUTPUT: usize = 8 * 1024 * 1024;
/// How many tags and pieces of text one pass may visit.
const MAXIMUM_STEPS: usize = 2_000_000;

const DYNAMIC_REFERENCE: &str = "{{resolve:";

/// Why a template could not be parsed or rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// A name that nothing in the context has.
    #[error("\"{name}\" is not defined{}", hint(name, known))]
    Unknown {
        /// the whole dotted name
        name: String,
        /// dotted names that exist beside it
        known: Vec<String>,
    },
    /// `{{> name}}`.
    #[error("{{{{> {0}}}}}: partials are not supported")]
    Partial(String),
    /// `{{#name}}` without its end.
    #[error("the section \"{0}\" is not closed: {{{{/{0}}}}} is missing in the same text")]
    Unclosed(String),
    /// `{{/name}}` where another section, or none, is open.
    #[error("{{{{/{found}}}}} closes no open section{}", .open.as_ref().map(|open| format!(": the open one is \"{open}\"")).unwrap_or_default())]
    UnexpectedEnd {
        /// the name in the end tag
        found: String,
        /// the section that is open
        open: Option<String>,
    },
    /// Not a tag after all.
    #[error("\"{0}\" is not a valid tag")]
    Malformed(String),
    /// Nesting or repetition without reasonable bound.
    #[error("the templates are too deeply nested or produce too much text")]
    TooLarge,
}

fn hint(name: &str, known: &[String]) -> String {
    let nearest = known
        .iter()
        // Only names that can be near, so that the search stays cheap whatever the document holds.
        .filter(|candidate| candidate.len() <= 128 && candidate.len().abs_diff(name.len()) <= 3)
        .take(1000)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((distance, candidate)) if distance <= 3 => format!(", did you mean \"{candidate}\"?"),
        _ if known.is_empty() => String::new(),
        _ => {
            let mut listed: Vec<&str> = known.iter().map(String::as_str).take(20).collect();
            listed.sort_unstable();
            format!("; there is: {}", listed.join(", "))
        }
    }
}

/// What happens to a line that has nothing on it but a section, comment or delimiter tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StandaloneLines {
    /// The line vanishes with its newline: Mustache's rule.
    Vanish,
    /// Only the tag vanishes: what Mustache's rule comes to when it sees the text in its YAML form.
    Stay,
}

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Text(String),
    Variable {
        name: String,
        escape: bool,
    },
    Section {
        name: String,
        inverted: bool,
        nodes: Vec<Node>,
    },
}

struct OpenSection {
    name: String,
    inverted: bool,
    outer: Vec<Node>,
}

impl Template {
    /// Parses `text`. Text without a tag is a template too.
    pub(crate) fn parse(text: &str, lines: StandaloneLines) -> Result<Self, Error> {
        let mut delimiters = ("{{".to_owned(), "}}".to_owned());
        let mut open: Vec<OpenSection> = Vec::new();
        let mut nodes: Vec<Node> = Vec::new();
        let mut position = 0;
        while let Some(tag) = next_tag(text, position, &delimiters)? {
            let (mut start, mut end) = (tag.start, tag.end);
            if lines == StandaloneLines::Vanish && !tag.kind.is_interpolation() {
                let indent = text[position..start].trim_end_matches([' ', '\t']).len() + position;
                if is_line_start(text, indent) && is_line_end(text, end) {
                    start = indent;
                    end += newline_length(&text[end..]);
                }
            }
            push_text(&mut nodes, &text[position..start]);
            position = end;
            match tag.kind {
                TagKind::Comment => {}
                TagKind::Delimiters(open, close) => delimiters = (open, close),
                TagKind::Variable { escape } => nodes.push(Node::Variable { name: tag.name, escape }),
                TagKind::Partial => return Err(Error::Partial(tag.name)),
                TagKind::Section { inverted } => {
                    if open.len() >= MAXIMUM_DEPTH {
                        return Err(Error::TooLarge);
                    }
                    open.push(OpenSection {
                        name: tag.name,
                        inverted,
                        outer: std::mem::take(&mut nodes),
                    });
                }
                TagKind::End => match open.pop() {
                    Some(section) if section.name == tag.name => {
                        let inner = std::mem::replace(&mut nodes, section.outer);
                        nodes.push(Node::Section {
                            name: section.name,
                            inverted: section.inverted,
                            nodes: inner,
                        });
                    }
                    other => {
                        return Err(Error::UnexpectedEnd {
                            found: tag.name,
                            open: other.map(|section| section.name),
                        });
                    }
                },
            }
        }
        if let Some(section) = open.pop() {
            return Err(Error::Unclosed(section.name));
        }
        push_text(&mut nodes, &text[position..]);
        Ok(Self { nodes })
    }

    /// Adds every name in tags of this template to `names`.
    pub(crate) fn collect_names(&self, names: &mut BTreeSet<String>) {
        fn collect(nodes: &[Node], names: &mut BTreeSet<String>) {
            for node in nodes {
                match node {
                    Node::Text(_) => {}
                    Node::Variable { name, .. } => {
                        names.insert(name.clone());
                    }
                    Node::Section { name, nodes, .. } => {
                        names.insert(name.clone());
                        collect(nodes, names);
                    }
                }
            }
        }
        collect(&self.nodes, names);
    }
}

fn push_text(nodes: &mut Vec<Node>, text: &str) {
    if !text.is_empty() {
        nodes.push(Node::Text(text.to_owned()));
    }
}

fn is_line_start(text: &str, position: usize) -> bool {
    position == 0 || text[..position].ends_with(['\r', '\n'])
}

fn is_line_end(text: &str, position: usize) -> bool {
    position == text.len() || text[position..].starts_with(['\r', '\n'])
}

fn newline_length(rest: &str) -> usize {
    let carriage_return = usize::from(rest.starts_with('\r'));
    carriage_return + usize::from(rest[carriage_return..].starts_with('\n'))
}

#[derive(Debug)]
enum TagKind {
    Variable { escape: bool },
    Section { inverted: bool },
    End,
    Comment,
    Partial,
    Delimiters(String, String),
}

impl TagKind {
    fn is_interpolation(&self) -> bool {
        matches!(self, Self::Variable { .. })
    }
}

#[derive(Debug)]
struct Tag {
    kind: TagKind,
    name: String,
    start: usize,
    end: usize,
}

/// The first tag at or after `from`; none when no tag is left. A tag that is not closed is text.
fn next_tag(text: &str, from: usize, delimiters: &(String, String)) -> Result<Option<Tag>, Error> {
    let (open, close) = (delimiters.0.as_str(), delimiters.1.as_str());
    let mut search = from;
    let start = loop {
        let Some(found) = text[search..].find(open) else {
            return Ok(None);
        };
        let found = search + found;
        if text[found..].starts_with(DYNAMIC_REFERENCE) {
            search = found + DYNAMIC_REFERENCE.len();
        } else {
            break found;
        }
    };
    let inside = skip_whitespace(text, start + open.len());
    let rest = &text[inside..];
    let (kind, name_start) = match rest.chars().next() {
        Some('=') => return delimiter_tag(text, start, inside, close).map(Some),
        Some('{') => return raw_tag(text, start, inside, close).map(Some),
        Some('!') => (TagKind::Comment, inside + 1),
        Some('>') => (TagKind::Partial, inside + 1),
        Some('&') => (TagKind::Variable { escape: false }, inside + 1),
        Some('/') => (TagKind::End, inside + 1),
        Some('#') => (TagKind::Section { inverted: false }, inside + 1),
        Some('^') => (TagKind::Section { inverted: true }, inside + 1),
        Some(_) => (TagKind::Variable { escape: true }, inside),
        None => return Ok(None),
    };
    let name_start = skip_whitespace(text, name_start);
    let Some(first) = text[name_start..].chars().next() else {
        return Ok(None);
    };
    // A name has at least one character, even when that is where the end could be.
    let search = name_start + first.len_utf8();
    let Some(name_end) = text[search..].find(close).map(|found| search + found) else {
        return Ok(None);
    };
    Ok(Some(Tag {
        kind,
        name: text[name_start..name_end].trim_end().to_owned(),
        start,
        end: name_end + close.len(),
    }))
}

fn skip_whitespace(text: &str, from: usize) -> usize {
    text.len() - text[from..].trim_start().len()
}

/// `{{{name}}}`; `brace` is the position of the third brace.
fn raw_tag(text: &str, start: usize, brace: usize, close: &str) -> Result<Tag, Error> {
    let name_start = skip_whitespace(text, brace + 1);
    let end = closing(text, name_start, '}', close);
    let Some((name, end)) = end else {
        return Err(Error::Malformed(excerpt(&text[start..])));
    };
    Ok(Tag {
        kind: TagKind::Variable { escape: false },
        name: name.to_owned(),
        start,
        end,
    })
}

/// `{{=<% %>=}}`; `sign` is the position of the first equals sign.
fn delimiter_tag(text: &str, start: usize, sign: usize, close: &str) -> Result<Tag, Error> {
    let malformed = || Error::Malformed(excerpt(&text[start..]));
    let inside = skip_whitespace(text, sign + 1);
    let (delimiters, end) = closing(text, inside, '=', close).ok_or_else(malformed)?;
    let mut words = delimiters.split_whitespace();
    let (Some(open), Some(close), None) = (words.next(), words.next(), words.next()) else {
        return Err(malformed());
    };
    Ok(Tag {
        kind: TagKind::Delimiters(open.to_owned(), close.to_owned()),
        name: String::new(),
        start,
        end,
    })
}

/// What stands on one line from `from` to `mark` and `close`, and where `close` ends.
fn closing<'t>(text: &'t str, from: usize, mark: char, close: &str) -> Option<(&'t str, usize)> {
    for (offset, _) in text[from..].match_indices(mark) {
        let content = text[from..from + offset].trim_end();
        if content.contains('\n') {
            return None;
        }
        let after = skip_whitespace(text, from + offset + mark.len_utf8());
        if !content.is_empty() && text[after..].starts_with(close) {
            return Some((content, after + close.len()));
        }
    }
    None
}

fn excerpt(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(30).collect()
}

/// Renders templates with one context, and counts what they cost.
#[derive(Debug)]
pub(crate) struct Renderer<'a> {
    context: &'a Value,
    steps: usize,
    bytes: usize,
}

impl<'a> Renderer<'a> {
    /// `context` is the map that names are looked up in.
    pub(crate) fn new(context: &'a Value) -> Self {
        Self {
            context,
            steps: 0,
            bytes: 0,
        }
    }

    /// The rendered text.
    pub(crate) fn render(&mut self, template: &Template) -> Result<String, Error> {
        let mut out = String::new();
        let mut stack = vec![self.context];
        self.render_nodes(&template.nodes, &mut stack, &mut out)?;
        Ok(out)
    }

    fn render_nodes(&mut self, nodes: &[Node], stack: &mut Vec<&'a Value>, out: &mut String) -> Result<(), Error> {
        for node in nodes {
            self.steps += 1;
            if self.steps > MAXIMUM_STEPS {
                return Err(Error::TooLarge);
            }
            match node {
                Node::Text(text) => self.push(out, text)?,
                Node::Variable { name, escape } => {
                    let value = python::text(look_up(name, stack)?);
                    if *escape {
                        self.push(out, &escape_html(&value))?;
                    } else {
                        self.push(out, &value)?;
                    }
                }
                Node::Section { name, inverted, nodes } => {
                    let value = look_up(name, stack)?;
                    if *inverted {
                        if !is_truthy(value) {
                            self.render_nodes(nodes, stack, out)?;
                        }
                    } else if is_truthy(value) {
                        let items = value.as_list().unwrap_or(std::slice::from_ref(value));
                        for item in items {
                            stack.push(item);
                            let rendered = self.render_nodes(nodes, stack, out);
                            stack.pop();
                            rendered?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, out: &mut String, text: &str) -> Result<(), Error> {
        self.bytes += text.len();
        if self.bytes > MAXIMUM_OUTPUT {
            return Err(Error::TooLarge);
        }
        out.push_str(text);
        Ok(())
    }
}

/// The value of a dotted name: the first part from the innermost section that has it, the others one inside the other.
fn look_up<'a>(name: &str, stack: &[&'a Value]) -> Result<&'a Value, Error> {
    let unknown = |inside: &str, known: Option<&Value>| Error::Unknown {
        name: name.to_owned(),
        known: known
            .and_then(Value::as_map)
            .map(|map| map.keys().map(|key| format!("{inside}{key}")).collect())
            .unwrap_or_default(),
    };
    if name == "." {
        return match stack {
            [_, .., top] => Ok(top),
            _ => Err(unknown("", None)),
        };
    }
    let mut parts = name.split('.');
    let first = parts.next().unwrap_or_default();
    let mut value = stack
        .iter()
        .rev()
        .find_map(|item| item.get(first))
        .ok_or_else(|| unknown("", stack.first().copied()))?;
    let mut inside = format!("{first}.");
    for part in parts {
        value = value.get(part).ok_or_else(|| unknown(&inside, Some(value)))?;
        inside.push_str(part);
        inside.push('.');
    }
    Ok(value)
}

fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Int(value) => *value != 0,
        Value::Float(value) => *value != 0.0,
        Value::String(text) => !text.is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Map(map) => !map.is_empty(),
    }
}

/// Python's `html.escape`.
fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests;
