//! The HTTP interface: one file per resource.

use utoipa_axum::router::OpenApiRouter;

use crate::State;

/// All routes of the service.
pub fn all() -> OpenApiRouter<State> {
    OpenApiRouter::new()
}
