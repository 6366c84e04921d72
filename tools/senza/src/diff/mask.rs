//! Secrets in a difference.

use serde_json::Value as Json;

use super::Change;
use crate::template::StackRequest;

/// What stands where a secret was.
const MASK: &str = "****";
/// Shorter values are hidden only where they stand alone: inside of other text they would hide half of it.
const SHORTEST_INSIDE: usize = 4;

/// Hides the secrets of a request. Those that are deployed are not known: where a secret comes, what was there goes unseen too.
pub(super) struct Mask<'a> {
    secrets: &'a [String],
}

impl<'a> Mask<'a> {
    pub(super) fn of(request: &'a StackRequest) -> Self {
        Self {
            secrets: &request.secrets,
        }
    }

    /// The changes without the secrets in them.
    pub(super) fn apply(&self, mut changes: Vec<Change>) -> Vec<Change> {
        for property in changes.iter_mut().flat_map(|change| &mut change.properties) {
            let holds_secret = [&property.before, &property.after]
                .into_iter()
                .flatten()
                .any(|value| self.holds_secret(value));
            // The token of Spot's API is decrypted where it is used.
            if holds_secret || property.path.ends_with("accessToken") {
                property.before = property.before.take().map(|_| Json::from(MASK));
                property.after = property.after.take().map(|value| {
                    if holds_secret {
                        self.masked(value)
                    } else {
                        Json::from(MASK)
                    }
                });
            }
            property.lines = self.masked_lines(std::mem::take(&mut property.lines));
        }
        changes
    }

    fn holds_secret(&self, value: &Json) -> bool {
        match value {
            Json::String(text) => self.hides(text),
            Json::Array(items) => items.iter().any(|item| self.holds_secret(item)),
            Json::Object(map) => map.values().any(|value| self.holds_secret(value)),
            Json::Number(_) | Json::Bool(_) | Json::Null => self.hides(&value.to_string()),
        }
    }

    fn hides(&self, text: &str) -> bool {
        self.secrets
            .iter()
            .any(|secret| text == secret || (secret.len() >= SHORTEST_INSIDE && text.contains(secret.as_str())))
    }

    fn masked(&self, value: Json) -> Json {
        match value {
            Json::String(text) => Json::from(self.masked_text(&text)),
            Json::Array(items) => items.into_iter().map(|item| self.masked(item)).collect(),
            Json::Object(map) => map.into_iter().map(|(key, value)| (key, self.masked(value))).collect(),
            other if self.holds_secret(&other) => Json::from(MASK),
            other => other,
        }
    }

    fn masked_text(&self, text: &str) -> String {
        if self.secrets.iter().any(|secret| secret == text) {
            return MASK.to_owned();
        }
        let inside = self.secrets.iter().filter(|secret| secret.len() >= SHORTEST_INSIDE);
        inside.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
    }

    /// Lines of user data. The values of all lines that one with a secret replaces are hidden.
    fn masked_lines(&self, lines: Vec<String>) -> Vec<String> {
        let secret_of = |line: &str| {
            let value = line.split_once(": ").map_or(line, |(_, value)| value);
            self.hides(line.get(1..).unwrap_or_default()) || self.hides(value.trim_matches(['\'', '"']))
        };
        if !lines.iter().any(|line| secret_of(line)) {
            return lines;
        }
        let changed = |line: &String| line.starts_with('-') || line.starts_with('+');
        let mut masked = Vec::with_capacity(lines.len());
        for block in lines.chunk_by(|one, next| changed(one) == changed(next)) {
            let is_secret = block.iter().any(|line| secret_of(line));
            masked.extend(
                block
                    .iter()
                    .map(|line| if is_secret { without_value(line) } else { line.clone() }),
            );
        }
        masked
    }
}

/// `+  password: ****`
fn without_value(line: &str) -> String {
    match line.split_once(": ") {
        Some((name, _)) => format!("{name}: {MASK}"),
        None => format!("{}{MASK}", line.get(..1).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diff::{Action, PropertyChange};

    fn masked(property: PropertyChange) -> PropertyChange {
        let secrets = ["geheim".to_owned(), "77".to_owned()];
        let change = Change {
            section: "Resources".to_owned(),
            name: "A".to_owned(),
            resource_type: None,
            action: Action::Modify,
            replacement: None,
            properties: vec![property],
        };
        Mask { secrets: &secrets }.apply(vec![change])[0].properties[0].clone()
    }

    fn values(before: Json, after: Json) -> (Option<Json>, Option<Json>) {
        let property = masked(PropertyChange {
            before: Some(before),
            after: Some(after),
            ..PropertyChange::default()
        });
        (property.before, property.after)
    }

    #[test]
    fn secrets_and_what_they_replace_are_hidden() {
        assert_eq!(
            values(json!("old"), json!("geheim")),
            (Some(json!("****")), Some(json!("****")))
        );
        assert_eq!(
            values(json!("old"), json!(["user:geheim", "x"])),
            (Some(json!("****")), Some(json!(["user:****", "x"])))
        );
        assert_eq!(values(json!(1), json!(77)), (Some(json!("****")), Some(json!("****"))));
        assert_eq!(
            values(json!("177"), json!("778")),
            (Some(json!("177")), Some(json!("778")))
        );
    }

    #[test]
    fn lines_of_user_data_lose_their_values() {
        let lines = |lines: &[&str]| -> Vec<String> { lines.iter().map(|line| (*line).to_owned()).collect() };
        let property = masked(PropertyChange {
            lines: lines(&[
                " a: 1",
                "-password: before",
                "+password: geheim",
                " c: 3",
                "-d: 1",
                "+d: 2",
            ]),
            ..PropertyChange::default()
        });
        assert_eq!(
            property.lines,
            lines(&[" a: 1", "-password: ****", "+password: ****", " c: 3", "-d: 1", "+d: 2"])
        );
        let property = masked(PropertyChange {
            lines: lines(&["+pin: '77'", "+geheim"]),
            ..PropertyChange::default()
        });
        assert_eq!(property.lines, lines(&["+pin: ****", "+****"]));
    }
}
