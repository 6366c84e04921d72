//! Beside the distribution protocol: what is named how, where it comes from, whether it may run (contract pierone 2.5 to 2.7).

mod administration;
mod compliance;
mod docker_meta;
mod legacy;
mod source;
mod stats;
mod tags;
mod teams;
mod vulnerabilities;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use stups_server::{Authenticated, Error, Origin};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::manifest::{Stored, TagRow, stored, tag_row};
use crate::names::{Digest, Repository};
use crate::principal::Principal;
use crate::{PierOne, audit};

pub(super) fn readable(pierone: Arc<PierOne>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(teams::list))
        .routes(routes!(teams::artifacts))
        .routes(routes!(tags::list))
        .routes(routes!(tags::read))
        .routes(routes!(tags::history))
        .routes(routes!(tags::images))
        .routes(routes!(source::read))
        .routes(routes!(stats::all))
        .routes(routes!(stats::teams))
        .routes(routes!(stats::team))
        .routes(routes!(vulnerabilities::read))
        // One path is one router's: the second of them demands its token itself.
        .routes(routes!(docker_meta::read, docker_meta::write))
        .routes(routes!(legacy::ping))
        .routes(routes!(legacy::search))
        .routes(routes!(legacy::users, legacy::create_user))
        .routes(routes!(legacy::tags))
        .routes(routes!(legacy::tag))
        .with_state(pierone)
}

pub(super) fn guarded(pierone: Arc<PierOne>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(compliance::production_ready))
        .routes(routes!(compliance::approve))
        .routes(routes!(compliance::set_active))
        .routes(routes!(vulnerabilities::write))
        .routes(routes!(vulnerabilities::recheck_tag))
        .routes(routes!(vulnerabilities::recheck))
        .routes(routes!(administration::purges, administration::purge))
        .routes(routes!(administration::collect))
        .routes(routes!(administration::import))
        .with_state(pierone)
}

impl FromRequestParts<Arc<PierOne>> for Principal {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, pierone: &Arc<PierOne>) -> Result<Self, Error> {
        let origin = Origin::from_request_parts(parts, pierone).await?;
        Self::of(pierone, &parts.headers, origin).await
    }
}

/// A tag and what it points to; `latest` is the newest. 404 when there is none.
async fn tagged(pierone: &PierOne, repository: &Repository, tag: &str) -> Result<(TagRow, Stored), Error> {
    let connection = pierone.store.connection();
    let row = tag_row(connection, repository, tag).await?.ok_or_else(no_tag)?;
    let digest = Digest::read(&row.digest).ok_or_else(no_tag)?;
    let manifest = stored(connection, repository, &digest).await?.ok_or_else(no_tag)?;
    Ok((row, manifest))
}

fn no_tag() -> Error {
    Error::not_found("There is no such tag.")
}

/// What this repository is called; what cannot be one does not exist.
fn repository(team: &str, artifact: &str) -> Result<Repository, Error> {
    Repository::of(team, artifact).map_err(|error| Error::bad_request(error.message))
}

/// Refuses with 403 what was not allowed, with a record of it.
async fn enforce(
    pierone: &PierOne,
    caller: &Authenticated,
    action: &str,
    subject: &str,
    refusal: Option<String>,
) -> Result<(), Error> {
    let Some(reason) = refusal else { return Ok(()) };
    let event = audit::refused(action, caller.actor(), subject, &reason);
    pierone.store.record(event).await?;
    Err(Error::forbidden(reason))
}
