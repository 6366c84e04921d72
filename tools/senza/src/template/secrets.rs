//! Values of `SenzaInfo` that are encrypted with KMS: `senza:kms:<base64>`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::try_join_all;
use serde_json::{Map as JsonMap, Value as Json, json};
use stups_aws::Session;
use stups_aws::kms::primitives::Blob;
use stups_yaml::{Map, Value};

use super::evaluate::Evaluation;
use crate::Error;

const PREFIX: &str = "senza:kms:";
/// Stands for what only KMS can tell, with a saved account.
const NOT_DECRYPTED: &str = "****";

/// Replaces the encrypted values in `Mappings.Senza.Info` by their plain text, as the original does.
pub(super) async fn decrypt_in_place(evaluation: &Evaluation<'_>, document: &mut Map) -> Result<(), Error> {
    let Some(Value::Map(info)) = document
        .get_mut("Mappings")
        .and_then(|mappings| mappings.as_map_mut()?.get_mut("Senza")?.as_map_mut()?.get_mut("Info"))
    else {
        return Ok(());
    };
    let encrypted = info
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.strip_prefix(PREFIX)?.to_owned())));
    let decrypted = try_join_all(encrypted.map(async |(key, ciphertext)| {
        let plain = decrypt(evaluation, &key.to_string(), &ciphertext).await?;
        Ok::<_, Error>((key, plain))
    }))
    .await?;
    info.extend(decrypted.into_iter().map(|(key, plain)| (key, Value::String(plain))));
    Ok(())
}

/// Lets `template` take its secrets from parameters that CloudFormation never shows: each `Fn::FindInMap` of an encrypted value
/// becomes a reference to a `NoEcho` parameter. The mapping keeps the ciphertext. Returns the parameters with their plain text;
/// what nothing refers to is not decrypted.
pub(super) async fn pass_as_parameters(
    evaluation: &Evaluation<'_>,
    template: &mut JsonMap<String, Json>,
) -> Result<Vec<(String, String)>, Error> {
    let info = template
        .get("Mappings")
        .and_then(|mappings| mappings.get("Senza")?.get("Info")?.as_object());
    let encrypted: Vec<(String, String)> = info
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.strip_prefix(PREFIX)?.to_owned())))
        .collect();
    let mut parameters = Vec::new();
    for (key, ciphertext) in encrypted {
        let parameter = parameter_name(&key);
        let mut found = false;
        for (section, content) in template.iter_mut() {
            if section != "Mappings" {
                found |= refer_to_parameter(content, &key, &parameter);
            }
        }
        if !found {
            continue;
        }
        let declared = template.entry("Parameters").or_insert_with(|| json!({}));
        match declared {
            Json::Object(declared) if !declared.contains_key(&parameter) => {
                declared.insert(parameter.clone(), json!({"Type": "String", "NoEcho": true}));
            }
            _ => {
                return Err(evaluation.definition.invalid(format!(
                    "Parameters/{parameter}: this name is needed for the secret SenzaInfo/{key}"
                )));
            }
        }
        parameters.push((parameter, key, ciphertext));
    }
    try_join_all(parameters.into_iter().map(async |(parameter, key, ciphertext)| {
        let plain = decrypt(evaluation, &key, &ciphertext).await?;
        Ok((parameter, plain))
    }))
    .await
}

/// Names of parameters have letters and digits only.
fn parameter_name(key: &str) -> String {
    let letters: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("SenzaInfo{letters}")
}

/// Replaces every look-up of `SenzaInfo`'s `key` in `node`; whether there was one.
fn refer_to_parameter(node: &mut Json, key: &str, parameter: &str) -> bool {
    match node {
        Json::Object(map) => {
            let looked_up = map.len() == 1
                && map
                    .get("Fn::FindInMap")
                    .is_some_and(|arguments| *arguments == json!(["Senza", "Info", key]));
            if looked_up {
                *node = json!({ "Ref": parameter });
                return true;
            }
            map.values_mut()
                .fold(false, |found, value| refer_to_parameter(value, key, parameter) | found)
        }
        Json::Array(items) => items
            .iter_mut()
            .fold(false, |found, value| refer_to_parameter(value, key, parameter) | found),
        _ => false,
    }
}

