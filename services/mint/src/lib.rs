//! mint: a service user for each application, its credentials rotated for ever and put where the application reads them (contract
//! mint-berry).
//!
//! The service keeps which application wants what; its [`Worker`] makes it so. [`build`] puts both together; [`Mint`] does so from parts
//! that the caller brings.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod audit;
mod config;
mod migrations;
mod model;
mod permissions;
mod routes;
mod worker;

use std::sync::Arc;

use stups_api::client::{Client, TokenSource};
use stups_api::essentials::EssentialsClient;
use stups_api::identity::IdentityClient;
use stups_api::kio::KioClient;
use stups_auth::tokens::{ServiceTokenSettings, ServiceTokens};
use stups_auth::{AdminList, Policy, Verifier};
use stups_aws::{Session, SessionError, SessionOptions};
use stups_server::{Built, Clock, Environment, ErrorShape, Service, ShipAudit, StartError};
use stups_store::{DatabaseUrl, Store};
use url::Url;

pub use audit::envelope;
pub use config::{Config, Rotation};
pub use migrations::all as migrations;
pub use worker::{CycleStatus, Services, Worker, WorkerSettings};

/// The service's name: of its audit chain, its settings and its database.
pub const NAME: &str = "mint";

/// The region for buckets whose own is not known yet, where nothing says another.
const REGION: &str = "eu-west-1";

/// The scopes that the worker's token needs: who it is, and that it may administer service users.
pub const WORKER_SCOPES: [&str; 3] = ["uid", "services_read", "services_write"];

/// Puts the service together as its settings and its environment say. `tokens`: where the worker gets its tokens; its own
/// credentials (`CREDENTIALS_DIR`) when nothing else gives some.
pub async fn build(
    config: &Config,
    environment: &Environment,
    tokens: Option<Arc<dyn TokenSource>>,
) -> Result<Built, StartError> {
    let store_error = |source| StartError::Store { service: NAME, source };
    let url = match &config.database {
        Some(url) => url.parse().map_err(store_error)?,
        None => DatabaseUrl::sqlite_file(&environment.data_directory.join("mint.db")),
    };
    let store = Store::open(&url, NAME, migrations()).await.map_err(store_error)?;
    let format = Arc::new(|record: &_| Some(envelope(record)));
    let jobs = ShipAudit::configured(&store, config.audit_file.as_deref(), config.audit_url.as_ref(), format)?;
    let worker = if config.worker {
        Some(worker(config, environment, &store, tokens).await?)
    } else {
        None
    };
    let mint = Mint {
        store,
        verifier: environment.verifier(NAME)?,
        policy: environment.policy(NAME, config.policy_url.as_ref())?,
        kio: client(config.kio_url.as_ref())?.map(KioClient::new),
        essentials: client(config.essentials_url.as_ref())?.map(EssentialsClient::new),
        everything_is_allowed: environment.insecure_no_auth,
        trusted_services: config.trusted_services.clone(),
        admins: config.admin_users.clone(),
        username_prefix: config.username_prefix.clone(),
        clock: Clock::default(),
    };
    let service = mint.service(environment);
    let service = worker.into_iter().flatten().fold(service, Service::job);
    jobs.into_iter().fold(service, Service::job).build()
}

/// What the service stands on.
pub struct Mint {
    /// Opened with [`migrations()`].
    pub store: Store,
    /// How the tokens of callers are verified.
    pub verifier: Verifier,
    /// Who decides who may act for a team.
    pub policy: Arc<dyn Policy>,
    /// Who knows which applications there are. Without it nobody may write.
    pub kio: Option<KioClient>,
    /// Who knows which scopes there are. Without it nobody may write.
    pub essentials: Option<EssentialsClient>,
    /// Whether callers are not asked who they are.
    pub everything_is_allowed: bool,
    /// Services that may write what belongs to any team.
    pub trusted_services: AdminList,
    /// Who may release the brake.
    pub admins: AdminList,
    /// What is before an application's id in the name of its service user.
    pub username_prefix: String,
    /// What time it is.
    pub clock: Clock,
}

impl Mint {
    /// Puts the service together, without the worker and other background jobs. Must be called inside a tokio runtime.
    pub fn build(self, environment: &Environment) -> Result<Built, StartError> {
        self.service(environment).build()
    }

    fn service(self, environment: &Environment) -> Service {
        let state = Arc::new(routes::State {
            store: self.store.clone(),
            essentials: self.essentials,
            everything_is_allowed: self.everything_is_allowed,
            username_prefix: self.username_prefix,
            clock: self.clock,
            permissions: permissions::Permissions {
                policy: self.policy,
                kio: self.kio,
                everything_is_allowed: self.everything_is_allowed,
                trusted_services: self.trusted_services,
                admins: self.admins,
            },
        });
        Service::new(NAME, env!("CARGO_PKG_VERSION"))
            .shape(ErrorShape::Friboo)
            .environment(environment)
            .store(self.store)
            .verifier(self.verifier)
            .routes(routes::routes(state))
    }
}

/// The worker, if the services that it needs are known. A mint without them keeps configurations all the same.
async fn worker(
    config: &Config,
    environment: &Environment,
    store: &Store,
    tokens: Option<Arc<dyn TokenSource>>,
) -> Result<Option<Worker>, StartError> {
    let service_users = config.service_user_url.as_ref().or(environment.identity_url.as_ref());
    let (Some(kio), Some(essentials), Some(service_users)) = (&config.kio_url, &config.essentials_url, service_users)
    else {
        tracing::warn!("the worker does not run: it needs kio_url, essentials_url and service_user_url");
        return Ok(None);
    };
    let own =
        ServiceTokens::new(ServiceTokenSettings::from_environment().map_err(|error| StartError::wrong(NAME, error))?);
    let authorised = |url: &Url, name: &str, scopes: &[&str]| -> Result<Client, StartError> {
        let client = Client::new(url.clone()).map_err(|error| StartError::wrong(NAME, error))?;
        Ok(match &tokens {
            Some(tokens) => client.with_shared_tokens(tokens.clone()),
            None => client.with_tokens(own.manage(name, scopes)),
        })
    };
    let coworker = config.coworker_url.as_ref();
    let services = Services {
        kio: KioClient::new(authorised(kio, "kio-ro-api", &["uid"])?),
        essentials: EssentialsClient::new(authorised(essentials, "essentials-ro-api", &["uid"])?),
        service_users: IdentityClient::new(authorised(service_users, "service-user-rw-api", &WORKER_SCOPES)?),
        coworker: coworker
            .map(|url| authorised(url, "mint-coworker-w-api", &["uid"]))
            .transpose()?,
    };
    let settings = WorkerSettings::of(config).map_err(|error| StartError::wrong(NAME, error))?;
    Ok(Some(Worker::new(
        store.clone(),
        services,
        &session().await?,
        settings,
        Clock::default(),
    )))
}

/// AWS as the environment says, in a region that does not matter much: each bucket's is found out.
async fn session() -> Result<Session, StartError> {
    let in_region = |region: Option<&str>| SessionOptions {
        region: region.map(str::to_owned),
        ..SessionOptions::default()
    };
    let session = match Session::load(in_region(None)).await {
        Err(SessionError::NoRegion) => Session::load(in_region(Some(REGION))).await,
        session => session,
    };
    session.map_err(|error| StartError::wrong(NAME, error))
}

fn client(url: Option<&Url>) -> Result<Option<Client>, StartError> {
    let client = url.map(|url| Client::new(url.clone())).transpose();
    client.map_err(|error| StartError::wrong(NAME, error))
}
