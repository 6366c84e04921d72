//! The audit trail: who, when, what, from where, and with which outcome, in a chain of hashes per service.

mod canonical;
mod chain;
mod migration;
mod page;
mod ship;
mod sink;
mod table;
mod verify;

use serde::{Deserialize, Serialize};

pub(crate) use chain::{append, append_if_changed, append_with, broken};
pub(crate) use migration::Migration;
pub use page::{Filter, page};
pub use ship::{Shipment, Shipper, ShippingError};
pub use sink::{Destination, Format, TokenSource};
pub use verify::{Broken, Chain, Flaw, verify};

/// What happened, as the service tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)] // what is not in the hash must not be in the record
pub struct Event {
    /// What was done, as `resource.verb`: `application.modified`, `token.issued`, `password.added`.
    pub action: String,
    /// What it was done to: an application's id, a user's `realm/uid`.
    pub subject: String,
    /// Who did it.
    pub actor: Actor,
    /// Whether it was done or refused.
    pub outcome: Outcome,
    /// What else an auditor needs: the changed fields, the reason of a refusal. Never a secret. Numbers with a fraction are
    /// kept as strings: not every JSON reader returns them as they were written, and the hash depends on each digit.
    pub details: serde_json::Value,
}

/// Who acted, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// With a leading slash, as in tokens: `/employees`. Empty for the service itself.
    pub realm: String,
    /// The user name within the realm.
    pub uid: String,
    /// The OAuth client that the caller used, when it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The caller's network address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The id of the request, as in the access log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused: permissions, a wrong password.
    Denied,
}

/// A link of the chain: an event with its place in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// From 1, without a gap.
    pub sequence: i64,
    /// The service whose chain this is.
    pub service: String,
    /// When it was recorded: milliseconds since 1970 UTC.
    pub recorded_at: i64,
    /// What happened.
    pub event: Event,
    /// The hash of the record before; 64 zeros for the first.
    pub previous: String,
    /// SHA-256 in hexadecimal over this record's other fields as canonical JSON (RFC 8785).
    pub hash: String,
}

impl Record {
    /// What the hash of the first record's predecessor would be.
    pub const NO_PREVIOUS: &'static str = "0000000000000000000000000000000000000000000000000000000000000000";
}

impl Actor {
    /// The service itself: a background job, a command of its operator.
    pub fn service() -> Self {
        Self {
            realm: String::new(),
            uid: String::new(),
            client_id: None,
            address: None,
            request_id: None,
        }
    }

    /// `/employees/jdoe`
    pub fn name(&self) -> String {
        format!("{}/{}", self.realm, self.uid)
    }
}
