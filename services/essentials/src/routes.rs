//! What essentials answers, one file per resource.

mod resource_type;
mod resource_types;
mod scope;
mod scopes;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};
use stups_api::essentials::{RESOURCE_TYPE_ID, SCOPE_ID};
use stups_api::mint::MintClient;
use stups_api::strict::{self, Attribute, Invalid};
use stups_server::{Authenticated, Error};
use stups_store::Store;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::audit;
use crate::permissions::{Decision, Permissions};

/// What handlers work with.
pub(crate) struct Essentials {
    pub(crate) store: Store,
    pub(crate) mint: Option<MintClient>,
    pub(crate) resource_owners: BTreeSet<String>,
    pub(crate) permissions: Permissions,
}

/// As handlers get it.
type State = axum::extract::State<Arc<Essentials>>;

/// All of them.
pub(crate) fn routes(essentials: Arc<Essentials>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(resource_types::list))
        .routes(routes!(
            resource_type::read,
            resource_type::put,
            resource_type::patch,
            resource_type::delete
        ))
        .routes(routes!(scopes::list))
        .routes(routes!(scope::read, scope::put, scope::patch, scope::delete))
        .routes(routes!(scope::holders))
        .routes(routes!(scopes::all))
        .with_state(essentials)
}

impl Essentials {
    /// Refuses, with a record of it, what the caller may not write.
    async fn authorise(
        &self,
        caller: &Authenticated,
        resource_type: &str,
        action: &str,
        subject: &str,
    ) -> Result<(), Error> {
        let Decision::Refused(reason, details) = self.permissions.write(caller, resource_type).await? else {
            return Ok(());
        };
        let event = audit::refused(action, subject, caller.actor(), &reason);
        self.store.record(event).await?;
        let error = Error::forbidden(reason);
        Err(if details.is_null() {
            error
        } else {
            error.with_details(details)
        })
    }
}

/// What a write makes of what is not in its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// PUT: it becomes empty.
    Clears,
    /// PATCH: it stays.
    Stays,
}

fn resource_type_id(id: &str) -> Result<(), Error> {
    path(&RESOURCE_TYPE_ID, id)
}

fn scope_ids(resource_type: &str, scope: &str) -> Result<(), Error> {
    path(&RESOURCE_TYPE_ID, resource_type)?;
    path(&SCOPE_ID, scope)
}

fn path(parameter: &Attribute, text: &str) -> Result<(), Error> {
    strict::text("path", parameter, text)?;
    Ok(())
}

/// The attributes of a body (`what`: `scope`), checked and coerced. The text `needed` cannot be null, although its key may be there.
fn attributes(what: &str, body: &Value, schema: &[Attribute], needed: &str) -> Result<Map<String, Value>, Error> {
    let place = format!("body->{what}");
    let attributes = strict::object(&place, body, schema)?;
    if attributes.get(needed).is_some_and(Value::is_null) {
        let place = format!("{place}->{needed}");
        return Err(Invalid::new(&Value::Null, place, true, "string", "it has to have a value").into());
    }
    Ok(attributes)
}

fn no_resource_type() -> Error {
    Error::not_found("There is no such resource type.")
}

/// What to say when two requests changed the same thing at the same moment.
fn contended() -> Error {
    Error::conflict("The resource type was changed by somebody else at the same moment. Please try again.")
}
