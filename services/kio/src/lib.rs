//! Kio: which applications exist, which team owns each, what their versions are, and who approved those (contract kio).
//!
//! [`Registry`] puts the service together.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod admin_list;
mod audit;
mod config;
mod migrations;
mod model;
mod permissions;
mod routes;
mod search;
mod write_application;

use std::sync::Arc;

use stups_auth::{Policy, Verifier};
use stups_server::{Built, Environment, ErrorShape, Service, StartError};
use stups_store::Store;

pub use admin_list::AdminList;

pub use audit::envelope;
pub use config::Config;
pub use migrations::all as migrations;

/// The service's name: of its audit chain, its settings and its database.
pub const NAME: &str = "kio";

/// What the service stands on.
pub struct Registry {
    /// Opened with [`migrations`].
    pub store: Store,
    /// How the tokens of callers are verified.
    pub verifier: Verifier,
    /// Who decides who may act for a team. Without it, only administrators may write.
    pub policy: Option<Arc<dyn Policy>>,
    /// Who may write every application.
    pub admins: AdminList,
}

impl Registry {
    /// Puts the service together. Must be called inside a tokio runtime.
    pub fn build(self, environment: &Environment) -> Result<Built, StartError> {
        let permissions = permissions::Permissions { policy: self.policy, admins: self.admins };
        let reader = model::reader::Reader::start(self.store.clone());
        let kio = Arc::new(routes::Kio { store: self.store.clone(), reader, permissions });
        Service::new(NAME, env!("CARGO_PKG_VERSION"))
            .shape(ErrorShape::Friboo)
            .environment(environment)
            .store(self.store)
            .verifier(self.verifier)
            .routes(routes::routes(kio))
            .build()
    }
}
