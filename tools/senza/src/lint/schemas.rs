//! A generated template against CloudFormation's schemas of resource types: names, types and values of properties, and what is required.

mod source;
mod validate;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map as JsonMap, Value as Json};

use super::document::{Document, Path};
use super::{Finding, Rule, in_order};
pub(crate) use source::{SchemaSource, Schemas};
use validate::{Problem, problems};

/// What is wrong with the resources of `template`, which the definition `text` became; `schemas` are those of its types.
pub(crate) fn check(file: &str, text: &str, template: &JsonMap<String, Json>, schemas: &Schemas) -> Vec<Finding> {
    // What can't be read has been told by then.
    let Ok(outline) = stups_yaml::Outline::read(text) else {
        return Vec::new();
    };
    let mut document = Document::new(file, text, &outline);
    let resources = template.get("Resources").and_then(Json::as_object);
    let nothing = Json::Object(JsonMap::new());
    for (id, resource) in resources.into_iter().flatten() {
        let Some(resource_type) = resource.get("Type").and_then(Json::as_str) else {
            continue;
        };
        let path = Path::to("Resources").key(id);
        match schemas.get(resource_type) {
            None => {}
            Some(Err(reason)) => note(&mut document, Rule::UnknownSchema, id, &path.key("Type"), reason, None),
            Some(Ok(schema)) => {
                let properties = resource.get("Properties").unwrap_or(&nothing);
                for problem in problems(schema, properties) {
                    let Problem {
                        rule,
                        steps,
                        message,
                        fix,
                    } = problem;
                    let path = steps
                        .into_iter()
                        .fold(path.key("Properties"), |path, step| path.step(step));
                    note(&mut document, rule, id, &path, &message, fix);
                }
            }
        }
    }
    in_order(document.into_findings())
}

/// The types of a template's resources that have a schema.
pub(crate) fn types_of(template: &JsonMap<String, Json>) -> BTreeSet<String> {
    let resources = template.get("Resources").and_then(Json::as_object);
    let types = resources.into_iter().flat_map(JsonMap::values);
    types
        .filter_map(|resource| resource.get("Type")?.as_str())
        .filter(|name| source::has_schema(name))
        .map(str::to_owned)
        .collect()
}

/// Notes a problem where the definition says it: in its own `Resources`; else in the component that made the resource, at the property
/// of the same name if it has one. The message has the path in the template.
fn note(document: &mut Document<'_>, rule: Rule, id: &str, path: &Path, message: &str, fix: Option<String>) {
    let message = format!("{path}: {message}");
    let own = document.section("Resources").and_then(|resources| resources.get(id));
    if own.is_some() {
        return document.at_value(rule, path, message, fix);
    }
    let components = document.components();
    let made_by = components
        .iter()
        .filter(|component| id.starts_with(component.name))
        .max_by_key(|component| component.name.len());
    match made_by {
        Some(component) => {
            let same = path
                .keys()
                .rev()
                .find(|key| *key != "Type" && component.body.contains_key(*key));
            let place = same.map_or_else(|| component.path.clone(), |key| component.path.key(key));
            document.at_key(rule, &place, message, fix);
        }
        None => document.at_value(rule, &Path::default(), message, fix),
    }
}

/// Answers by type.
type Found = BTreeMap<String, Result<Json, String>>;
