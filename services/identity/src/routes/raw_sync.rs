//! The administration API of users and clients (contract identity 2.7): the seven endpoints of the original, and beside them
//! reading, lists, removal of single passwords, SSH keys, passwords of devices, and new secrets.

mod app_passwords;
mod clients;
mod keys;
mod users;

use utoipa_axum::router::OpenApiRouter;

use crate::State;

/// The routes; all are for administrators.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .merge(users::routes())
        .merge(clients::routes())
        .merge(keys::routes())
        .merge(app_passwords::routes())
}
