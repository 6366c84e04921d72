//! Pier One: images under names that do not change their meaning, and where each came from (contract pierone).
//!
//! [`build`] puts the service together; [`Registry`] does so from parts that the caller brings.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod audit;
mod blobs;
mod clair;
mod config;
mod errors;
mod import;
mod instance_identity;
mod jobs;
mod manifest;
mod migrations;
mod names;
mod outlets;
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
mod vulnerabilities;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stups_api::client::Client;
use stups_auth::{Policy, Verifier};
use stups_aws::{Session, SessionError, SessionOptions};
use stups_server::{Built, Coalesced, Environment, Error, ErrorShape, Service, ShipAudit, StartError};
use stups_store::audit::Actor;
use stups_store::objects::object_store::ObjectStore;
use stups_store::objects::object_store::aws::AmazonS3Builder;
use stups_store::objects::{self, ObjectsError, Presigner};
use stups_store::{DatabaseUrl, Store};
use url::Url;
use uuid::Uuid;

pub use audit::envelope;
pub use config::{Challenge, Config};
pub use migrations::all as migrations;

use instance_identity::{Certificates, InstanceIdentity};
use manifest::Named;
use names::{Digest, Reference, Repository};
use outlets::{Outlets, region_of_queue, region_of_topic};
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
    let objects = objects::open(&place, config.file_writes).map_err(|error| objects_error(&error))?;
    let presigner = if config.redirect_downloads {
        Presigner::open(&place).map_err(|error| objects_error(&error))?
    } else {
        None
    };
    let store = Store::open(&url, NAME, migrations()).await.map_err(store_error)?;
    let name = config.registry.clone();
    let format = Arc::new(move |record: &_| envelope(name.as_deref(), record));
    let mut ship = ShipAudit::configured(&store, config.audit_file.as_deref(), config.audit_url.as_ref(), format)?;
    ship.extend(ship_to_bucket(&store, config)?);
    let session = session(config).await?;
    let remover = match (&config.gc_role_arn, &session) {
        (Some(role), Some(session)) => Some(remover(&place, role, session).await?),
        _ => None,
    };
    let registry = Registry {
        store,
        objects,
        remover,
        directory: place.scheme() == "file",
        presigner,
        verifier: environment.verifier(NAME)?,
        policy: environment.policy(NAME, config.policy_url.as_ref())?,
        session,
        config: config.clone(),
    };
    let service = registry.service(environment).await?;
    ship.into_iter().fold(service, Service::job).build()
}

/// The bucket of the audit trail, if there is one (contract pierone 2.13).
fn ship_to_bucket(store: &Store, config: &Config) -> Result<Option<ShipAudit>, StartError> {
    let Some(bucket) = &config.audit_bucket else {
        return Ok(None);
    };
    if config.audit_bucket_seconds == 0 {
        return Err(StartError::wrong(NAME, "audit_bucket_seconds: at least one second"));
    }
    let application = config.audit_bucket_application.clone();
    let application = application.unwrap_or_else(|| format!("{NAME}/{}", env!("CARGO_PKG_VERSION")));
    let instance = config.audit_bucket_instance.clone();
    let instance = instance.unwrap_or_else(|| Uuid::new_v4().to_string());
    let interval = Duration::from_secs(config.audit_bucket_seconds);
    ShipAudit::to_bucket(store, bucket, format!("{application}/{instance}"), interval).map(Some)
}

/// AWS as the environment says, where a setting needs it.
async fn session(config: &Config) -> Result<Option<Session>, StartError> {
    if !config.needs_aws() {
        return Ok(None);
    }
    let topic = config.sns_topic.as_deref().map(|topic| {
        region_of_topic(topic).ok_or_else(|| {
            let reason = format!("sns_topic: {topic:?} is no topic such as arn:aws:sns:eu-west-1:123456789012:tags");
            StartError::wrong(NAME, reason)
        })
    });
    let topic = topic.transpose()?;
    let queues = [&config.clair_push_queue, &config.clair_result_queue];
    let mut queues = queues.into_iter().flatten().filter_map(region_of_queue);
    // What says its region itself does not need another.
    let region = topic.or_else(|| queues.next());
    let options = SessionOptions {
        region: region.map(str::to_owned),
        ..SessionOptions::default()
    };
    match Session::load(options).await {
        Ok(session) => Ok(Some(session)),
        Err(SessionError::NoRegion) => Err(StartError::wrong(
            NAME,
            "AWS_REGION does not say which region of AWS it is in",
        )),
        Err(error) => Err(StartError::wrong(NAME, error)),
    }
}

