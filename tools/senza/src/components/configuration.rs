//! Senza::Configuration: parameters, description, and the mappings that other components read.

use serde_json::{Value as Json, json};
use stups_yaml::Value;

use super::properties::Properties;
use super::property_table::{Kind, Property, boolean, map_of};
use super::resources::section;
use super::{Component, Generation, image_parameters};
use crate::Error;

/// The mappings of subnets, each `{<region>: {Subnets: [...]}}`.
pub(crate) const SUBNET_MAPPINGS: [&str; 3] = ["ServerSubnets", "LoadBalancerSubnets", "LoadBalancerInternalSubnets"];

/// CloudFormation's limit for a template's description.
const DESCRIPTION_LIMIT: usize = 1024;

/// Every property of the component.
pub(super) const PROPERTIES: &[&[Property]] = &[&[
    boolean(
        "DefineParameters",
        "whether SenzaInfo's parameters become parameters of the template",
    )
    .default("true"),
    map_of("ServerSubnets", SUBNETS, "subnets of servers, by region"),
    map_of(
        "LoadBalancerSubnets",
        SUBNETS,
        "subnets of public load balancers, by region",
    ),
    map_of(
        "LoadBalancerInternalSubnets",
        SUBNETS,
        "subnets of internal load balancers, by region",
    ),
    map_of(
        "Images",
        &Kind::MapOf(&Kind::Text),
        "machine images, by name and region",
    ),
    image_parameters::PROPERTY,
]];

/// Subnets of a region.
const SUBNETS: &Kind = &Kind::List(&Kind::Text);

/// Applies the component.
pub(crate) async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let properties = Properties::of(component);
    define(&properties, generation)?;
    image_parameters::add(&properties, generation).await
}

/// What every configuration component does with its properties.
pub(crate) fn define(properties: &Properties<'_>, generation: &mut Generation<'_>) -> Result<(), Error> {
    if properties.boolean("DefineParameters")?.unwrap_or(true) {
        define_parameters(generation)?;
    }
    if !generation.template.contains_key("Description") {
        let description = description(generation)?;
        generation
            .template
            .insert("Description".to_owned(), Json::from(description));
    }
    for mapping in SUBNET_MAPPINGS {
        let Some(regions) = properties.map(mapping)? else {
            continue;
        };
        for (region, subnets) in regions.iter() {
            if !matches!(subnets, Value::List(_)) {
                return Err(regions.wrong(&region, subnets, "a list of subnets"));
            }
            section(generation.template, &["Mappings", mapping, &region])?
                .insert("Subnets".to_owned(), subnets.to_json());
        }
    }
    let Some(images) = properties.map("Images")? else {
        return Ok(());
    };
    for (name, value) in images.iter() {
        let regions = images
            .map(&name)?
            .ok_or_else(|| images.wrong(&name, value, "a map from region to image"))?;
        for (region, image) in regions.iter() {
            section(generation.template, &["Mappings", "Images", &region])?.insert(name.clone(), image.to_json());
        }
    }
    Ok(())
}

fn define_parameters(generation: &mut Generation<'_>) -> Result<(), Error> {
    for (name, given) in declared_parameters(generation) {
        let mut parameter = json!({"Type": "String"});
        if let (Json::Object(parameter), Json::Object(given)) = (&mut parameter, given) {
            parameter.extend(given);
        }
        section(generation.template, &["Parameters"])?.insert(name, parameter);
    }
    Ok(())
}

/// `SenzaInfo.Parameters`: name and attributes of each.
fn declared_parameters(generation: &Generation<'_>) -> Vec<(String, Json)> {
    let parameters = generation.info.get("Parameters").and_then(Json::as_array);
    parameters
        .into_iter()
        .flatten()
        .filter_map(|parameter| parameter.as_object()?.iter().next())
        .map(|(name, attributes)| (name.clone(), attributes.clone()))
        .collect()
}

/// `Hello World (ImageVersion: 1.0)`. Parameters that CloudFormation must not show (`NoEcho`) are masked, except at senza 2.1's
/// compatibility.
fn description(generation: &Generation<'_>) -> Result<String, Error> {
    let is_secret = |name: &str| {
        generation.is_current()
            && declared_parameters(generation).iter().any(|(declared, attributes)| {
                let no_echo = attributes.get("NoEcho");
                let echoes = matches!(no_echo, None | Some(Json::Null | Json::Bool(false)))
                    || no_echo.and_then(Json::as_str) == Some("false");
                declared == name && !echoes
            })
    };
    let mut parameters: Vec<(&String, &String)> = generation
        .arguments
        .parameters
        .iter()
        .filter(|(name, _)| !["region", "version"].contains(&name.as_str()))
        .collect();
    parameters.sort();
    let parameters: Vec<String> = parameters
        .into_iter()
        .map(|(name, value)| format!("{name}: {}", if is_secret(name) { "****" } else { value }))
        .collect();
    let title = title_case(&generation.stack_name()?).replace('-', " ");
    let text = format!("{title} ({})", parameters.join(", "));
    Ok(text.chars().take(DESCRIPTION_LIMIT).collect())
}

/// Python's `str.title`: the first letter of each run of letters upper case, the others lower case.
fn title_case(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut in_word = false;
    for character in text.chars() {
        if in_word {
            result.extend(character.to_lowercase());
        } else {
            result.extend(character.to_uppercase());
        }
        in_word = character.is_alphabetic();
    }
    result
}

#[cfg(test)]
mod tests {
    use super::title_case;

    #[test]
    fn title_case_is_pythons() {
        for (text, expected) in [
            ("hello-world", "Hello-World"),
            ("HELLO", "Hello"),
            ("app2go", "App2Go"),
            ("they're", "They'Re"),
            ("", ""),
        ] {
            assert_eq!(title_case(text), expected);
        }
    }
}
