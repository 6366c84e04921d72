//! Kio: which applications exist, which team owns each, what their versions are, and who approved those (contract kio).
//!
//! [`build`] puts the service together; [`Registry`] does so from parts that the caller brings.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod audit;
mod config;
mod migrations;
mod model;
mod permissions;
mod routes;
mod search;
mod write_application;

use std::sync::Arc;

use stups_auth::{AdminList, Policy, Verifier};
use stups_server::{Built, Coalesced, Environment, ErrorShape, Service, ShipAudit, StartError};
use stups_store::{DatabaseUrl, Store};

pub use audit::envelope;
pub use config::Config;
pub use migrations::all as migrations;

/// The service's name: of its audit chain, its settings and its database.
pub const NAME: &str = "kio";

/// Puts the service together as its settings and its environment say.
pub async fn build(config: &Config, environment: &Environment) -> Result<Built, StartError> {
    let store_error = |source| StartError::Store { service: NAME, source };
    let url = match &config.database {
        Some(url) => url.parse().map_err(store_error)?,
        None => DatabaseUrl::sqlite_file(&environment.data_directory.join("kio.db")),
    };
    let store = Store::open(&url, NAME, migrations()).await.map_err(store_error)?;
    let format = Arc::new(|record: &_| Some(envelope(record)));
    let jobs = ShipAudit::configured(&store, config.audit_file.as_deref(), config.audit_url.as_ref(), format)?;
    let registry = Registry {
        store,
        verifier: environment.verifier(NAME)?,
        policy: environment.policy(NAME, config.policy_url.as_ref())?,
        admins: config.admin_users.clone(),
    };
    jobs.into_iter()
        .fold(registry.service(environment), Service::job)
        .build()
}

/// What the service stands on.
pub struct Registry {
    /// Opened with [`migrations()`].
    pub store: Store,
    /// How the tokens of callers are verified.
    pub verifier: Verifier,
    /// Who decides who may act for a team.
    pub policy: Arc<dyn Policy>,
    /// Who may write every application.
    pub admins: AdminList,
}

impl Registry {
    /// Puts the service together, without background jobs. Must be called inside a tokio runtime.
    pub fn build(self, environment: &Environment) -> Result<Built, StartError> {
        self.service(environment).build()
    }

    fn service(self, environment: &Environment) -> Service {
        let permissions = permissions::Permissions {
            policy: self.policy,
            admins: self.admins,
        };
        let reader = model::reader::Reader::new(self.store.clone());
        let kio = Arc::new(routes::Kio {
            store: self.store.clone(),
            reader,
            lists: Coalesced::default(),
            permissions,
        });
        Service::new(NAME, env!("CARGO_PKG_VERSION"))
            .shape(ErrorShape::Friboo)
            .environment(environment)
            .store(self.store)
            .verifier(self.verifier)
            .routes(routes::routes(kio))
    }
}
