//! Everything of the directory, in one place.

use utoipa_axum::router::OpenApiRouter;

use super::{accounts, import, policy, raw_sync, service_users, teams, users};
use crate::State;

/// The routes, for callers with a valid token. Consumers disagree about the base path of the team and user services, so these
/// are there with and without `/api` (contract identity 2.17).
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .merge(raw_sync::routes())
        .merge(service_users::routes())
        .merge(import::routes())
        .merge(shared())
        .merge(users::root_routes())
        .nest("/api", shared())
}

fn shared() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .merge(teams::routes())
        .merge(accounts::routes())
        .merge(users::routes())
        .merge(policy::routes())
}
