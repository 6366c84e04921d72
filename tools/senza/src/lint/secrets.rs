//! Secrets that everybody can read who can read the definition.

use stups_yaml::Value;

use super::Rule;
use super::document::{Document, Path, walk};

/// Words by which names of secrets are known.
const WORDS: [&str; 10] = [
    "accesskey",
    "accesstoken",
    "authtoken",
    "apikey",
    "credential",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
];
/// Last words of names that only say where a secret is, or how it is.
const HARMLESS_ENDINGS: [&str; 16] = [
    "arn",
    "bucket",
    "directory",
    "enabled",
    "endpoint",
    "file",
    "id",
    "key_name",
    "length",
    "name",
    "path",
    "policy",
    "ttl",
    "type",
    "uri",
    "url",
];
/// How an access key's id begins.
const ACCESS_KEYS: [&str; 2] = ["AKIA", "ASIA"];
const ACCESS_KEY_LENGTH: usize = 20;

pub(super) fn check(document: &mut Document<'_>) {
    let mut found: Vec<(Rule, Path, String, String, Option<String>)> = Vec::new();
    walk(document.root(), &Path::default(), &mut |path, value| {
        let Value::String(text) = value else { return };
        if let Some(key) = access_key(text) {
            let message = "this is the id of an AWS access key: use an IAM role".to_owned();
            found.push((Rule::ClearSecret, path.clone(), key.to_owned(), message, None));
        } else if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
            let message = "this is a private key".to_owned();
            let fix = Some("encrypt it with KMS: aws:kms:<base64>".to_owned());
            found.push((Rule::ClearSecret, path.clone(), "-----BEGIN ".to_owned(), message, fix));
        } else if path.last_key().is_some_and(is_secret_name) && is_clear(text) && !is_declaration(path) {
            let name = path.last_key().unwrap_or_default();
            let message = format!("{name} looks like a secret in clear text");
            let encrypted = if path.starts_with("SenzaInfo") {
                "senza:kms"
            } else {
                "aws:kms"
            };
            let fix = Some(format!(
                "{encrypted}:<base64>, {{{{resolve:secretsmanager:...}}}}, or a parameter with NoEcho"
            ));
            found.push((Rule::LikelySecret, path.clone(), text.clone(), message, fix));
        }
    });
    for (rule, path, words, message, fix) in found {
        let first_line = words.lines().next().unwrap_or_default();
        document.at_words(rule, &path, first_line, message, fix);
    }
    for parameter in document.parameters() {
        let is_hidden = match parameter.body.get("NoEcho") {
            Some(Value::Bool(hidden)) => *hidden,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            _ => false,
        };
        if is_secret_name(parameter.name) && !is_hidden {
            let message = format!("everybody who can see the stack sees the parameter {}", parameter.name);
            document.at_key(
                Rule::LikelySecret,
                &parameter.path,
                message,
                Some("NoEcho: true".to_owned()),
            );
        }
    }
}

fn is_secret_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    let bare: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    WORDS.iter().any(|word| bare.contains(word)) && !HARMLESS_ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

/// Text that is a secret if anything is: not encrypted, not put in later, and not a switch.
fn is_clear(text: &str) -> bool {
    let is_switch = ["true", "false", "yes", "no", "none", ""].contains(&text.to_lowercase().as_str());
    let is_reference = ["aws:kms:", "senza:kms:", "arn:", "/", "${"]
        .iter()
        .any(|start| text.starts_with(start));
    !is_switch && !is_reference && !text.contains("{{")
}

/// The words that describe a parameter or a resource are no secrets.
fn is_declaration(path: &Path) -> bool {
    let text = path.to_string();
    ["Description", "Type", "AllowedPattern", "Ref"]
        .iter()
        .any(|end| text.ends_with(end))
}

/// The id of an access key in `text`.
fn access_key(text: &str) -> Option<&str> {
    ACCESS_KEYS.iter().find_map(|start| {
        text.match_indices(start).find_map(|(position, _)| {
            let key = text.get(position..position + ACCESS_KEY_LENGTH)?;
            let is_part = |character: char| character.is_ascii_uppercase() || character.is_ascii_digit();
            let before = text[..position].chars().next_back();
            let after = text[position + ACCESS_KEY_LENGTH..].chars().next();
            let stands_alone = ![before, after].into_iter().flatten().any(|c| c.is_ascii_alphanumeric());
            (key.chars().all(is_part) && stands_alone).then_some(key)
        })
    })
}
