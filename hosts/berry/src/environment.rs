//! Credentials as variables of a program's environment.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::{Map, Value};

/// Variables by name; none means that there must not be one.
pub(crate) type Variables = BTreeMap<String, Option<SecretString>>;

/// Adds the members of an object to `variables`: `application_password` becomes `APPLICATION_PASSWORD`. What is null (the secret of a
/// client that keeps none) becomes no variable; what is no text becomes its JSON. Returns the names that can't be those of variables.
pub(crate) fn add(variables: &mut Variables, object: &Map<String, Value>) -> Vec<String> {
    let mut refused = Vec::new();
    for (key, value) in object {
        let name = key.to_ascii_uppercase();
        if !is_name(&name) {
            refused.push(key.clone());
            continue;
        }
        let text = match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        variables.insert(name, text.map(SecretString::from));
    }
    refused
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;

    #[test]
    fn members_become_variables() {
        let object = json!({"application_username": "stups_pets", "client_secret": null, "ttl": 5, "a-b": "x", "": 1, "1a": 2, "ä": 3});
        let mut variables = Variables::new();
        let refused = add(&mut variables, object.as_object().unwrap());
        let shown: Vec<_> = variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_ref().map(ExposeSecret::expose_secret)))
            .collect();
        assert_eq!(
            shown,
            [
                ("APPLICATION_USERNAME", Some("stups_pets")),
                ("CLIENT_SECRET", None),
                ("TTL", Some("5"))
            ]
        );
        assert_eq!(refused, ["a-b", "", "1a", "ä"]);
    }
}
