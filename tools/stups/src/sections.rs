//! What is to be written into configuration files.

use serde_json::{Map as JsonMap, Value as Json};
use stups_terminal::{ConfigFile, Failure, Terminal};
use stups_yaml::{Map, Value};

/// Sections that may be configured from afar, and what they are called; no other file is ever written.
const KNOWN: [(&str, &str); 11] = [
    ("stups", "global config"),
    ("identity", "config for the identity service"),
    ("kio", "config for Kio"),
    ("pierone", "config for Pier One"),
    ("mint", "config for mint"),
    ("fullstop", "config for Fullstop"),
    ("piu", "config for Piu"),
    ("zalando-token-cli", "config for Zalando Token CLI"),
    ("zalando-aws-cli", "config for Zalando AWS CLI"),
    ("zalando-kubectl", "config for Zalando Kubectl"),
    ("zalando-deploy-cli", "config for Zalando Deploy CLI"),
];

/// Keys and values by section, in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sections(Vec<(&'static str, Map)>);

/// A value in a file that would become another one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) section: &'static str,
    pub(crate) key: String,
    pub(crate) from: String,
    pub(crate) to: String,
}

impl Sections {
    /// One section; what is null in it is left out.
    pub(crate) fn of(name: &str, values: &Json) -> Self {
        let mut sections = Self::default();
        if let Value::Map(map) = Value::from(values) {
            sections.add(name, map);
        }
        sections
    }

    /// The sections of a document; unknown ones are left out. A section that is no flat mapping is an error.
    pub(crate) fn from_document(document: &JsonMap<String, Json>) -> Result<Self, String> {
        let mut sections = Self::default();
        for (name, values) in document {
            let Value::Map(map) = Value::from(values) else {
                return Err(format!("{name} is no mapping"));
            };
            sections.add(name, map);
        }
        Ok(sections)
    }

    /// Adds to a section, if it is a known one.
    pub(crate) fn add(&mut self, name: &str, values: Map) {
        let Some((known, _)) = KNOWN.iter().find(|(known, _)| *known == name) else {
            return;
        };
        let values = values
            .into_iter()
            .filter(|(key, value)| key.as_str().is_some() && is_scalar(value));
        match self.0.iter_mut().find(|(section, _)| section == known) {
            Some((_, map)) => map.extend(values),
            None => self.0.push((known, values.collect())),
        }
    }

    /// Adds all sections of `other`.
    pub(crate) fn extend(&mut self, other: Self) {
        for (name, values) in other.0 {
            self.add(name, values);
        }
    }

    pub(crate) fn get(&self, section: &str) -> Option<&Map> {
        self.0.iter().find(|(name, _)| *name == section).map(|(_, map)| map)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, map)| map.is_empty())
    }

    /// Which values in the files would become others.
    pub(crate) fn changes(&self, terminal: &Terminal) -> Vec<Change> {
        let mut changes = Vec::new();
        for (section, values) in &self.0 {
            let existing = ConfigFile::new(section, section).load(terminal);
            for (key, value) in values {
                let Some(old) = existing.get(key).filter(|old| *old != value) else {
                    continue;
                };
                changes.push(Change {
                    section,
                    key: key.to_string(),
                    from: shown(old),
                    to: shown(value),
                });
            }
        }
        changes
    }

    /// Writes every section into its file, beside what else is there. A file that its owner made read-only is left alone.
    pub(crate) fn write(&self, terminal: &Terminal) -> Result<(), Failure> {
        for (name, title) in KNOWN {
            let Some(values) = self.get(name).filter(|values| !values.is_empty()) else {
                continue;
            };
            let action = terminal.action(&format!("Writing {title}.."));
            let file = ConfigFile::new(name, name);
            match file.update(|map| map.extend(values.clone())) {
                Ok(()) => action.ok(),
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    action.warning(&format!("{} is read-only and stays as it is", file.path().display()));
                }
                Err(error) => return Err(action.fail(&format!("{}: {error}", file.path().display()))),
            }
        }
        Ok(())
    }
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::List(_) | Value::Map(_))
}

fn shown(value: &Value) -> String {
    let text = stups_yaml::dump(value);
    let text = text.trim_end().trim_end_matches("...").trim_end();
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(value: &Json) -> Result<Sections, String> {
        Sections::from_document(value.as_object().unwrap())
    }

    #[test]
    fn only_known_sections_and_plain_values_are_taken() {
        let sections = document(&json!({
            "kio": {"url": "https://kio.example.org", "nothing": null, "deep": {"a": 1}},
            "../../.ssh": {"config": "x"},
            "bashrc": {"a": "b"},
        }))
        .unwrap();
        assert_eq!(
            sections,
            Sections::of("kio", &json!({"url": "https://kio.example.org"}))
        );
        assert!(document(&json!({"kio": "https://kio.example.org"})).is_err());
    }

    #[test]
    fn a_section_may_come_in_parts() {
        let mut sections = Sections::of("stups", &json!({"domain": "a"}));
        sections.extend(Sections::of("stups", &json!({"domain": "b", "user": "c"})));
        sections.extend(Sections::of("kio", &json!({})));
        assert_eq!(sections.get("stups").unwrap().len(), 2);
        assert_eq!(sections.get("stups").unwrap()["domain"].as_str(), Some("b"));
        assert!(!sections.is_empty() && Sections::default().is_empty());
    }

    #[test]
    fn values_are_shown_on_one_line() {
        assert_eq!(shown(&Value::from("https://x")), "https://x");
        assert_eq!(shown(&Value::Int(7)), "7");
    }
}
