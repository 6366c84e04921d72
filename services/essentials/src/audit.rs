//! What auditors are told, in our own trail and in the originals' envelope (contract essentials 2.8).

use serde::Serialize;
use serde_json::{Value, json};
use stups_server::audit_envelope;
use stups_store::audit::{Actor, Event, Outcome, Record};

/// Something was written or deleted: what it is now, and what it was before.
pub(crate) fn written(
    action: &str,
    subject: &str,
    actor: Actor,
    before: Option<&impl Serialize>,
    now: Option<&impl Serialize>,
) -> Event {
    event(action, subject, actor, json!({"before": before, "now": now}))
}

/// Something was refused.
pub(crate) fn refused(action: &str, subject: &str, actor: Actor, reason: &str) -> Event {
    Event {
        outcome: Outcome::Denied,
        ..event(action, subject, actor, json!({"reason": reason}))
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

/// The envelope in which the originals tell an audit service of an event: `resource-type-modified`, `scope-deleted`. The original
/// told nobody.
pub fn envelope(record: &Record) -> Value {
    let event = &record.event;
    let refused = if event.outcome == Outcome::Denied {
        "-denied"
    } else {
        ""
    };
    let name = format!("{}{refused}", event.action.replace(['.', '_'], "-"));
    let payload = json!({"id": event.subject, "details": event.details});
    audit_envelope(record, &name, "1", &payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_have_the_names_of_what_was_done() {
        let actor = Actor {
            realm: "/employees".to_owned(),
            uid: "jdoe".to_owned(),
            client_id: None,
            address: None,
            request_id: None,
        };
        let now = json!({"name": "Sales Order"});
        for (event, name) in [
            (
                written(
                    "resource_type.modified",
                    "sales_order",
                    actor.clone(),
                    None::<&Value>,
                    Some(&now),
                ),
                "resource-type-modified",
            ),
            (
                written(
                    "scope.deleted",
                    "sales_order.read",
                    actor.clone(),
                    Some(&now),
                    None::<&Value>,
                ),
                "scope-deleted",
            ),
            (
                refused("scope.modified", "sales_order.read", actor, "Unauthorized"),
                "scope-modified-denied",
            ),
        ] {
            let record = Record {
                sequence: 1,
                service: "essentials".to_owned(),
                recorded_at: 1_500_000_000_120,
                event,
                previous: Record::NO_PREVIOUS.to_owned(),
                hash: String::new(),
            };
            let envelope = envelope(&record);
            assert_eq!(envelope["event_type"]["name"], name);
            assert_eq!(envelope["triggered_by"]["id"], "jdoe");
        }
    }
}
