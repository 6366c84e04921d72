//! essentials: which resource types exist, who owns resources of each, and which scopes there are on them (contract essentials).
//!
//! [`build`] puts the service together; [`Catalogue`] does so from parts that the caller brings.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod audit;
mod config;
mod migrations;
mod model;
mod permissions;
mod routes;
mod usage;

use std::collections::BTreeSet;
use std::sync::Arc;

use stups_api::client::Client;
use stups_api::kio::KioClient;
use stups_api::mint::MintClient;
use stups_auth::{AdminList, Policy, Verifier};
use stups_server::{Built, Environment, ErrorShape, Service, ShipAudit, StartError};
use stups_store::{DatabaseUrl, Store};
use url::Url;

pub use audit::envelope;
pub use config::Config;
pub use migrations::all as migrations;

/// The service's name: of its audit chain, its settings and its database.
pub const NAME: &str = "essentials";

/// Puts the service together as its settings and its environment say.
pub async fn build(config: &Config, environment: &Environment) -> Result<Built, StartError> {
    let store_error = |source| StartError::Store { service: NAME, source };
    let url = match &config.database {
        Some(url) => url.parse().map_err(store_error)?,
        None => DatabaseUrl::sqlite_file(&environment.data_directory.join("essentials.db")),
    };
    let store = Store::open(&url, NAME, migrations()).await.map_err(store_error)?;
    let format = Arc::new(|record: &_| Some(envelope(record)));
    let jobs = ShipAudit::configured(&store, config.audit_file.as_deref(), config.audit_url.as_ref(), format)?;
    let catalogue = Catalogue {
        store,
        verifier: environment.verifier(NAME)?,
        policy: environment.policy(NAME, config.policy_url.as_ref())?,
        kio: client(config.kio_url.as_ref())?.map(KioClient::new),
        mint: client(config.mint_url.as_ref())?.map(MintClient::new),
        everything_is_allowed: environment.insecure_no_auth,
        admins: config.admin_users.clone(),
        realms: config.allowed_realms.clone(),
        resource_owners: config.valid_resource_owners.clone(),
        prefix_lookup: config.prefix_lookup,
    };
    jobs.into_iter()
        .fold(catalogue.service(environment), Service::job)
        .build()
}

/// What the service stands on.
pub struct Catalogue {
    /// Opened with [`migrations()`].
    pub store: Store,
    /// How the tokens of callers are verified.
    pub verifier: Verifier,
    /// Who decides who may act for a team.
    pub policy: Arc<dyn Policy>,
    /// Who knows which team owns an application. Without it nobody may write.
    pub kio: Option<KioClient>,
    /// Who knows which applications hold a scope. Without it nobody is asked.
    pub mint: Option<MintClient>,
    /// Whether callers are not asked who they are.
    pub everything_is_allowed: bool,
    /// Who may write resource types that belong to no application.
    pub admins: AdminList,
    /// The realms whose users may read.
    pub realms: BTreeSet<String>,
    /// The realms that may own resources.
    pub resource_owners: BTreeSet<String>,
    /// Whether a resource type may belong to the application of which its id has the first letters.
    pub prefix_lookup: bool,
}

impl Catalogue {
    /// Puts the service together, without background jobs. Must be called inside a tokio runtime.
    pub fn build(self, environment: &Environment) -> Result<Built, StartError> {
        self.service(environment).build()
    }

    fn service(self, environment: &Environment) -> Service {
        let essentials = Arc::new(routes::Essentials {
            store: self.store.clone(),
            mint: self.mint,
            resource_owners: self.resource_owners,
            permissions: permissions::Permissions {
                policy: self.policy,
                kio: self.kio,
                everything_is_allowed: self.everything_is_allowed,
                admins: self.admins,
                realms: self.realms,
                prefix_lookup: self.prefix_lookup,
            },
        });
        Service::new(NAME, env!("CARGO_PKG_VERSION"))
            .shape(ErrorShape::Friboo)
            .environment(environment)
            .store(self.store)
            .verifier(self.verifier)
            .routes(routes::routes(essentials))
    }
}

fn client(url: Option<&Url>) -> Result<Option<Client>, StartError> {
    let client = url.map(|url| Client::new(url.clone())).transpose();
    client.map_err(|error| StartError::wrong(NAME, error))
}
