//! What mint answers, one file per resource.

mod app;
mod apps;
mod brake;
mod renewal;
mod status;

use std::sync::Arc;

use serde_json::{Map, Value, json};
use stups_api::client::Error as ClientError;
use stups_api::essentials::EssentialsClient;
use stups_api::kio::APPLICATION_ID;
use stups_api::strict::{self, Attribute};
use stups_server::{Authenticated, Clock, Error};
use stups_store::Store;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::audit;
use crate::permissions::{Decision, Permissions};

/// What handlers work with.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) essentials: Option<EssentialsClient>,
    pub(crate) everything_is_allowed: bool,
    pub(crate) username_prefix: String,
    pub(crate) clock: Clock,
    pub(crate) permissions: Permissions,
}

/// As handlers get it.
type Shared = axum::extract::State<Arc<State>>;

/// All of them.
pub(crate) fn routes(state: Arc<State>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(apps::list))
        .routes(routes!(app::read, app::put, status::patch, app::delete))
        .routes(routes!(renewal::create))
        .routes(routes!(brake::read))
        .routes(routes!(brake::release))
        .with_state(state)
}

impl State {
    /// Refuses, with a record of it, what was not allowed.
    async fn enforce(
        &self,
        decision: Decision,
        action: &str,
        subject: &str,
        caller: &Authenticated,
    ) -> Result<(), Error> {
        let Decision::Refused(reason, details) = decision else {
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

    /// Refuses whoever may not write what belongs to the application, as its team in Kio is. An application that Kio does not know
    /// belongs to no team.
    async fn authorise(&self, caller: &Authenticated, application: &str, action: &str) -> Result<(), Error> {
        if self.everything_is_allowed {
            return Ok(());
        }
        let team = self.permissions.team_of(caller, application).await?;
        let decision = self.permissions.write(caller, team.as_deref()).await?;
        self.enforce(decision, action, application, caller).await
    }
}

fn application_id(id: &str) -> Result<(), Error> {
    strict::text("path", &APPLICATION_ID, id)?;
    Ok(())
}

fn attributes(what: &str, body: &Value, schema: &[Attribute]) -> Result<Map<String, Value>, Error> {
    Ok(strict::object(&format!("body->{what}"), body, schema)?)
}

/// The answer of the originals: 404 with an empty object beside a message.
fn not_found() -> Error {
    Error::not_found("There is no configuration of this application.")
}

/// What another service did not say.
fn away(service: &str, error: &ClientError) -> Error {
    tracing::warn!(%error, service, "a service was asked in vain");
    Error::unavailable(format_args!("{service} does not answer as it should."))
}

fn no_application(id: &str) -> Error {
    let message = format!("Application '{id}' does not exist in Kio");
    Error::bad_request(message).with_details(json!({"invalid_application_id": id}))
}
