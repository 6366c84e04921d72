//! Reading a definition from a file or URL, and checking its shape.

use stups_yaml::{Key, Map, Value};

use super::source;
use crate::Error;

/// A definition as written: a map with `SenzaInfo`.
#[derive(Clone, Debug)]
pub struct Definition {
    /// the path or URL, for messages
    pub source: String,
    /// the whole document
    pub document: Map,
}

/// A parameter as `SenzaInfo.Parameters` declares it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declaration<'a> {
    pub(crate) name: &'a str,
    /// `Default`, unless it is absent or null
    pub(crate) default: Option<&'a Value>,
}

/// Names in `Arguments` that no parameter may take.
const RESERVED: [&str; 2] = ["region", "version"];

impl Definition {
    /// Reads a path, or a URL when there is `://` in it (file, http, https; 10 s, 1 MiB).
    ///
    /// # Errors
    /// A usage error when there is nothing to read or it has no `SenzaInfo`; [`Error::InvalidDefinition`], with the line or the
    /// path inside the file, when it is not YAML or not shaped like a definition.
    pub async fn read(source: &str) -> Result<Self, Error> {
        let text = source::read(source)
            .await
            .map_err(|error| Error::Usage(error.to_string()))?;
        Self::parse(source, &text)
    }

    /// The definition in `text`; `source` is what messages call it.
    ///
    /// # Errors
    /// As [`Definition::read`].
    pub fn parse(source: &str, text: &str) -> Result<Self, Error> {
        let document = stups_yaml::load(text).map_err(|error| Error::InvalidDefinition {
            path: source.to_owned(),
            reason: error.to_string(),
        })?;
        Self::new(source, document)
    }

    /// The definition that `document` is.
    ///
    /// # Errors
    /// As [`Definition::read`].
    pub fn new(source: &str, document: Value) -> Result<Self, Error> {
        let invalid = |reason: String| Error::InvalidDefinition {
            path: source.to_owned(),
            reason,
        };
        let kind = document.kind();
        let Value::Map(document) = document else {
            return Err(invalid(format!("it must be a map with SenzaInfo, not {kind}")));
        };
        if !document.contains_key("SenzaInfo") {
            return Err(Error::Usage(format!(
                "\"SenzaInfo\" entry is missing in YAML file \"{source}\""
            )));
        }
        check_shape(&document).map_err(invalid)?;
        Ok(Self {
            source: source.to_owned(),
            document,
        })
    }

    /// An error of this definition: `reason` starts with the path inside the file.
    pub(crate) fn invalid(&self, reason: impl Into<String>) -> Error {
        Error::InvalidDefinition {
            path: self.source.clone(),
            reason: reason.into(),
        }
    }

    /// `SenzaInfo`.
    pub(crate) fn info(&self) -> Map {
        self.document
            .get("SenzaInfo")
            .and_then(Value::as_map)
            .cloned()
            .unwrap_or_default()
    }

    /// The declared parameters, in order.
    pub(crate) fn declarations(&self) -> Vec<Declaration<'_>> {
        let parameters = self
            .document
            .get("SenzaInfo")
            .and_then(|info| info.get("Parameters"))
            .and_then(Value::as_list)
            .unwrap_or_default();
        parameters
            .iter()
            .filter_map(|entry| entry.as_map()?.first())
            .filter_map(|(key, body)| {
                Some(Declaration {
                    name: key.as_str()?,
                    default: body.get("Default").filter(|default| **default != Value::Null),
                })
            })
            .collect()
    }
}

/// Checks everything about the shape that does not depend on templating. The error starts with the path inside the document.
fn check_shape(document: &Map) -> Result<(), String> {
    let info = document.get("SenzaInfo").unwrap_or(&Value::Null);
    let info = expect_map("SenzaInfo", info)?;
    match info.get("StackName") {
        Some(Value::String(name)) if !name.is_empty() => {}
        Some(Value::String(_) | Value::Null) | None => {
            return Err("SenzaInfo/StackName: it is missing; every stack needs a name".to_owned());
        }
        Some(other) => {
            return Err(format!(
                "SenzaInfo/StackName: it must be text, not {}; put it in quotes",
                other.kind()
            ));
        }
    }
    check_parameters(info)?;
    check_components(document)?;
    check_cloudformation_sections(document)
}

