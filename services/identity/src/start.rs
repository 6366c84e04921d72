use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use stups_auth::Verifier;
use stups_server::{Built, Clock, Environment, ErrorShape, Service, ShipAudit, StartError};
use stups_store::audit::Record;
use stups_store::{DatabaseUrl, Store};

use crate::audit::envelope;
use crate::config::Config;
use crate::jobs::{Expire, FollowRevocations, RotateKeys, import_rs256, rotate};
use crate::master_key::MasterKey;
use crate::verify::OwnKeys;
use crate::{State, import, migrations, routes, seed};

/// The identity service, ready to be served.
pub struct Identity {
    /// Routes, OpenAPI document and jobs.
    pub built: Built,
    /// What verifies tokens by its own keys, for services in the same process.
    pub verifier: Verifier,
    /// What it stands on.
    pub state: State,
    /// Who was made at the first start.
    pub administrator: Option<Administrator>,
}

/// The administrator that the first start has made: the only time that the password is known.
pub struct Administrator {
    /// `/realm/uid`.
    pub name: String,
    /// Generated.
    pub password: SecretString,
}

/// Puts the service together: database, keys, what a first start needs, routes.
pub async fn build(config: &Config, environment: &Environment) -> Result<Identity, StartError> {
    build_at(config, environment, Clock::default()).await
}

/// The same with another clock, for tests.
pub async fn build_at(config: &Config, environment: &Environment, clock: Clock) -> Result<Identity, StartError> {
    let store = open_store(config, environment).await?;
    let master = match &config.master_key {
        Some(text) => MasterKey::configured(text),
        None => MasterKey::in_file(&environment.data_directory.join("identity-master.key")),
    }
    .map_err(|error| StartError::wrong(NAME, error))?;
    let state = State::new(store.clone(), config.clone(), master, &environment.public_url, clock)
        .map_err(|error| StartError::wrong(NAME, error))?;
    if let Some(path) = &config.signing.rs256_key_file {
        import_rs256(&state, path)
            .await
            .map_err(|error| StartError::wrong(NAME, error))?;
    }
    rotate(&state).await.map_err(|error| StartError::wrong(NAME, error))?;
    state
        .follow_revocations()
        .await
        .map_err(|source| StartError::Store { service: NAME, source })?;
    let administrator = seed::first_start(&state).await?;
    if let Some(path) = &config.import {
        import::at_start(&state, path)
            .await
            .map_err(|error| StartError::wrong(NAME, format!("{}: {error}", path.display())))?;
    }

    let verifier = Verifier::new(OwnKeys(state.clone()));
    let format = Arc::new(|record: &Record| Some(envelope(record)));
    let ship = ShipAudit::configured(&store, config.audit_file.as_deref(), config.audit_url.as_ref(), format)?;
    let service = Service::new(NAME, env!("CARGO_PKG_VERSION"))
        .shape(ErrorShape::OAuth)
        .environment(environment)
        .store(store)
        .verifier(verifier.clone())
        .routes(routes::guarded().with_state(state.clone()))
        .open_routes(routes::open().with_state(state.clone()))
        .page_routes(routes::pages().with_state(state.clone()))
        .job(RotateKeys(state.clone()))
        .job(FollowRevocations(state.clone()))
        .job(Expire(state.clone()));
    let built = ship.into_iter().fold(service, Service::job).build()?;
    Ok(Identity {
        built,
        verifier,
        state,
        administrator,
    })
}

const NAME: &str = "identity";

async fn open_store(config: &Config, environment: &Environment) -> Result<Store, StartError> {
    let failed = |source| StartError::Store { service: NAME, source };
    let url = match &config.database {
        Some(url) => url.expose_secret().parse().map_err(failed)?,
        None => DatabaseUrl::sqlite_file(&environment.data_directory.join("identity.db")),
    };
    Store::open(&url, NAME, migrations::all()).await.map_err(failed)
}
