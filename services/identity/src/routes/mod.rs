//! The HTTP interface: one file per resource.

mod accounts;
mod common;
pub mod directory;
mod import;
mod policy;
mod raw_sync;
mod service_users;
mod teams;
mod users;

use utoipa_axum::router::OpenApiRouter;

use crate::State;

/// All routes of the service.
pub fn all() -> OpenApiRouter<State> {
    OpenApiRouter::new()
}
