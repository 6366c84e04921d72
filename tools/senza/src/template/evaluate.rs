//! The evaluation pipeline: the order of passes and components is the original's.

use std::collections::BTreeSet;

use serde_json::{Map as JsonMap, Value as Json};
use stups_terminal::Terminal;
use stups_yaml::{Key, Map, Value};

use super::request::{self, StackRequest};
use super::{Arguments, Definition, account_info, secrets, stack, tree};
use crate::account::Account;
use crate::compatibility::CompatibilityChoice;
use crate::components::{self, Component, Generation};
use crate::{Compatibility, Error};

/// What evaluating a definition needs.
#[derive(Debug)]
pub struct Evaluation<'a> {
    /// the definition
    pub definition: &'a Definition,
    /// bound parameters
    pub arguments: &'a Arguments,
    /// the account to deploy to
    pub account: &'a Account,
    /// what the command line, environment and configuration file say
    pub compatibility: CompatibilityChoice,
    /// `--force`: skip the check that the Docker image exists
    pub force: bool,
    /// for warnings
    pub terminal: &'a Terminal,
}

/// Evaluates a definition: templating, components, tags, topic, capabilities.
///
/// # Errors
/// [`Error::InvalidDefinition`] with the path inside the definition; what components and AWS refuse.
pub async fn evaluate(evaluation: &Evaluation<'_>) -> Result<StackRequest, Error> {
    let info = evaluate_info(evaluation).await?;
    let compatibility = decide_compatibility(evaluation, &info).await?;
    let mut document = evaluate_document(evaluation, &info).await?;
    if compatibility == Compatibility::Senza2 {
        secrets::decrypt_in_place(evaluation, &mut document).await?;
    }

    let entries = match document.shift_remove("SenzaComponents") {
        Some(Value::List(entries)) => entries,
        _ => Vec::new(),
    };
    let components = read_components(evaluation.definition, &entries)?;
    let template = apply_components(evaluation, &info, compatibility, &components, document).await?;

    let template = Value::from(&Json::Object(template));
    let processed = Value::List(components.iter().map(processed).collect());
    let template = render_pass(evaluation, &template, &info, processed).await?;
    let Json::Object(mut template) = tree::sorted(template).to_json() else {
        return Err(evaluation.definition.invalid("the template is not a map"));
    };
    let secrets = match compatibility {
        Compatibility::Senza2 => Vec::new(),
        Compatibility::Senza3 => secrets::pass_as_parameters(evaluation, &mut template).await?,
    };
    request::build(evaluation, template, secrets).await
}

/// First pass: `SenzaInfo` alone. Its `Parameters` come last and may use the rest of it in their defaults.
async fn evaluate_info(evaluation: &Evaluation<'_>) -> Result<Map, Error> {
    let mut raw = evaluation.definition.info();
    raw.insert(
        Key::from("StackVersion"),
        Value::from(evaluation.arguments.version.as_str()),
    );
    let parameters = raw.shift_remove("Parameters");
    let mut info = render_info(evaluation, raw, Map::new()).await?;
    if let Some(parameters) = parameters {
        let raw = Map::from_iter([(Key::from("Parameters"), parameters)]);
        info.extend(render_info(evaluation, raw, info.clone()).await?);
    }
    match tree::sorted(Value::Map(info)) {
        Value::Map(info) => Ok(info),
        other => Err(evaluation
            .definition
            .invalid(format!("SenzaInfo: it must be a map, not {}", other.kind()))),
    }
}

async fn render_info(evaluation: &Evaluation<'_>, raw: Map, known: Map) -> Result<Map, Error> {
    let named = Map::from_iter([(Key::from("SenzaInfo"), tree::sorted(Value::Map(raw)))]);
    let rendered = render_pass(evaluation, &Value::Map(named), &known, Value::Map(Map::new())).await?;
    Ok(rendered
        .get("SenzaInfo")
        .and_then(Value::as_map)
        .cloned()
        .unwrap_or_default())
}

async fn decide_compatibility(evaluation: &Evaluation<'_>, info: &Map) -> Result<Compatibility, Error> {
    let definition = info
        .get("Compatibility")
        .filter(|value| **value != Value::Null)
        .map(|value| {
            Compatibility::from_value(value).ok_or_else(|| {
                evaluation
                    .definition
                    .invalid("SenzaInfo/Compatibility: it must be 2.1 or 3")
            })
        })
        .transpose()?;
    let choice = evaluation.compatibility;
    let deployed = if choice.keep_deployed && choice.requested.is_none() {
        let name = request::stack_name(evaluation.definition, info)?;
        stack::deployed_template(evaluation.account.session(), &name)
            .await?
            .and_then(|template| Compatibility::of_template(&template))
    } else {
        None
    };
    Ok(choice.decide(deployed, definition))
}

