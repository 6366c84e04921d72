//! Writing an application: authorise, merge, write, record (contract kio 2.7).

use serde_json::{Map, Value};
use stups_api::Timestamp;
use stups_server::{Authenticated, Error, Preconditions};

use crate::audit;
use crate::model::application::Model;
use crate::model::merge::{Null, blank, merge};
use crate::model::store;
use crate::routes::{Kio, contended, not_found};
use crate::search;

/// What is to be written.
pub(crate) struct Change {
    pub(crate) id: String,
    /// Checked against the schema.
    pub(crate) attributes: Map<String, Value>,
    /// PUT or PATCH. Only a PUT registers what is not there yet.
    pub(crate) null: Null,
    pub(crate) preconditions: Preconditions,
}

/// So often somebody else may be faster.
const ATTEMPTS: usize = 5;

/// Writes the change and its audit record, and returns what is stored now.
///
/// Permissions are asked for before the write begins, for they may take a while; if the owner is another one when the
/// application is locked, everything is asked anew. So of two who register the same application at the same moment, the second
/// one changes what the first one has registered, if the first one's team lets him.
pub(crate) async fn write_application(kio: &Kio, caller: &Authenticated, change: &Change) -> Result<Model, Error> {
    for _ in 0..ATTEMPTS {
        let seen = store::application(kio.store.connection(), &change.id).await?;
        if seen.is_none() && change.null == Null::Clears {
            return Err(not_found());
        }
        authorise(kio, caller, change, seen.as_ref()).await?;
        if let Some(written) = write(kio, caller, change, seen.as_ref()).await? {
            return Ok(written);
        }
    }
    Err(contended())
}

/// The stored team decides about an update, the submitted one about a new application. A team that is new to it has to exist.
async fn authorise(kio: &Kio, caller: &Authenticated, change: &Change, seen: Option<&Model>) -> Result<(), Error> {
    let submitted = change.attributes.get("team_id").and_then(Value::as_str);
    let team = seen
        .map_or(submitted, |seen| Some(seen.team_id.as_str()))
        .unwrap_or_default();
    let action = if seen.is_some() {
        "application.modified"
    } else {
        "application.created"
    };
    let decision = kio.permissions.write(caller, team).await?;
    kio.enforce(decision, action, &change.id, caller).await?;

    let unchanged = seen.is_some_and(|seen| submitted.is_none_or(|team| team == seen.team_id));
    if !unchanged
        && !kio
            .permissions
            .team_exists(caller, submitted.unwrap_or_default())
            .await?
    {
        return Err(Error::bad_request(format!(
            "Team {} does not exist.",
            submitted.unwrap_or_default()
        )));
    }
    Ok(())
}

/// Nothing if the application is not what it was when permission was asked for.
async fn write(
    kio: &Kio,
    caller: &Authenticated,
    change: &Change,
    seen: Option<&Model>,
) -> Result<Option<Model>, Error> {
    let write = kio.store.write().await?;
    let (dialect, transaction) = (kio.store.dialect(), write.transaction());
    let stored = store::locked_application(dialect, transaction, &change.id).await?;
    if stored.as_ref().map(|stored| &stored.team_id) != seen.map(|seen| &seen.team_id) {
        return Ok(None);
    }
    change
        .preconditions
        .check("application", stored.as_ref().map(|stored| stored.revision))?;

    let now = Timestamp::now().0;
    let base = stored.clone().unwrap_or_else(|| blank(&change.id, &caller.uid, now));
    // What a new application has to have cannot be null.
    let null = if stored.is_some() { change.null } else { Null::Clears };
    let merged = merge(&base, &change.attributes, null)?;
    let written = Model {
        last_modified_at: now,
        last_modified_by: caller.uid.clone(),
        revision: base.revision + 1,
        ..merged
    };
    if stored.is_some() {
        store::update_application(transaction, &written).await?;
    } else if !store::insert_application(transaction, &written).await? {
        return Ok(None);
    }
    search::index(dialect, transaction, stored.as_ref(), &written).await?;
    let event = audit::application_written(caller.actor(), stored.as_ref(), &written);
    write.commit(event).await?;
    Ok(Some(written))
}
