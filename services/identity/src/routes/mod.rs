//! The HTTP interface: one file per resource.

mod accounts;
mod authorize;
mod autoconfig;
mod common;
mod consents;
mod device;
mod directory;
mod discovery;
mod import;
mod introspect;
mod keys;
mod login;
mod logout;
mod policy;
mod raw_sync;
mod revocations;
mod revoke;
mod service_users;
mod teams;
mod token;
mod token_info;
mod token_service;
mod upstream;
mod userinfo;
mod users;

use utoipa_axum::router::OpenApiRouter;

use crate::State;

/// Routes that everybody may call; their handlers find out who it is, where that matters.
pub fn open() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .merge(token::routes())
        .merge(token_info::routes())
        .merge(token_service::routes())
        .merge(keys::routes())
        .merge(discovery::routes())
        .merge(autoconfig::routes())
        .merge(device::routes())
        .merge(introspect::routes())
        .merge(revoke::routes())
        .merge(revocations::routes())
}

/// Pages for people in a browser.
pub fn pages() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .merge(authorize::routes())
        .merge(login::routes())
        .merge(upstream::routes())
        .merge(device::pages())
        .merge(logout::routes())
}

/// Routes for callers with a valid token.
pub fn guarded() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .merge(userinfo::routes())
        .merge(consents::routes())
        .merge(directory::routes())
}