/// The storage as the role sees it.
async fn remover(place: &Url, role: &str, session: &Session) -> Result<Arc<dyn ObjectStore>, StartError> {
    if place.scheme() != "s3" {
        return Err(StartError::wrong(NAME, "gc_role_arn: content is not in S3"));
    }
    let session = session.assume_role(role, "pierone-gc", session.region()).await;
    let session = session.map_err(|error| StartError::wrong(NAME, format!("gc_role_arn: {}", error.message)))?;
    storage::bucket_of(session, place, AmazonS3Builder::from_env()).map_err(|error| objects_error(&error))
}

/// How identity documents are verified, if they are.
fn instances(config: &Config) -> Result<Option<InstanceIdentity>, StartError> {
    let certificates = config.instance_certificates.as_deref().map(|file| {
        let read = Certificates::read(file, &config.instance_accounts, config.instance_age_days);
        read.map_err(|reason| StartError::wrong(NAME, reason))
    });
    let certificates = certificates.transpose()?;
    let verifier = config.iidinfo_url.clone().map(Client::new).transpose();
    let verifier = verifier.map_err(|error| StartError::wrong(NAME, error))?;
    let some = certificates.is_some() || verifier.is_some();
    Ok(some.then(|| InstanceIdentity::new(certificates, verifier)))
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
    /// The same, for whoever removes something, if that is not the service itself.
    pub remover: Option<Arc<dyn ObjectStore>>,
    /// Whether that is a directory.
    pub directory: bool,
    /// Where downloads are redirected to, if they are.
    pub presigner: Option<Presigner>,
    /// How the tokens of callers are verified.
    pub verifier: Verifier,
    /// Who decides who may act for a team.
    pub policy: Arc<dyn Policy>,
    /// AWS, where settings name a topic or a queue.
    pub session: Option<Session>,
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
        let outlets = match &self.session {
            Some(session) => {
                let (topic, images) = (self.config.sns_topic.as_ref(), self.config.clair_push_queue.as_ref());
                Outlets::new(session, topic, images)
            }
            None if self.config.needs_aws() => return Err(StartError::wrong(NAME, "AWS is needed, and not there")),
            None => Outlets::default(),
        };
        let results = self.config.clair_result_queue.clone().zip(self.session.as_ref());
        let results = results.map(|(queue, session)| {
            let session = match region_of_queue(&queue) {
                Some(region) => session.in_region(region),
                None => session.clone(),
            };
            (queue, session.with_attempts(2).sqs())
        });
        let instances = instances(&self.config)?;
        let pierone = Arc::new(PierOne {
            storage: Storage::new(self.objects, self.directory, self.presigner).with_remover(self.remover),
            tokens: RegistryTokens::open(&self.store).await.map_err(store_error)?,
            instances,
            permissions: Permissions {
                policy: self.policy,
                admins: self.config.admin_users.clone(),
                public_read: self.config.public_read.clone(),
                insecure_no_auth: environment.insecure_no_auth,
            },
            outlets,
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
        let outlets = pierone.outlets.jobs(&self.store);
        let storage = pierone.storage.clone();
        let ready = move || {
            let storage = storage.clone();
            async move { storage.answers().await.map_err(|error| errors::storage(&error)) }
        };
        let service = Service::new(NAME, env!("CARGO_PKG_VERSION"))
            .title("Pier One API")
            .shape(ErrorShape::FribooDetail)
            .environment(environment)
            .store(self.store)
            .ready(ready)
            .verifier(self.verifier)
            .routes(routes::guarded(pierone.clone()))
            .open_routes(routes::readable(pierone.clone()))
            .protocol_routes(routes::protocol(pierone.clone()))
            .job(jobs::CollectGarbage(pierone.clone()))
            .job(jobs::ReadProvenance(pierone.clone()));
        let service = outlets.into_iter().fold(service, Service::job);
        Ok(match results {
            Some((queue, client)) => service.job(clair::ReadResults { pierone, client, queue }),
            None => service,
        })
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
    outlets: Outlets,
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