/// Second pass: the whole definition, with the evaluated `SenzaInfo` in `Mappings.Senza.Info`.
async fn evaluate_document(evaluation: &Evaluation<'_>, info: &Map) -> Result<Map, Error> {
    let mut document = evaluation.definition.document.clone();
    document.shift_remove("SenzaInfo");
    let mut mappings = take_map(&mut document, "Mappings");
    let mut senza = take_map(&mut mappings, "Senza");
    senza.insert(Key::from("Info"), Value::Map(info.clone()));
    mappings.insert(Key::from("Senza"), Value::Map(senza));
    document.insert(Key::from("Mappings"), Value::Map(mappings));
    let document = tree::sorted(Value::Map(document));
    match render_pass(evaluation, &document, info, Value::List(Vec::new())).await? {
        Value::Map(document) => Ok(document),
        other => Err(evaluation
            .definition
            .invalid(format!("it must be a map, not {}", other.kind()))),
    }
}

/// Takes the map at `key` out of `map`; an empty one when there is none.
fn take_map(map: &mut Map, key: &str) -> Map {
    match map.shift_remove(key) {
        Some(Value::Map(inner)) => inner,
        _ => Map::new(),
    }
}

fn read_components(definition: &Definition, entries: &[Value]) -> Result<Vec<Component>, Error> {
    entries
        .iter()
        .filter_map(|entry| entry.as_map()?.first())
        .map(|(name, body)| {
            let mut properties = body.as_map().cloned().unwrap_or_default();
            match properties.shift_remove("Type") {
                Some(Value::String(component_type)) => Ok(Component {
                    name: name.to_string(),
                    component_type,
                    properties,
                }),
                _ => Err(definition.invalid(format!("SenzaComponents/{name}/Type: it must be text"))),
            }
        })
        .collect()
}

/// What later templates see of a component: the original adds its name to its properties.
fn processed(component: &Component) -> Value {
    let mut body = component.properties.clone();
    body.insert(Key::from("Type"), Value::from(component.component_type.as_str()));
    body.insert(Key::from("Name"), Value::from(component.name.as_str()));
    Value::Map(Map::from_iter([(Key::from(component.name.as_str()), Value::Map(body))]))
}

async fn apply_components(
    evaluation: &Evaluation<'_>,
    info: &Map,
    compatibility: Compatibility,
    components: &[Component],
    document: Map,
) -> Result<JsonMap<String, Json>, Error> {
    let (Json::Object(mut template), Json::Object(info)) =
        (Value::Map(document).to_json(), Value::Map(info.clone()).to_json())
    else {
        return Err(evaluation.definition.invalid("it must be a map"));
    };
    template
        .entry("AWSTemplateFormatVersion")
        .or_insert_with(|| Json::from("2010-09-09"));
    components::prefetch(components, evaluation.account).await;
    for component in components {
        let mut generation = Generation {
            template: &mut template,
            info: &info,
            arguments: evaluation.arguments,
            account: evaluation.account,
            compatibility,
            force: evaluation.force,
            terminal: evaluation.terminal,
        };
        components::apply(component, &mut generation).await?;
    }
    Ok(template)
}

/// Renders `value` once: looks up what its tags ask of the account, then renders every scalar.
async fn render_pass(
    evaluation: &Evaluation<'_>,
    value: &Value,
    info: &Map,
    components: Value,
) -> Result<Value, Error> {
    let at = |error: tree::Error| evaluation.definition.invalid(error.to_string());
    let mut names = BTreeSet::new();
    tree::collect_names(value, &mut names).map_err(at)?;
    if names.is_empty() {
        return Ok(value.clone());
    }
    let account_info = account_info::look_up(evaluation.account, &names).await?;
    let context = Map::from_iter([
        (Key::from("SenzaInfo"), Value::Map(info.clone())),
        (Key::from("SenzaComponents"), components),
        (Key::from("Arguments"), evaluation.arguments.to_context()),
        (Key::from("AccountInfo"), Value::Map(account_info)),
    ]);
    tree::render(value, &Value::Map(context)).map_err(at)
}
