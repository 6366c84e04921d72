//! What the provider tells its auditors: who got or was refused what. Never a token, a code or a password.

use serde_json::{Value, json};
use stups_server::{Origin, audit_envelope};
use stups_store::audit::{Event, Outcome, Record};

use crate::issue::{AccessToken, Grant};

/// An access token was issued.
pub fn issued(origin: &Origin, grant_type: &str, grant: &Grant<'_>, token: &AccessToken) -> Event {
    let mut actor = origin.actor(grant.realm, grant.uid);
    actor.client_id = Some(grant.client.id.clone());
    Event {
        action: "token.issued".to_owned(),
        subject: format!("{}/{}", grant.realm, grant.uid),
        actor,
        outcome: Outcome::Success,
        details: json!({
            "grant_type": grant_type,
            "client_id": grant.client.id,
            "scopes": grant.scopes,
            "jti": token.jti,
            "expires_in": token.expires_in,
        }),
    }
}

/// Something was refused: a wrong password, a code or refresh token that was used before.
pub fn refused(origin: &Origin, action: &str, realm: &str, uid: &str, client_id: &str, reason: &str) -> Event {
    let mut actor = origin.actor(realm, uid);
    actor.client_id = Some(client_id.to_owned());
    Event {
        action: action.to_owned(),
        subject: format!("{realm}/{uid}"),
        actor,
        outcome: Outcome::Denied,
        details: json!({ "reason": reason }),
    }
}

/// The user did something themself: logged in, agreed, logged out.
pub fn by_user(origin: &Origin, action: &str, realm: &str, uid: &str, details: Value) -> Event {
    Event {
        action: action.to_owned(),
        subject: format!("{realm}/{uid}"),
        actor: origin.actor(realm, uid),
        outcome: Outcome::Success,
        details,
    }
}

/// The service did something by itself.
pub fn by_service(action: &str, subject: &str, details: Value) -> Event {
    Event {
        action: action.to_owned(),
        subject: subject.to_owned(),
        actor: stups_store::audit::Actor {
            realm: String::new(),
            uid: String::new(),
            client_id: None,
            address: None,
            request_id: None,
        },
        outcome: Outcome::Success,
        details,
    }
}

/// The record as the originals' audit service takes it. The originals told nothing of logins and tokens: the names are of the same
/// kind as those that they had.
pub fn envelope(record: &Record) -> Value {
    let event = &record.event;
    let refused = if event.outcome == Outcome::Denied {
        "-denied"
    } else {
        ""
    };
    let name = format!("identity-{}{refused}", event.action.replace(['.', '_'], "-"));
    let payload = json!({"subject": event.subject, "client_id": event.actor.client_id, "details": event.details});
    audit_envelope(record, &name, "1", &payload)
}

#[cfg(test)]
mod tests {
    use stups_store::audit::Actor;

    use super::*;

    #[test]
    fn a_refused_login_in_the_originals_envelope() {
        let actor = Actor {
            realm: "/employees".to_owned(),
            uid: "jdoe".to_owned(),
            client_id: Some("zign".to_owned()),
            ..Actor::service()
        };
        let record = Record {
            sequence: 1,
            service: "identity".to_owned(),
            recorded_at: 1_500_000_000_120,
            event: Event {
                action: "login.failed".to_owned(),
                subject: "/employees/jdoe".to_owned(),
                actor,
                outcome: Outcome::Denied,
                details: json!({"reason": "wrong password"}),
            },
            previous: Record::NO_PREVIOUS.to_owned(),
            hash: String::new(),
        };
        assert_eq!(
            envelope(&record),
            json!({
                "event_type": {"namespace": "cloud.zalando.com", "name": "identity-login-failed-denied", "version": "1"},
                "triggered_at": "2017-07-14T02:40:00.120Z",
                "triggered_by": {"type": "USER", "id": "jdoe", "additional": {"realm": "/employees"}},
                "payload": {"subject": "/employees/jdoe", "client_id": "zign", "details": {"reason": "wrong password"}},
            })
        );
    }
}