/// The values of `template` that nobody is to see: the arguments of parameters with `NoEcho`, and those of `info` (the evaluated
/// `SenzaInfo`) that are encrypted in the definition, or tokens.
pub(super) fn values(evaluation: &Evaluation<'_>, template: &JsonMap<String, Json>, info: &Map) -> Vec<String> {
    let is_hidden = |body: &Json| body.get("NoEcho").is_some_and(is_true);
    let of_template = template
        .get("Parameters")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, body)| is_hidden(body))
        .map(|(name, _)| name.clone());
    let declared = info.get("Parameters").map(Value::to_json);
    let of_info = declared
        .as_ref()
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.as_object()?.iter().next())
        .filter(|(_, body)| is_hidden(body))
        .map(|(name, _)| name.clone());
    let arguments = of_template
        .chain(of_info)
        .filter_map(|name| evaluation.arguments.get(&name).map(str::to_owned));
    let raw = evaluation.definition.info();
    let encrypted = info.iter().filter(|(key, _)| {
        let was = raw.get(*key).and_then(Value::as_str).unwrap_or_default();
        was.starts_with(PREFIX) || key.as_str() == Some("SpotinstAccessToken")
    });
    let encrypted = encrypted.filter_map(|(_, value)| Some(value.as_str()?.to_owned()));
    arguments
        .chain(encrypted)
        .filter(|value| !value.is_empty())
        .collect::<std::collections::BTreeSet<String>>()
        .into_iter()
        .collect()
}

/// As CloudFormation reads `NoEcho`.
fn is_true(value: &Json) -> bool {
    matches!(value, Json::Bool(true)) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

async fn decrypt(evaluation: &Evaluation<'_>, key: &str, ciphertext: &str) -> Result<String, Error> {
    if evaluation.account.is_offline() {
        return Ok(NOT_DECRYPTED.to_owned());
    }
    let plain = plain_text(evaluation.account.session(), ciphertext).await?;
    plain.map_err(|reason| evaluation.definition.invalid(format!("SenzaInfo/{key}: {reason}")))
}

/// Whether this value of `SenzaInfo` is encrypted.
pub(crate) fn is_encrypted(value: &str) -> bool {
    value.starts_with(PREFIX)
}

/// The plain text of `SenzaInfo`'s `key`, whether or not its `value` is encrypted.
pub(crate) async fn decrypted(key: &str, value: &str, session: &Session) -> Result<String, Error> {
    match value.strip_prefix(PREFIX) {
        None => Ok(value.to_owned()),
        Some(ciphertext) => {
            let plain = plain_text(session, ciphertext).await?;
            plain.map_err(|reason| Error::Fatal(format!("SenzaInfo/{key}: {reason}")))
        }
    }
}

/// What KMS makes of `ciphertext`, or what is wrong with it.
async fn plain_text(session: &Session, ciphertext: &str) -> Result<Result<String, &'static str>, Error> {
    let ciphertext: String = ciphertext.split_whitespace().collect();
    let Ok(blob) = STANDARD.decode(ciphertext) else {
        return Ok(Err("what follows senza:kms: must be base64"));
    };
    let call = session.kms().decrypt().ciphertext_blob(Blob::new(blob));
    let plain = call.send().await?.plaintext.map(Blob::into_inner).unwrap_or_default();
    Ok(String::from_utf8(plain).map_err(|_| "the decrypted value is not text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_look_up_becomes_a_reference() {
        let mut template = json!({
            "A": {"Token": {"Fn::FindInMap": ["Senza", "Info", "Token"]}, "Other": {"Fn::FindInMap": ["Senza", "Info", "Other"]}},
            "B": [{"Fn::Join": ["", ["x", {"Fn::FindInMap": ["Senza", "Info", "Token"]}]]}],
        });
        assert!(refer_to_parameter(&mut template, "Token", "SenzaInfoToken"));
        assert_eq!(
            template,
            json!({
                "A": {"Token": {"Ref": "SenzaInfoToken"}, "Other": {"Fn::FindInMap": ["Senza", "Info", "Other"]}},
                "B": [{"Fn::Join": ["", ["x", {"Ref": "SenzaInfoToken"}]]}],
            })
        );
        assert!(!refer_to_parameter(&mut template, "Token", "SenzaInfoToken"));
    }

    #[test]
    fn parameters_have_names_that_cloudformation_takes() {
        assert_eq!(parameter_name("db-Password_2"), "SenzaInfodbPassword2");
    }
}
