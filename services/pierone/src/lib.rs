//! Pier One: images under names that do not change their meaning, and where each came from (contract pierone).
//!
//! [`build`] puts the service together; [`Registry`] does so from parts that the caller brings.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod audit;
mod blobs;
mod config;
mod errors;
mod import;
mod instance_identity;
mod jobs;
mod manifest;
mod migrations;
mod names;
mod permissions;
mod principal;
mod purge;
mod registry_tokens;
mod routes;
mod source;
mod sql;
mod status;
mod storage;
mod uploads;

use std::sync::Arc;

use serde_json::json;
use stups_auth::{Policy, Verifier};
use stups_server::{Built, Coalesced, Environment, Error, ErrorShape, Service, ShipAudit, StartError};
use stups_store::audit::Actor;
use stups_store::objects::{self, ObjectsError, Presigner, object_store::ObjectStore};
use stups_store::{DatabaseUrl, Store};
use url::Url;

pub use audit::envelope;
pub use config::{Challenge, Config};
pub use migrations::all as migrations;

use instance_identity::InstanceIdentity;
use manifest::Named;
use names::{Digest, Reference, Repository};
use permissions::Permissions;
use principal::Principal;
use registry_tokens::RegistryTokens;
use routes::{TagList, TagPage};
use storage::Storage;

/// The service's name: of its audit chain, its settings and its database.
pub const NAME: &str = "pierone";

/// Puts the service together as its settings and its environment say.
pub async fn build(config: &Config, environment: &Environment) -> Result<Built, StartError> {
    let url = match &config.database {
        Some(url) => url.parse().map_err(store_error)?,
        None => DatabaseUrl::sqlite_file(&environment.data_directory.join("pierone.db")),
    };
    let place = match &config.storage {
        Some(url) => url.clone(),
        None => default_place(environment)?,
    };
    let objects = objects::open(&place).map_err(|error| objects_error(&error))?;
    let presigner = if config.redirect_downloads {
        Presigner::open(&place).map_err(|error| objects_error(&error))?
    } else {
        None
    };
    let store = Store::open(&url, NAME, migrations()).await.map_err(store_error)?;
    let name = config.registry.clone();
    let format = Arc::new(move |record: &_| envelope(name.as_deref(), record));
    let ship = ShipAudit::configured(&store, config.audit_file.as_deref(), config.audit_url.as_ref(), format)?;
    let registry = Registry {
        store,
        objects,
        directory: place.scheme() == "file",
        presigner,
        verifier: environment.verifier(NAME)?,
        policy: environment.policy(NAME, config.policy_url.as_ref())?,
        config: config.clone(),
    };
    let service = registry.service(environment).await?;
    ship.into_iter().fold(service, Service::job).build()
}

/// The directory beside the databases, for this user alone.
fn default_place(environment: &Environment) -> Result<Url, StartError> {
    let directory = environment.data_directory.join("pierone");
    let io = |source| StartError::Io {
        what: directory.display().to_string(),
        source,
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&directory).map_err(io)?;
    let absolute = directory.canonicalize().map_err(io)?;
    Url::from_directory_path(absolute).map_err(|()| StartError::Other(format!("{} is no path", directory.display())))
}

fn store_error(source: stups_store::Error) -> StartError {
    StartError::Store { service: NAME, source }
}

fn objects_error(error: &ObjectsError) -> StartError {
    StartError::wrong(NAME, error.to_string())
}

/// What the service stands on.
pub struct Registry {
    /// Opened with [`migrations()`].
    pub store: Store,
    /// Where content is kept.
    pub objects: Arc<dyn ObjectStore>,
    /// Whether that is a directory.
    pub directory: bool,
    /// Where downloads are redirected to, if they are.
    pub presigner: Option<Presigner>,
    /// How the tokens of callers are verified.
    pub verifier: Verifier,
    /// Who decides who may act for a team.
    pub policy: Arc<dyn Policy>,
    /// The settings that are left.
    pub config: Config,
}

impl Registry {
    /// Puts the service together, without shipping its audit trail. Must be called inside a tokio runtime.
    pub async fn build(self, environment: &Environment) -> Result<Built, StartError> {
        self.service(environment).await?.build()
    }

