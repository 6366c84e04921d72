//! What auditors are told, in our own trail and in the originals' envelope (contract kio 2.10).

use serde_json::{Map, Value, json};
use stups_api::kio::Application;
use stups_server::audit_envelope;
use stups_store::audit::{Actor, Event, Outcome, Record};

use crate::model::application::Model;

/// An application was registered or changed. The details are what is stored now, and what each changed attribute was before.
pub(crate) fn application_written(actor: Actor, stored: Option<&Model>, written: &Model) -> Event {
    let now = attributes(written);
    let mut details = Map::new();
    if let Some(stored) = stored {
        let before = attributes(stored);
        let changed: Map<String, Value> = before
            .into_iter()
            .filter(|(name, value)| now.get(name) != Some(value))
            .collect();
        details.insert("before".to_owned(), changed.into());
    }
    details.insert("application".to_owned(), now.into());
    let action = if stored.is_some() {
        "application.modified"
    } else {
        "application.created"
    };
    event(action, &written.id, actor, details.into())
}

/// A version was registered or changed, and its approvals are gone.
pub(crate) fn version_written(actor: Actor, application: &str, version: &str, details: &Value, created: bool) -> Event {
    let action = if created { "version.created" } else { "version.modified" };
    event(
        action,
        application,
        actor,
        json!({"version": version, "content": details}),
    )
}

/// A version was approved.
pub(crate) fn approved(actor: Actor, application: &str, version: &str, details: &Value) -> Event {
    event(
        "version.approved",
        application,
        actor,
        json!({"version": version, "content": details}),
    )
}

/// Something was refused.
pub(crate) fn refused(action: &str, application: &str, actor: Actor, reason: &str) -> Event {
    Event {
        outcome: Outcome::Denied,
        ..event(action, application, actor, json!({"reason": reason}))
    }
}

fn event(action: &str, subject: &str, actor: Actor, details: Value) -> Event {
    Event {
        action: action.to_owned(),
        subject: subject.to_owned(),
        actor,
        outcome: Outcome::Success,
        details,
    }
}

fn attributes(model: &Model) -> Map<String, Value> {
    match serde_json::to_value(Application::from(model.clone())) {
        Ok(Value::Object(attributes)) => attributes,
        // An application has texts and numbers only.
        _ => Map::new(),
    }
}

/// The envelope in which the originals sent events to an audit service; its SHA-256 in hexadecimal is the key under which it is
/// sent, so it is the same for the same record however often it is made.
///
/// A written application is told as the originals told it: `application-modified` in version 3, attributes without nulls under
/// the names `repo_url`, `app_url` and `owner`, with the `last_modified` of before. Versions, approvals and refusals, which the
/// originals did not tell, have names of the same kind.
pub fn envelope(record: &Record) -> Value {
    let event = &record.event;
    let is_application = event.outcome == Outcome::Success && event.action.starts_with("application.");
    let (name, version, payload) = if is_application {
        (
            "application-modified".to_owned(),
            "3",
            json!({"application": old_shape(&event.details)}),
        )
    } else {
        let refused = if event.outcome == Outcome::Denied {
            "-denied"
        } else {
            ""
        };
        let name = format!("{}{refused}", event.action.replace('.', "-"));
        (
            name,
            "1",
            json!({"application_id": event.subject, "details": event.details}),
        )
    };
    audit_envelope(record, &name, version, &payload)
}

fn old_shape(details: &Value) -> Value {
    let attributes = details
        .get("application")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let before = details.get("before");
    let renamed = attributes.into_iter().filter_map(|(name, value)| {
        let value = match name.as_str() {
            "last_modified" => before?.get("last_modified").cloned().unwrap_or(value),
            "created" => before.map(|_| value)?,
            _ => value,
        };
        let name = match name.as_str() {
            "scm_url" => "repo_url",
            "service_url" => "app_url",
            "team_id" => "owner",
            name => name,
        };
        (!value.is_null()).then(|| (name.to_owned(), value))
    });
    Value::Object(renamed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::merge::blank;

    fn actor() -> Actor {
        Actor {
            realm: "/employees".to_owned(),
            uid: "jdoe".to_owned(),
            client_id: None,
            address: None,
            request_id: None,
        }
    }

    fn record(event: Event) -> Record {
        Record {
            sequence: 1,
            service: "kio".to_owned(),
            recorded_at: 1_500_000_000_120,
            event,
            previous: Record::NO_PREVIOUS.to_owned(),
            hash: String::new(),
        }
    }

    fn written() -> Model {
        Model {
            team_id: "stups".to_owned(),
            name: "Kio".to_owned(),
            scm_url: Some("https://github.com/stups/kio".to_owned()),
            service_url: Some("https://kio.example.org".to_owned()),
            last_modified_at: 1_500_000_000_000,
            ..blank("kio", "jdoe", 1_400_000_000_000)
        }
    }

    #[test]
    fn a_new_application_is_told_as_the_originals_told_it() {
        let envelope = envelope(&record(application_written(actor(), None, &written())));
        assert_eq!(
            envelope,
            json!({
                "event_type": {"namespace": "cloud.zalando.com", "name": "application-modified", "version": "3"},
                "triggered_at": "2017-07-14T02:40:00.120Z",
                "triggered_by": {"type": "USER", "id": "jdoe", "additional": {"realm": "/employees"}},
                "payload": {"application": {
                    "id": "kio",
                    "owner": "stups",
                    "active": true,
                    "name": "Kio",
                    "app_url": "https://kio.example.org",
                    "repo_url": "https://github.com/stups/kio",
                    "publicly_accessible": false,
                    "created_by": "jdoe",
                    "last_modified_by": "jdoe",
                }},
            })
        );
    }

    #[test]
    fn a_changed_application_has_the_time_of_the_change_before() {
        let stored = Model {
            team_id: "old".to_owned(),
            last_modified_at: 1_450_000_000_000,
            ..written()
        };
        let event = application_written(actor(), Some(&stored), &written());
        assert_eq!(
            event.details["before"],
            json!({"team_id": "old", "last_modified": "2015-12-13T09:46:40.000Z"})
        );
        let application = &envelope(&record(event))["payload"]["application"];
        assert_eq!(application["last_modified"], "2015-12-13T09:46:40.000Z");
        assert_eq!(application["created"], "2014-05-13T16:53:20.000Z");
        assert_eq!(application["owner"], "stups");
    }

    #[test]
    fn what_the_originals_did_not_tell_has_a_name_of_its_own() {
        let refused = envelope(&record(refused("application.modified", "kio", actor(), "Unauthorized")));
        assert_eq!(refused["event_type"]["name"], "application-modified-denied");
        let approved = envelope(&record(approved(
            actor(),
            "kio",
            "1.0",
            &json!({"approval_type": "TEST"}),
        )));
        assert_eq!(approved["event_type"]["name"], "version-approved");
        assert_eq!(approved["payload"]["details"]["version"], "1.0");
    }
}
