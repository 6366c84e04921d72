//! What a write makes of a stored application (contract kio 2.7).

use serde_json::{Map, Value};
use stups_api::strict::Invalid;

use super::application::Model;

/// What a null value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Null {
    /// PUT: the attribute stays as it is.
    Keeps,
    /// PATCH: the attribute is cleared.
    Clears,
}

/// An application that is not stored yet.
pub(crate) fn blank(id: &str, uid: &str, now: i64) -> Model {
    Model {
        id: id.to_owned(),
        team_id: String::new(),
        active: true,
        name: String::new(),
        incident_contact: None,
        subtitle: None,
        description: None,
        service_url: None,
        scm_url: None,
        documentation_url: None,
        specification_url: None,
        support_url: None,
        specification_type: None,
        criticality_level: None,
        publicly_accessible: false,
        created_at: now,
        created_by: uid.to_owned(),
        last_modified_at: now,
        last_modified_by: uid.to_owned(),
        revision: 0,
    }
}

/// The stored application with the submitted attributes over it; `changes` have passed [`stups_api::kio::APPLICATION`].
///
/// An attribute that cannot be cleared, and a new URL that is none, are refused. A stored URL may stay what it is.
pub(crate) fn merge(stored: &Model, changes: &Map<String, Value>, null: Null) -> Result<Model, Invalid> {
    let mut merged = stored.clone();
    for (name, value) in changes {
        if value.is_null() && null == Null::Keeps {
            continue;
        }
        set(&mut merged, name, value)?;
    }
    check_urls(stored, &merged)?;
    Ok(merged)
}

fn set(model: &mut Model, name: &str, value: &Value) -> Result<(), Invalid> {
    let text = || value.as_str().map(str::to_owned);
    let needs_a_value = |kind| {
        Invalid::new(
            value,
            format!("body->application->{name}"),
            true,
            kind,
            "it has to have a value",
        )
    };
    match name {
        "team_id" => model.team_id = text().ok_or_else(|| needs_a_value("string"))?,
        "active" => model.active = value.as_bool().ok_or_else(|| needs_a_value("boolean"))?,
        "name" => model.name = text().ok_or_else(|| needs_a_value("string"))?,
        "incident_contact" => model.incident_contact = text(),
        "subtitle" => model.subtitle = text(),
        "description" => model.description = text(),
        "service_url" => model.service_url = text(),
        "scm_url" => model.scm_url = text(),
        "documentation_url" => model.documentation_url = text(),
        "specification_url" => model.specification_url = text(),
        "support_url" => model.support_url = text(),
        "specification_type" => model.specification_type = text(),
        "criticality_level" => model.criticality_level = value.as_i64().and_then(|level| i16::try_from(level).ok()),
        "publicly_accessible" => model.publicly_accessible = value.as_bool().unwrap_or(false),
        // `required_approvers` is computed: clients send back what they got.
        _ => {}
    }
    Ok(())
}

/// A URL and who takes it for one.
type UrlField = (&'static str, fn(&Model) -> Option<&str>, fn(&str) -> bool, &'static str);

const URLS: [UrlField; 5] = [
    (
        "service_url",
        |model| model.service_url.as_deref(),
        is_web_url,
        "http or https URL",
    ),
    (
        "scm_url",
        |model| model.scm_url.as_deref(),
        is_source_url,
        "http, https or ssh URL, nor user@host:path",
    ),
    (
        "documentation_url",
        |model| model.documentation_url.as_deref(),
        is_web_url,
        "http or https URL",
    ),
    (
        "specification_url",
        |model| model.specification_url.as_deref(),
        is_web_url,
        "http or https URL",
    ),
    (
        "support_url",
        |model| model.support_url.as_deref(),
        |text| is_web_url(text) || is_mail_address(text),
        "http or https URL, nor a mail address",
    ),
];

/// Consoles make links of these: a `javascript:` URL would run in the browser of whoever clicks it. An empty text is no link.
fn check_urls(stored: &Model, merged: &Model) -> Result<(), Invalid> {
    for (name, field, is_url, rule) in URLS {
        let Some(url) = field(merged).filter(|url| !url.is_empty()) else {
            continue;
        };
        if field(stored) != Some(url) && !is_url(url) {
            let place = format!("body->application->{name}");
            return Err(Invalid::new(
                &url.into(),
                place,
                false,
                "string",
                format!("it is no {rule}"),
            ));
        }
    }
    Ok(())
}