    async fn service(self, environment: &Environment) -> Result<Service, StartError> {
        for pattern in &self.config.mutable_tags {
            if !pattern.contains(':') {
                return Err(StartError::wrong(
                    NAME,
                    format!("mutable_tags: {pattern:?} is no pattern such as stups/cache:*"),
                ));
            }
        }
        if !self.directory && self.config.blob_bytes > storage::LARGEST_OBJECT {
            let bytes = self.config.blob_bytes;
            let message = format!(
                "blob_bytes: S3 keeps {} bytes as one object, not {bytes}",
                storage::LARGEST_OBJECT
            );
            return Err(StartError::wrong(NAME, message));
        }
        let instances = self.config.iidinfo_url.clone().map(InstanceIdentity::new).transpose();
        let pierone = Arc::new(PierOne {
            storage: Storage::new(self.objects, self.directory, self.presigner),
            tokens: RegistryTokens::open(&self.store).await.map_err(store_error)?,
            instances: instances.map_err(|error| StartError::wrong(NAME, error.to_string()))?,
            permissions: Permissions {
                policy: self.policy,
                admins: self.config.admin_users.clone(),
                public_read: self.config.public_read.clone(),
                insecure_no_auth: environment.insecure_no_auth,
            },
            scanner: source::Scanner::new(),
            verifier: self.verifier.clone(),
            insecure_no_auth: environment.insecure_no_auth,
            public_url: environment.public_url.clone(),
            store: self.store.clone(),
            config: self.config,
            names: Coalesced::default(),
            tag_lists: Coalesced::default(),
        });
        pierone.note_policies().await.map_err(store_error)?;
        Ok(Service::new(NAME, env!("CARGO_PKG_VERSION"))
            .title("Pier One API")
            .shape(ErrorShape::FribooDetail)
            .environment(environment)
            .store(self.store)
            .verifier(self.verifier)
            .routes(routes::guarded(pierone.clone()))
            .open_routes(routes::readable(pierone.clone()))
            .protocol_routes(routes::protocol(pierone.clone()))
            .job(jobs::CollectGarbage(pierone)))
    }
}

/// What handlers and jobs work with.
pub(crate) struct PierOne {
    store: Store,
    storage: Storage,
    verifier: Verifier,
    insecure_no_auth: bool,
    permissions: Permissions,
    tokens: RegistryTokens,
    instances: Option<InstanceIdentity>,
    scanner: source::Scanner,
    public_url: Url,
    config: Config,
    names: Coalesced<(Repository, Reference), Arc<Named>>,
    tag_lists: Coalesced<TagPage, Arc<TagList>>,
}

impl PierOne {
    /// Refuses who may not push, with a record of it.
    async fn may_push(&self, who: &Principal, repository: &Repository) -> Result<(), Error> {
        let Some(reason) = self.permissions.push(who, repository).await? else {
            return Ok(());
        };
        let event = audit::refused("repository.push", who.actor(), repository.as_str(), &reason);
        self.store.record(event).await?;
        Err(errors::denied(reason).with_details(json!({"team": repository.team(), "user": who.uid()})))
    }

    /// Tells auditors which tags may be moved and what is public, when that is not what it was at the last start.
    async fn note_policies(&self) -> Result<(), stups_store::Error> {
        for (name, value) in [
            ("mutable_tags", json!(self.config.mutable_tags)),
            ("public_read", json!(self.config.public_read)),
        ] {
            let write = self.store.write().await?;
            let stored = sql::texts(
                write.transaction(),
                "SELECT value FROM policies WHERE name = $1",
                [name.into()],
            );
            let old = stored.await?.pop();
            let new = value.to_string();
            if old.as_deref().unwrap_or("[]") == new {
                continue;
            }
            sql::execute(
                write.transaction(),
                "INSERT INTO policies (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [name.into(), new.into()],
            )
            .await?;
            let old: serde_json::Value = old
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or_else(|| json!([]));
            let event = audit::event(
                "policy.changed",
                name,
                Actor::service(),
                json!({"old": old, "new": value}),
            );
            write.commit(event).await?;
        }
        Ok(())
    }

    /// What to say of a blob that is not there: it may have been purged.
    async fn unknown_blob(&self, repository: &Repository, digest: &Digest) -> Result<Error, Error> {
        let unknown = errors::blob_unknown(digest);
        let purged = purge::of_blob(self.store.connection(), repository, digest.as_str()).await?;
        Ok(match purged {
            Some(tombstone) => unknown.with_details(json!({"Digest": digest.as_str(), "tombstone": tombstone})),
            None => unknown,
        })
    }

    /// What to say of a manifest that is not there: it may have been purged.
    async fn unknown_manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
        digest: &Digest,
    ) -> Result<Error, Error> {
        let unknown = errors::manifest_unknown(repository, reference);
        let purged = purge::tombstone(self.store.connection(), repository, digest.as_str()).await?;
        Ok(match purged.filter(|tombstone| tombstone.approved_by.is_some()) {
            Some(tombstone) => unknown.with_details(json!({"Digest": digest.as_str(), "tombstone": tombstone})),
            None => unknown,
        })
    }
}