fn check_cloudformation_sections(document: &Map) -> Result<(), String> {
    let optional_map = |path: &str, value: Option<&Value>| match value {
        None | Some(Value::Null | Value::Map(_)) => Ok(()),
        Some(other) => Err(not_a_map(path, other)),
    };
    optional_map("Mappings", document.get("Mappings"))?;
    let senza = document.get("Mappings").and_then(|mappings| mappings.get("Senza"));
    optional_map("Mappings/Senza", senza)?;
    optional_map("Parameters", document.get("Parameters"))?;
    optional_map("Resources", document.get("Resources"))?;
    for (name, resource) in document.get("Resources").and_then(Value::as_map).into_iter().flatten() {
        // Macros such as Fn::ForEach::<loop> stand beside resources and have their own shapes.
        if name.as_str().is_some_and(|name| name.starts_with("Fn::")) {
            continue;
        }
        let resource = expect_map(&format!("Resources/{name}"), resource)?;
        if !matches!(resource.get("Type"), Some(Value::String(_))) {
            return Err(format!("Resources/{name}: Type is missing (such as AWS::SNS::Topic)"));
        }
    }
    Ok(())
}

fn check_parameters(info: &Map) -> Result<(), String> {
    let list = match info.get("Parameters") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::List(list)) => list,
        Some(other) => {
            return Err(format!(
                "SenzaInfo/Parameters: it must be a list of parameters, not {}",
                other.kind()
            ));
        }
    };
    let mut names = std::collections::HashSet::new();
    for (position, entry) in list.iter().enumerate() {
        let path = format!("SenzaInfo/Parameters/{}", position + 1);
        let (name, body) = single_entry(&path, entry)?;
        let path = format!("SenzaInfo/Parameters/{name}");
        if !matches!(body, Value::Null | Value::Map(_)) {
            return Err(not_a_map(&path, body));
        }
        if RESERVED.contains(&name) {
            return Err(format!("{path}: this name is taken, Arguments.{name} is always there"));
        }
        if !names.insert(name) {
            return Err(format!("{path}: the parameter is declared twice"));
        }
    }
    Ok(())
}

fn check_components(document: &Map) -> Result<(), String> {
    let list = match document.get("SenzaComponents") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::List(list)) => list,
        Some(other) => {
            return Err(format!(
                "SenzaComponents: it must be a list of components, not {}",
                other.kind()
            ));
        }
    };
    for (position, entry) in list.iter().enumerate() {
        let (name, body) = single_entry(&format!("SenzaComponents/{}", position + 1), entry)?;
        let path = format!("SenzaComponents/{name}");
        let body = expect_map(&path, body)?;
        match body.get("Type") {
            Some(Value::String(_)) => {}
            None => {
                return Err(format!(
                    "{path}: Type is missing (such as Senza::TaupageAutoScalingGroup)"
                ));
            }
            Some(other) => return Err(format!("{path}/Type: it must be text, not {}", other.kind())),
        }
    }
    Ok(())
}

/// The name and body of a list entry that must be a map with exactly one key.
fn single_entry<'a>(path: &str, entry: &'a Value) -> Result<(&'a str, &'a Value), String> {
    let map = match entry {
        Value::Map(map) => map,
        Value::String(name) => return Err(format!("{path}: a colon is missing after \"{}\"", shortened(name))),
        other => return Err(not_a_map(path, other)),
    };
    match (map.first(), map.len()) {
        (Some((Key::String(name), body)), 1) if !name.is_empty() => Ok((name, body)),
        (Some((key, _)), 1) => Err(format!("{path}: the name \"{key}\" must be text; put it in quotes")),
        (None, _) => Err(format!("{path}: it must be a map with one key, the name; it has none")),
        (Some(_), _) => {
            let keys: Vec<String> = map.keys().take(5).map(|key| shortened(&key.to_string())).collect();
            Err(format!(
                "{path}: it must be a map with one key, the name; it has {}: {} (is the indentation right?)",
                map.len(),
                keys.join(", ")
            ))
        }
    }
}

fn expect_map<'a>(path: &str, value: &'a Value) -> Result<&'a Map, String> {
    value.as_map().ok_or_else(|| not_a_map(path, value))
}