fn is_web_url(text: &str) -> bool {
    let is_url = |url: url::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    // The parser mends what browsers mend: `http:example.org`, blanks and line ends. A link should not need that.
    text.contains("://") && is_one_word(text) && text.parse().is_ok_and(is_url)
}

/// `git@github.com:stups/kio.git`, `ssh://git@...`: what people clone from.
fn is_source_url(text: &str) -> bool {
    let is_ssh = ["ssh://", "git://"].iter().any(|scheme| text.starts_with(scheme));
    let is_short = text.split_once('@').is_some_and(|(user, rest)| {
        !user.is_empty()
            && user
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            && rest
                .split_once(':')
                .is_some_and(|(host, path)| !host.is_empty() && !path.is_empty())
    });
    is_web_url(text) || ((is_ssh || is_short) && is_one_word(text))
}

fn is_mail_address(text: &str) -> bool {
    let address = text.strip_prefix("mailto:").unwrap_or(text);
    address.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !local.contains([':', '/', '<', '>', '"'])
    }) && is_one_word(text)
}

fn is_one_word(text: &str) -> bool {
    !text.contains(|character: char| character.is_whitespace() || character.is_control())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored() -> Model {
        Model {
            team_id: "stups".to_owned(),
            name: "Kio".to_owned(),
            incident_contact: Some("sre".to_owned()),
            criticality_level: Some(2),
            service_url: Some("old and not valid".to_owned()),
            ..blank("kio", "jdoe", 1)
        }
    }

    fn merged(changes: Value, null: Null) -> Result<Model, String> {
        let Value::Object(changes) = changes else {
            unreachable!("the tests pass objects")
        };
        merge(&stored(), &changes, null).map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn null_never_overwrites_in_a_put() {
        let nulls = json!({"team_id": null, "active": null, "name": null, "incident_contact": null, "criticality_level": null,
            "publicly_accessible": null, "required_approvers": null});
        assert_eq!(merged(nulls, Null::Keeps), Ok(stored()));
    }

    #[test]
    fn null_clears_in_a_patch_what_can_be_cleared() {
        let cleared = merged(
            json!({"incident_contact": null, "criticality_level": null}),
            Null::Clears,
        )
        .unwrap();
        assert_eq!((cleared.incident_contact, cleared.criticality_level), (None, None));
        assert_eq!(cleared.name, "Kio");
        for name in ["team_id", "active", "name"] {
            let error = merged(json!({name: null}), Null::Clears).unwrap_err();
            assert!(error.contains(&format!("null in body->application->{name}")), "{error}");
        }
    }

    #[test]
    fn booleans_overwrite_in_both_directions() {
        for value in [true, false] {
            let merged = merged(json!({"active": value, "publicly_accessible": value}), Null::Keeps).unwrap();
            assert_eq!((merged.active, merged.publicly_accessible), (value, value));
        }
    }

    #[test]
    fn an_update_of_some_attributes_keeps_the_others() {
        let merged = merged(json!({"subtitle": "s", "active": false}), Null::Keeps).unwrap();
        let expected = Model {
            subtitle: Some("s".to_owned()),
            active: false,
            ..stored()
        };
        assert_eq!(merged, expected);
    }

    #[test]
    fn new_urls_are_checked_and_stored_ones_are_not() {
        for (field, url) in [
            ("service_url", "https://kio.example.org/"),
            ("service_url", "HTTP://localhost:8080/x?y=z#f"),
            ("service_url", "old and not valid"),
            ("service_url", "https://käse.example.org/ü"),
            ("service_url", ""),
            ("scm_url", "git@github.com:stups/kio.git"),
            ("scm_url", "ssh://git@github.com/stups/kio.git"),
            ("scm_url", "https://github.com/stups/kio"),
            ("support_url", "help@example.org"),
            ("support_url", "https://help.example.org"),
        ] {
            assert!(merged(json!({field: url}), Null::Keeps).is_ok(), "{field} {url}");
        }
        for (field, url) in [
            ("service_url", "javascript:alert(1)"),
            ("service_url", "http//x"),
            ("service_url", "https://"),
            ("service_url", "https://a b"),
            ("service_url", "help@example.org"),
            ("scm_url", "javascript:alert(1)"),
            ("scm_url", "javascript:x@y:z"),
            ("documentation_url", "ftp://x"),
            ("specification_url", "data:text/html,x"),
            ("support_url", "javascript:a@b"),
            ("support_url", "help"),
        ] {
            let error = merged(json!({field: url}), Null::Keeps).unwrap_err();
            assert!(
                error.contains(&format!("in body->application->{field} (not required)")),
                "{error}"
            );
        }
    }
}
