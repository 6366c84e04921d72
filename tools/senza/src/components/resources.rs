//! Writing into the template's sections.

use serde_json::{Map as JsonMap, Value as Json, json};

use crate::Error;

/// The map at `path` inside `template`; missing levels are made.
pub(crate) fn section<'a>(
    template: &'a mut JsonMap<String, Json>,
    path: &[&str],
) -> Result<&'a mut JsonMap<String, Json>, Error> {
    let mut current = template;
    for (depth, key) in path.iter().enumerate() {
        let next = current.entry(*key).or_insert_with(|| json!({}));
        if next.is_null() {
            *next = json!({});
        }
        let Json::Object(map) = next else {
            let place = path.get(..=depth).unwrap_or(path).join("/");
            return Err(Error::Usage(format!("{place}: must be a map")));
        };
        current = map;
    }
    Ok(current)
}

/// Adds a resource, or replaces the one of that name.
pub(crate) fn add(
    template: &mut JsonMap<String, Json>,
    logical_id: &str,
    resource_type: &str,
    properties: JsonMap<String, Json>,
) -> Result<(), Error> {
    let mut resource = JsonMap::new();
    resource.insert("Type".to_owned(), Json::from(resource_type));
    resource.insert("Properties".to_owned(), Json::Object(properties));
    section(template, &["Resources"])?.insert(logical_id.to_owned(), Json::Object(resource));
    Ok(())
}

/// `Mappings.<mapping>.<region>.<key>`, when it is there.
pub(crate) fn mapped<'a>(
    template: &'a JsonMap<String, Json>,
    mapping: &str,
    region: &str,
    key: &str,
) -> Option<&'a Json> {
    template.get("Mappings")?.get(mapping)?.get(region)?.get(key)
}

/// `{Fn::FindInMap: [<mapping>, {Ref: AWS::Region}, <key>]}`
pub(crate) fn find_in_map(mapping: &str, key: &Json) -> Json {
    json!({"Fn::FindInMap": [mapping, {"Ref": "AWS::Region"}, key]})
}

/// The members of a JSON object; nothing for any other value.
pub(crate) fn members(json: Json) -> JsonMap<String, Json> {
    match json {
        Json::Object(map) => map,
        _ => JsonMap::new(),
    }
}
