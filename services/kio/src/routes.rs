//! What Kio answers, one file per resource.

mod app;
mod approvals;
mod apps;
mod history;
mod owned;
mod query;
mod versions;

use std::sync::Arc;

use serde_json::Value;
use stups_api::kio::{APPLICATION_ID, VERSION_ID};
use stups_api::strict::{self, Attribute};
use stups_server::{Authenticated, Coalesced, Error};
use stups_store::Store;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::apps::List;
use self::query::Parameters;
use crate::audit;
use crate::model::reader::Reader;
use crate::permissions::{Decision, Permissions};

pub(crate) use app::not_found;

/// What handlers work with.
pub(crate) struct Kio {
    pub(crate) store: Store,
    pub(crate) reader: Reader,
    pub(crate) lists: Coalesced<Parameters, Arc<List>>,
    pub(crate) permissions: Permissions,
}

/// As handlers get it.
type State = axum::extract::State<Arc<Kio>>;

/// All of them.
pub(crate) fn routes(kio: Arc<Kio>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(apps::list))
        .routes(routes!(app::read, app::put, app::patch))
        .routes(routes!(history::list))
        .routes(routes!(approvals::types))
        .routes(routes!(versions::list))
        .routes(routes!(versions::read, versions::put))
        .routes(routes!(approvals::list, approvals::create))
        .with_state(kio)
}

impl Kio {
    /// Refuses what was not allowed, with a record of it.
    pub(crate) async fn enforce(
        &self,
        decision: Decision,
        action: &str,
        application: &str,
        caller: &Authenticated,
    ) -> Result<(), Error> {
        let Decision::Refused(reason) = decision else {
            return Ok(());
        };
        self.store
            .record(audit::refused(action, application, caller.actor(), &reason))
            .await?;
        Err(Error::forbidden(reason))
    }
}

fn application_id(id: &str) -> Result<(), Error> {
    path(&APPLICATION_ID, id)
}

fn version_id(id: &str) -> Result<(), Error> {
    path(&VERSION_ID, id)
}

fn path(parameter: &Attribute, text: &str) -> Result<(), Error> {
    strict::text("path", parameter, text)?;
    Ok(())
}

/// The attributes of a body, checked and coerced.
fn attributes(name: &str, body: &Value, schema: &[Attribute]) -> Result<serde_json::Map<String, Value>, Error> {
    Ok(strict::object(&format!("body->{name}"), body, schema)?)
}

/// What to say when two requests changed the same thing at the same moment, again and again.
pub(crate) fn contended() -> Error {
    Error::conflict("The application was changed by somebody else at the same moment. Please try again.")
}
