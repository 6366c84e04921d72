//! `ImageParameters`: machine images whose ids stand in parameters of AWS Systems Manager.

use serde_json::json;

use super::Generation;
use super::properties::Properties;
use super::property_table::{Kind, Property, map_of};
use super::resources::section;
use crate::Error;

/// The property, which all components that make the mapping `Images` have.
pub(super) const PROPERTY: Property = map_of(
    "ImageParameters",
    &Kind::Text,
    "parameters of Systems Manager that hold machine images, by name of the image",
)
.since_3();

/// Adds the image that each parameter holds now to the mapping `Images`: whatever it holds later, the template keeps the image.
pub(super) async fn add(properties: &Properties<'_>, generation: &mut Generation<'_>) -> Result<(), Error> {
    if !generation.is_current() {
        return Ok(());
    }
    let Some(parameters) = properties.map(PROPERTY.name)? else {
        return Ok(());
    };
    let region = generation.arguments.region.clone();
    for (name, value) in parameters.iter() {
        let parameter = parameters
            .filled_text(&name)?
            .ok_or_else(|| parameters.wrong(&name, value, "the name of a parameter"))?;
        let held = generation.account.parameter(&parameter).await?;
        let image = held.filter(|held| held.starts_with("ami-")).ok_or_else(|| {
            let path = parameters.path(&name);
            Error::Fatal(format!(
                "{path}: there is no parameter \"{parameter}\" in {region} that holds a machine image"
            ))
        })?;
        section(generation.template, &["Mappings", "Images", &region])?.insert(name, json!(image));
    }
    Ok(())
}

/// Whether the definition says which parameter holds the image `name`.
pub(super) fn gives(properties: &Properties<'_>, name: &str, generation: &Generation<'_>) -> Result<bool, Error> {
    let parameters = properties.map(PROPERTY.name)?;
    Ok(generation.is_current() && parameters.is_some_and(|parameters| parameters.has(name)))
}
