//! Writing what belongs to an application: its versions and their approvals.

use serde_json::{Map, Value};
use stups_api::strict::Invalid;
use stups_server::Error;
use stups_store::Write;

use super::{Kio, contended};
use crate::model::application::Model;
use crate::model::store;

/// The application that something belongs to: its team decides who may write it.
pub(super) async fn application(kio: &Kio, id: &str) -> Result<Model, Error> {
    let seen = store::application(kio.store.connection(), id).await?;
    seen.ok_or_else(|| Error::not_found("application not found"))
}

/// Begins a write in which nobody else changes the application, or what belongs to it, until it ends. Refused with 409 when
/// the application is another team's than the one that was asked for permission.
pub(super) async fn begin(kio: &Kio, seen: &Model) -> Result<Write, Error> {
    let write = kio.store.write().await?;
    let locked = store::locked_application(kio.store.dialect(), write.transaction(), &seen.id).await?;
    if locked.is_none_or(|locked| locked.team_id != seen.team_id) {
        return Err(contended());
    }
    Ok(write)
}

/// A text of a body, if it is there and not null.
pub(super) fn text(attributes: &Map<String, Value>, name: &str) -> Option<String> {
    attributes.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// A text that what is written (`what`: `version`) cannot be without. Null is refused too, although its key is there.
pub(super) fn required(attributes: &Map<String, Value>, what: &str, name: &str, reason: &str) -> Result<String, Error> {
    text(attributes, name)
        .ok_or_else(|| Invalid::new(&Value::Null, format!("body->{what}->{name}"), true, "string", reason).into())
}
