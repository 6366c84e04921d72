//! What the registry answers, one file per resource.

mod rest;
mod v2;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;

pub(crate) use v2::{TagList, TagPage};

use crate::PierOne;

/// As handlers get it.
type State = axum::extract::State<Arc<PierOne>>;

/// The distribution protocol.
pub(crate) fn protocol(pierone: Arc<PierOne>) -> OpenApiRouter {
    v2::routes(pierone)
}

/// Everything else that may be read without an access token, if a policy or an instance identity allows it.
pub(crate) fn readable(pierone: Arc<PierOne>) -> OpenApiRouter {
    rest::readable(pierone)
}

/// Everything else that demands an access token.
pub(crate) fn guarded(pierone: Arc<PierOne>) -> OpenApiRouter {
    rest::guarded(pierone)
}
