//! A definition under examination: its value, the places in it, and what was found.

use stups_yaml::{Map, Outline, Step, Value};

use super::{Finding, Rule};
use crate::components::ComponentType;

/// A way into the document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

impl Path {
    /// To the value of a key of the document's map.
    pub(super) fn to(name: &str) -> Self {
        Self::default().key(name)
    }

    /// One step further, to the value of a key.
    pub(super) fn key(&self, name: &str) -> Self {
        self.step(Step::Key(name.to_owned()))
    }

    /// One step further, to an element, counted from 0.
    pub(super) fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    /// One step further.
    pub(super) fn step(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The keys on the way.
    pub(super) fn keys(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.iter().filter_map(|step| match step {
            Step::Key(name) => Some(name.as_str()),
            Step::Index(_) => None,
        })
    }

    /// The last key on the way.
    pub(super) fn last_key(&self) -> Option<&str> {
        self.keys().next_back()
    }

    /// Whether the way begins with this key.
    pub(super) fn starts_with(&self, name: &str) -> bool {
        matches!(self.0.first(), Some(Step::Key(first)) if first == name)
    }
}

/// As people write it: `SenzaComponents/AppServer/InstanceType`. Positions in lists are left out.
impl std::fmt::Display for Path {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys: Vec<&str> = self.keys().collect();
        formatter.write_str(&keys.join("/"))
    }
}

/// A component as it is written.
#[derive(Clone, Debug)]
pub(super) struct ComponentEntry<'a> {
    pub(super) name: &'a str,
    /// to its body
    pub(super) path: Path,
    pub(super) body: &'a Map,
    /// nothing when it is unknown
    pub(super) component_type: Option<ComponentType>,
}

/// A parameter as it is declared.
#[derive(Clone, Debug)]
pub(super) struct ParameterEntry<'a> {
    pub(super) name: &'a str,
    /// to its body
    pub(super) path: Path,
    pub(super) body: &'a Value,
}

/// The definition and what was found in it.
pub(super) struct Document<'a> {
    file: &'a str,
    text: &'a str,
    outline: &'a Outline,
    findings: Vec<Finding>,
}

impl<'a> Document<'a> {
    pub(super) fn new(file: &'a str, text: &'a str, outline: &'a Outline) -> Self {
        Self {
            file,
            text: text.strip_prefix('\u{FEFF}').unwrap_or(text),
            outline,
            findings: Vec::new(),
        }
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// The whole document.
    pub(super) fn root(&self) -> &'a Value {
        &self.outline.value
    }

    /// A section of it.
    pub(super) fn section(&self, name: &str) -> Option<&'a Value> {
        self.root().get(name).filter(|value| **value != Value::Null)
    }

    /// `SenzaInfo`.
    pub(super) fn info(&self) -> Option<&'a Map> {
        self.section("SenzaInfo")?.as_map()
    }

    /// How many bytes it has.
    pub(super) fn length(&self) -> usize {
        self.text.len()
    }

    /// The components that have a name and a body.
    pub(super) fn components(&self) -> Vec<ComponentEntry<'a>> {
        let section = Path::to("SenzaComponents");
        let list = self
            .section("SenzaComponents")
            .and_then(Value::as_list)
            .unwrap_or_default();
        list.iter()
            .enumerate()
            .filter_map(|(index, entry)| {
                let (key, body) = entry.as_map()?.first()?;
                let (name, body) = (key.as_str()?, body.as_map()?);
                Some(ComponentEntry {
                    name,
                    path: section.index(index).key(name),
                    body,
                    component_type: body.get("Type").and_then(Value::as_str).and_then(ComponentType::find),
                })
            })
            .collect()
    }

    /// The parameters that `SenzaInfo` declares.
    pub(super) fn parameters(&self) -> Vec<ParameterEntry<'a>> {
        let section = Path::to("SenzaInfo").key("Parameters");
        let list = self
            .info()
            .and_then(|info| info.get("Parameters"))
            .and_then(Value::as_list);
        list.unwrap_or_default()
            .iter()
            .enumerate()
            .filter_map(|(index, entry)| {
                let (key, body) = entry.as_map()?.first()?;
                let name = key.as_str()?;
                Some(ParameterEntry {
                    name,
                    path: section.index(index).key(name),
                    body,
                })
            })
            .collect()
    }

    /// Notes a mistake in the value at `path`.
    pub(super) fn at_value(&mut self, rule: Rule, path: &Path, message: impl Into<String>, fix: Option<String>) {
        let place = self.outline.value_place(&path.0);
        self.note(rule, place, message.into(), fix);
    }

    /// Notes a mistake in the key that `path` ends with.
    pub(super) fn at_key(&mut self, rule: Rule, path: &Path, message: impl Into<String>, fix: Option<String>) {
        let place = self.outline.key_place(&path.0);
        self.note(rule, place, message.into(), fix);
    }

    /// Notes a mistake in what is written as `words`, at or behind the key of `path`.
    pub(super) fn at_words(
        &mut self,
        rule: Rule,
        path: &Path,
        words: &str,
        message: impl Into<String>,
        fix: Option<String>,
    ) {
        let place = self.outline.key_place(&path.0);
        let place = self
            .find(place, words)
            .unwrap_or_else(|| self.outline.value_place(&path.0));
        self.note(rule, place, message.into(), fix);
    }

    /// The first place of `words` at or after a place.
    fn find(&self, (line, column): (usize, usize), words: &str) -> Option<(usize, usize)> {
        let mut skipped = column - 1;
        for (number, content) in self.text.lines().enumerate().skip(line - 1) {
            let start = content
                .char_indices()
                .nth(skipped)
                .map_or(content.len(), |(index, _)| index);
            skipped = 0;
            if let Some(found) = content.get(start..)?.find(words) {
                let before = content.get(..start + found)?;
                return Some((number + 1, before.chars().count() + 1));
            }
        }
        None
    }

    /// Notes what the reader did not understand.
    pub(super) fn yaml_errors(&mut self) {
        for error in &self.outline.errors {
            self.note(Rule::Value, (error.line, error.column), error.message.clone(), None);
        }
    }

    fn note(&mut self, rule: Rule, (line, column): (usize, usize), message: String, fix: Option<String>) {
        self.findings.push(Finding {
            file: self.file.to_owned(),
            line,
            column,
            rule,
            severity: rule.severity(),
            message,
            fix,
        });
    }
}

/// Calls `visit` with every value in `value`, outermost first, and the way to it.
pub(super) fn walk<'a>(value: &'a Value, path: &Path, visit: &mut dyn FnMut(&Path, &'a Value)) {
    visit(path, value);
    match value {
        Value::Map(map) => {
            for (key, value) in map {
                walk(value, &path.key(&key.to_string()), visit);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &path.index(index), visit);
            }
        }
        _ => {}
    }
}

/// Whether templating will make something else of this value.
pub(super) fn is_templated(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("{{"))
}
