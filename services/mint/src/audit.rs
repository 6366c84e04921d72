//! What auditors are told, in our own trail and in the originals' envelope. No secret is ever in it.

use serde_json::{Value, json};
use stups_server::audit_envelope;
use stups_store::audit::{Actor, Event, Outcome, Record};

/// Something was done by a caller.
pub(crate) fn done(action: &str, subject: &str, actor: Actor, details: Value) -> Event {
    Event {
        action: action.to_owned(),
        subject: subject.to_owned(),
        actor,
        outcome: Outcome::Success,
        details,
    }
}

/// Something was done by the worker.
pub(crate) fn by_worker(action: &str, subject: &str, details: Value) -> Event {
    done(action, subject, Actor::service(), details)
}

/// Something was refused.
pub(crate) fn refused(action: &str, subject: &str, actor: Actor, reason: &str) -> Event {
    Event {
        outcome: Outcome::Denied,
        ..done(action, subject, actor, json!({"reason": reason}))
    }
}

/// The envelope in which the originals tell an audit service of an event: `mint-application-configured`.
pub fn envelope(record: &Record) -> Value {
    let event = &record.event;
    let refused = if event.outcome == Outcome::Denied {
        "-denied"
    } else {
        ""
    };
    let name = format!("mint-{}{refused}", event.action.replace(['.', '_'], "-"));
    let payload = json!({"application_id": event.subject, "details": event.details});
    audit_envelope(record, &name, "1", &payload)
}
