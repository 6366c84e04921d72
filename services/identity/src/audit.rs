//! What the provider tells its auditors: who got or was refused what. Never a token, a code or a password.

use serde_json::{Value, json};
use stups_server::Origin;
use stups_store::audit::{Event, Outcome};

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
