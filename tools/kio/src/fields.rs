//! `KEY=VAL`: what people type, as the registry wants it.

use serde_json::{Map, Value};
use stups_terminal::Failure;

/// What the registry writes by itself.
pub(crate) const READ_ONLY: [&str; 5] = ["id", "last_modified", "last_modified_by", "created", "created_by"];

const BOOLEANS: [&str; 2] = ["active", "publicly_accessible"];
const INTEGERS: [&str; 2] = ["criticality_level", "required_approvers"];

/// Key and value of a pair. A missing value is wrong usage; whether an empty one is, the caller says.
pub(crate) fn split(pair: &str) -> Result<(&str, &str), Failure> {
    pair.split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| missing_value(pair))
}

/// What to say about a key without a value.
pub(crate) fn missing_value(key: &str) -> Failure {
    Failure::usage(format!(
        "Value missing for field \"{key}\". You must provide KEY=VAL pairs; --clear {key} removes a value."
    ))
}

/// The value of a key as its type demands: yes and no where it is true or false, a number where it is a number.
pub(crate) fn typed(key: &str, text: &str, current: Option<&Value>) -> Result<Value, Failure> {
    if BOOLEANS.contains(&key) || current.is_some_and(Value::is_boolean) {
        return match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true.into()),
            "false" | "no" | "off" | "0" => Ok(false.into()),
            _ => Err(Failure::usage(format!(
                "Field \"{key}\" is true or false, not \"{text}\"."
            ))),
        };
    }
    if INTEGERS.contains(&key) || current.is_some_and(Value::is_i64) {
        let number: Result<i64, _> = text.parse();
        return number
            .map(Value::from)
            .map_err(|_| Failure::usage(format!("Field \"{key}\" is a number, not \"{text}\".")));
    }
    Ok(text.into())
}

/// The attributes of a new application.
pub(crate) fn new_application(pairs: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut attributes = Map::new();
    attributes.insert("active".to_owned(), true.into());
    for pair in pairs {
        let (key, text) = split(pair)?;
        attributes.insert(key.to_owned(), typed(key, text, None)?);
    }
    for required in ["name", "team_id"] {
        if !attributes.contains_key(required) {
            return Err(Failure::usage(format!("You must provide the \"{required}\" field.")));
        }
    }
    Ok(attributes)
}

/// What is to become different in an application: its new values, null for what is to be cleared.
pub(crate) fn changes(
    current: &Map<String, Value>,
    pairs: &[String],
    clear: &[String],
) -> Result<Map<String, Value>, Failure> {
    let mut changes = Map::new();
    for pair in pairs {
        let (key, text) = split(pair)?;
        let value = current.get(key).ok_or_else(|| unknown(key))?;
        if text.is_empty() {
            return Err(missing_value(key));
        }
        changes.insert(key.to_owned(), typed(key, text, Some(value))?);
    }
    for key in clear {
        current.get(key).ok_or_else(|| unknown(key))?;
        if changes
            .insert(key.clone(), Value::Null)
            .is_some_and(|value| !value.is_null())
        {
            return Err(Failure::usage(format!("Field \"{key}\" cannot be set and cleared.")));
        }
    }
    if let Some(key) = changes.keys().find(|key| READ_ONLY.contains(&key.as_str())) {
        return Err(Failure::usage(format!("Field \"{key}\" cannot be changed.")));
    }
    changes.retain(|key, value| current.get(key) != Some(value));
    Ok(changes)
}

fn unknown(key: &str) -> Failure {
    Failure::usage(format!("Field \"{key}\" does not exist"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn kio() -> Map<String, Value> {
        let kio =
            json!({"id": "kio", "name": "Kio", "active": true, "criticality_level": 2, "subtitle": null, "score": 5});
        kio.as_object().unwrap().clone()
    }

    #[test]
    fn values_are_what_their_fields_are() {
        let attributes = new_application(&texts(&[
            "name=My",
            "team_id=stups",
            "active=No",
            "criticality_level=1",
            "subtitle=a=b",
        ]));
        assert_eq!(
            Value::Object(attributes.unwrap()),
            json!({"name": "My", "team_id": "stups", "active": false, "criticality_level": 1, "subtitle": "a=b"})
        );
        for (pairs, message) in [
            (&["name=My"][..], "You must provide the \"team_id\" field."),
            (&["team_id=x"], "You must provide the \"name\" field."),
            (&["name"], "Value missing for field \"name\"."),
            (&["=x"], "Value missing for field \"=x\"."),
            (
                &["active=perhaps"],
                "Field \"active\" is true or false, not \"perhaps\".",
            ),
            (
                &["criticality_level=high"],
                "Field \"criticality_level\" is a number, not \"high\".",
            ),
        ] {
            let failure = new_application(&texts(pairs)).unwrap_err();
            assert!(failure.message.starts_with(message), "{}", failure.message);
            assert_eq!(failure.exit_code, 2);
        }
    }

    #[test]
    fn only_what_becomes_different_is_changed() {
        let changed = changes(
            &kio(),
            &texts(&["active=yes", "name=Kio", "criticality_level=1", "score=7"]),
            &[],
        );
        assert_eq!(
            Value::Object(changed.unwrap()),
            json!({"criticality_level": 1, "score": 7})
        );
        let changed = changes(
            &kio(),
            &texts(&["active=False"]),
            &texts(&["criticality_level", "subtitle"]),
        );
        assert_eq!(
            Value::Object(changed.unwrap()),
            json!({"active": false, "criticality_level": null})
        );
    }

    #[test]
    fn what_cannot_be_changed_is_wrong_usage() {
        for (pairs, clear, message) in [
            (&["nme=x"][..], &[][..], "Field \"nme\" does not exist"),
            (&["name="], &[], "Value missing for field \"name\"."),
            (&["id=x"], &[], "Field \"id\" cannot be changed."),
            (&[], &["nme"], "Field \"nme\" does not exist"),
            (&["name=x"], &["name"], "Field \"name\" cannot be set and cleared."),
        ] {
            let failure = changes(&kio(), &texts(pairs), &texts(clear)).unwrap_err();
            assert!(failure.message.starts_with(message), "{}", failure.message);
            assert_eq!(failure.exit_code, 2);
        }
    }
}
