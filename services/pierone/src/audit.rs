//! What auditors are told, in our own trail and in the originals' envelope (contract pierone 2.13, 5.6).

use serde_json::{Value, json};
use stups_server::audit_envelope;
use stups_store::audit::{Actor, Event, Outcome, Record};

use crate::names::Repository;

/// A new tag.
pub(crate) const UPLOADED: &str = "tag.uploaded";
/// A tag that points to something else now.
pub(crate) const UPDATED: &str = "tag.updated";

/// A tag that stays what it is.
const DENIED: &str = "tag.denied";

/// A tag that was taken over: what happened to it elsewhere is no news to an audit service.
pub(crate) const IMPORTED: &str = "tag.imported";

/// What happened to a tag.
pub(crate) fn tag(action: &str, actor: Actor, repository: &Repository, tag: &str, mut details: Value) -> Event {
    if let Value::Object(members) = &mut details {
        members.insert("team".to_owned(), repository.team().into());
        members.insert("artifact".to_owned(), repository.artifact().into());
        members.insert("tag".to_owned(), tag.into());
    }
    event(action, &format!("{repository}:{tag}"), actor, details)
}

/// A tag was not changed, because a rule says so.
pub(crate) fn tag_denied(actor: Actor, repository: &Repository, name: &str, digest: &str, rule: &str) -> Event {
    Event {
        outcome: Outcome::Denied,
        ..tag(DENIED, actor, repository, name, json!({"digest": digest, "rule": rule}))
    }
}

/// What happened to content.
pub(crate) fn content(action: &str, actor: Actor, repository: &Repository, digest: &str, details: Value) -> Event {
    event(action, &format!("{repository}@{digest}"), actor, details)
}

/// A caller was refused.
pub(crate) fn refused(action: &str, actor: Actor, subject: &str, reason: &str) -> Event {
    Event {
        outcome: Outcome::Denied,
        ..event(action, subject, actor, json!({"reason": reason}))
    }
}

pub(crate) fn event(action: &str, subject: &str, actor: Actor, details: Value) -> Event {
    Event {
        action: action.to_owned(),
        subject: subject.to_owned(),
        actor,
        outcome: Outcome::Success,
        details,
    }
}

/// The envelope in which the original sent events to an audit service. New tags are told as the original told them, with digest and
/// media type beside; what it did not tell has a name of the same kind. Content without a name is not told. What somebody was not
/// allowed to do has `-denied` behind its name: without, the names say that it was done.
pub fn envelope(registry: Option<&str>, record: &Record) -> Option<Value> {
    let event = &record.event;
    let details = &event.details;
    let name = match event.action.as_str() {
        UPLOADED => "docker-tag-uploaded",
        UPDATED => "docker-tag-updated",
        DENIED => "docker-tag-denied",
        "tag.deactivated" => "docker-tag-deactivated",
        "tag.activated" => "docker-tag-activated",
        "image.production_ready" => "docker-image-production-ready",
        "image.approved" => "docker-image-approved",
        "image.purged" => "docker-image-purged",
        "policy.changed" => "registry-policy-changed",
        _ => return None,
    };
    let payload = if event.action == UPLOADED || event.action == UPDATED {
        let mut tag = json!({
            "team": details["team"], "artifact": details["artifact"], "tag": details["tag"], "repository": registry,
            "digest": details["digest"], "media_type": details["media_type"],
        });
        if let Some(previous) = details.get("previous_digest") {
            tag["previous_digest"] = previous.clone();
        }
        let mut payload = json!({"tag": tag});
        if let Some(source) = details.get("scm_source").filter(|source| source.is_object()) {
            payload["scm_source"] = source.clone();
        }
        payload
    } else {
        json!({"subject": event.subject, "repository": registry, "details": details})
    };
    let refused = event.outcome == Outcome::Denied && event.action != DENIED;
    let name = if refused {
        format!("{name}-denied")
    } else {
        name.to_owned()
    };
    Some(audit_envelope(record, &name, "1", &payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(event: Event) -> Record {
        Record {
            sequence: 1,
            service: "pierone".to_owned(),
            recorded_at: 1_500_000_000_120,
            event,
            previous: Record::NO_PREVIOUS.to_owned(),
            hash: String::new(),
        }
    }

    fn actor() -> Actor {
        Actor {
            realm: "/employees".to_owned(),
            uid: "jdoe".to_owned(),
            ..Actor::service()
        }
    }

    #[test]
    fn a_new_tag_is_told_as_the_original_told_it() {
        let repository = Repository::parse("stups/kio").unwrap();
        let source = json!({"url": "git:x", "revision": "1", "author": "jdoe", "status": "", "created": "2017-07-14T02:40:00.120Z"});
        let details = json!({"digest": "sha256:1", "media_type": "m", "scm_source": source});
        let told = envelope(
            Some("pierone.example.org"),
            &record(tag(UPLOADED, actor(), &repository, "1.0", details)),
        );
        assert_eq!(
            told.unwrap(),
            json!({
                "event_type": {"namespace": "cloud.zalando.com", "name": "docker-tag-uploaded", "version": "1"},
                "triggered_at": "2017-07-14T02:40:00.120Z",
                "triggered_by": {"type": "USER", "id": "jdoe", "additional": {"realm": "/employees"}},
                "payload": {
                    "tag": {"team": "stups", "artifact": "kio", "tag": "1.0", "repository": "pierone.example.org",
                            "digest": "sha256:1", "media_type": "m"},
                    "scm_source": source,
                },
            })
        );
    }

    #[test]
    fn what_the_original_did_not_tell_has_a_name_of_its_own_or_is_not_told() {
        let repository = Repository::parse("stups/kio").unwrap();
        let denied = envelope(
            None,
            &record(tag_denied(actor(), &repository, "1.0", "sha256:1", "immutable")),
        );
        assert_eq!(denied.unwrap()["event_type"]["name"], "docker-tag-denied");
        let attempt = refused("image.approved", actor(), "stups/kio:1.0", "not of the team");
        let told = envelope(None, &record(attempt)).unwrap();
        assert_eq!(told["event_type"]["name"], "docker-image-approved-denied");
        let blob = content("blob.pushed", actor(), &repository, "sha256:1", json!({}));
        assert_eq!(envelope(None, &record(blob)), None);
    }
}