fn not_a_map(path: &str, value: &Value) -> String {
    format!("{path}: it must be a map, not {}", value.kind())
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failure(text: &str) -> (u8, String) {
        let failure = Definition::parse("d.yaml", text).unwrap_err().into_failure();
        (failure.exit_code, failure.message)
    }

    #[test]
    fn a_definition_is_a_map_with_senza_info() {
        let definition = Definition::parse(
            "d.yaml",
            "SenzaInfo:\n  StackName: x\n  Parameters:\n  - A:\n  - B: {Default: 1}\n  - C: {Default: }\n",
        )
        .unwrap();
        let declarations: Vec<_> = definition
            .declarations()
            .iter()
            .map(|declaration| (declaration.name, declaration.default.cloned()))
            .collect();
        assert_eq!(declarations, [("A", None), ("B", Some(Value::Int(1))), ("C", None)]);
        for empty in ["Parameters: ", "Tags: ", "Other: 1"] {
            assert!(Definition::parse("d.yaml", &format!("SenzaInfo: {{StackName: x, {empty}}}")).is_ok());
        }
    }

    #[test]
    fn without_senza_info_it_is_wrong_usage() {
        let message = "\"SenzaInfo\" entry is missing in YAML file \"d.yaml\"";
        for text in ["{}", "Resources: {}", "Senzainfo: {StackName: x}"] {
            assert_eq!(failure(text), (2, message.to_owned()));
        }
    }

    #[test]
    fn wrong_shapes_are_named_by_their_place() {
        let with_info = |rest: &str| format!("SenzaInfo: {{StackName: x}}\n{rest}");
        let info = |entries: &str| format!("SenzaInfo: {{StackName: x, {entries}}}");
        for (text, reason) in [
            ("a: [".to_owned(), "line 1, column 5"),
            ("a: 1\na: 2".to_owned(), "line 2, column 1"),
            (String::new(), "it must be a map with SenzaInfo, not nothing"),
            ("- a".to_owned(), "it must be a map with SenzaInfo, not a list"),
            ("SenzaInfo: x".to_owned(), "SenzaInfo: it must be a map, not text"),
            ("SenzaInfo: ".to_owned(), "SenzaInfo: it must be a map, not nothing"),
            ("SenzaInfo: {}".to_owned(), "SenzaInfo/StackName: it is missing"),
            (
                "SenzaInfo: {StackName: 1}".to_owned(),
                "SenzaInfo/StackName: it must be text, not an integer",
            ),
            (
                info("Parameters: {A: {}}"),
                "SenzaInfo/Parameters: it must be a list of parameters, not a map",
            ),
            (
                info("Parameters: [A]"),
                "SenzaInfo/Parameters/1: a colon is missing after \"A\"",
            ),
            (
                info("Parameters: [{A: , B: }]"),
                "SenzaInfo/Parameters/1: it must be a map with one key, the name; it has 2: A, B",
            ),
            (
                info("Parameters: [{}]"),
                "SenzaInfo/Parameters/1: it must be a map with one key, the name; it has none",
            ),
            (
                info("Parameters: [{8080: {}}]"),
                "SenzaInfo/Parameters/1: the name \"8080\" must be text",
            ),
            (
                info("Parameters: [{A: text}]"),
                "SenzaInfo/Parameters/A: it must be a map, not text",
            ),
            (
                info("Parameters: [{A: }, {A: }]"),
                "SenzaInfo/Parameters/A: the parameter is declared twice",
            ),
            (
                info("Parameters: [{version: }]"),
                "SenzaInfo/Parameters/version: this name is taken",
            ),
            (
                with_info("SenzaComponents: {A: {}}"),
                "SenzaComponents: it must be a list of components, not a map",
            ),
            (
                with_info("SenzaComponents: [AppServer]"),
                "SenzaComponents/1: a colon is missing after \"AppServer\"",
            ),
            (
                with_info("SenzaComponents: [{AppServer: , Type: x}]"),
                "SenzaComponents/1: it must be a map with one key, the name; it has 2: AppServer, Type",
            ),
            (
                with_info("SenzaComponents: [{AppServer: }]"),
                "SenzaComponents/AppServer: it must be a map, not nothing",
            ),
            (
                with_info("SenzaComponents: [{AppServer: {}}]"),
                "SenzaComponents/AppServer: Type is missing",
            ),
            (
                with_info("SenzaComponents: [{AppServer: {Type: 1}}]"),
                "SenzaComponents/AppServer/Type: it must be text, not an integer",
            ),
            (with_info("Mappings: []"), "Mappings: it must be a map, not a list"),
            (
                with_info("Mappings: {Senza: 1}"),
                "Mappings/Senza: it must be a map, not an integer",
            ),
            (
                with_info("Parameters: 1"),
                "Parameters: it must be a map, not an integer",
            ),
            (with_info("Resources: x"), "Resources: it must be a map, not text"),
            (
                with_info("Resources: {A: x}"),
                "Resources/A: it must be a map, not text",
            ),
            (with_info("Resources: {A: {}}"), "Resources/A: Type is missing"),
        ] {
            let (exit_code, message) = failure(&text);
            assert_eq!(exit_code, 1, "{text}");
            let start = format!("d.yaml is not a valid senza definition: {reason}");
            assert!(message.starts_with(&start), "{text}\n{message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn macros_may_stand_beside_resources() {
        let text = "{SenzaInfo: {StackName: x}, Resources: {'Fn::ForEach::Topics': [a, [b], {}]}}";
        assert!(Definition::parse("d.yaml", text).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(SenzaInfo|StackName|Parameters|SenzaComponents|Type|[:\\-\\n{}\\[\\], a1]){0,30}") {
            let _ = Definition::parse("d.yaml", &text);
        }
    }
}
