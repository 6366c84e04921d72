use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use stups_auth::AdminList;
use stups_store::objects::FileWrites;
use url::Url;

/// Settings of the registry. Every one has a default with which it starts.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where names are kept: `sqlite:///path/pierone.db` or `postgres://user:password@host/database`. The file `pierone.db` in the
    /// data directory by default.
    pub database: Option<String>,
    /// Where content is kept: `file:///directory` or `s3://bucket/prefix`. The directory `pierone` in the data directory by default.
    pub storage: Option<Url>,
    /// Whether downloads from S3 are redirected to URLs that are signed for 15 minutes, instead of passing through the service.
    pub redirect_downloads: bool,
    /// How large layers come into a directory: `direct`, past the system's cache where the file system knows how, which costs half
    /// as much and leaves in memory what is pulled, but lets the first pull of a layer read the disk; or `cached`. `direct` by
    /// default.
    pub file_writes: FileWrites,
    /// The service that decides who may act for a team. Identity by default; without either, nobody may push.
    pub policy_url: Option<Url>,
    /// Who may do everything that `application.registry_admin` allows: `/employees/jdoe,/services/robot`. Nobody by default.
    pub admin_users: AdminList,
    /// What a client without credentials is asked for.
    pub challenge: Challenge,
    /// Users of Basic authentication whose password is an access token.
    pub token_users: Vec<String>,
    /// Who verifies instance identity documents: a service that takes `{"iid_signature": …}`. Without it instances cannot
    /// authenticate.
    pub iidinfo_url: Option<Url>,
    /// A PEM file with AWS's certificates for identity documents in our regions, with which they are verified here. None by
    /// default.
    pub instance_certificates: Option<PathBuf>,
    /// The accounts of AWS whose instances may pull, where documents are verified here.
    pub instance_accounts: Vec<String>,
    /// How many days after its start an instance may still use its document, where documents are verified here.
    pub instance_age_days: u32,
    /// Repositories that everybody may pull: `stups/*`. None by default.
    pub public_read: Vec<String>,
    /// A part of host names at which `/v2/` asks everybody for credentials, where others may look without: `write`, as in
    /// `pierone-write.example.org`. Where some repositories are public, for clients that are not asked for a token otherwise. By
    /// default every name does.
    pub write_host: Option<String>,
    /// Tags that may be moved: `<repository pattern>:<tag pattern>`, as `stups/cache:*`. None by default.
    pub mutable_tags: Vec<String>,
    /// Whether an index may list images that are not in its repository.
    pub sparse_index: bool,
    /// How many bytes the content of a team's repositories may have together. Unbounded by default.
    pub team_quota_bytes: Option<u64>,
    /// The same for single teams: `{ stups = 1000000000 }`.
    pub team_quotas: BTreeMap<String, u64>,
    /// How many bytes one blob may have.
    pub blob_bytes: u64,
    /// Whether an image with a valid source is ready for production without a person saying so.
    pub source_is_production_ready: bool,
    /// How the registry calls itself in events and links: `pierone.example.org`.
    pub registry: Option<String>,
    /// A topic in SNS that gets a notice of each new tag: `arn:aws:sns:eu-west-1:123456789012:tags`. None by default.
    pub sns_topic: Option<String>,
    /// The address of a queue in SQS that gets each image for Clair. None by default.
    pub clair_push_queue: Option<Url>,
    /// The address of a queue in SQS from which Clair's reports are read, as a topic writes them to it. None by default.
    pub clair_result_queue: Option<Url>,
    /// How Clair reaches this registry, if not as everybody does.
    pub clair_callback_url: Option<Url>,
    /// After how many days content that nothing ever referred to is removed.
    pub garbage_grace_days: u32,
    /// How long purged content can still be restored by an operator: hours until the bytes are removed.
    pub purge_delay_hours: u32,
    /// The role of AWS as which objects in S3 are removed, by its ARN, where the service itself may not. None by default.
    pub gc_role_arn: Option<String>,
    /// An audit service that gets an event for each write (`PUT <audit_url>/<SHA-256 of the event>`), with the service's own
    /// token of the name `http-audit-logger`. None by default.
    pub audit_url: Option<Url>,
    /// A file that gets each record of the audit trail as a line of JSON. None by default.
    pub audit_file: Option<PathBuf>,
    /// Where the records of some seconds each become an object of such lines: `s3://bucket/prefix` or `file:///directory`. None by
    /// default.
    pub audit_bucket: Option<Url>,
    /// What objects there are called by, below the date: the application and its version. `pierone/<version>` by default.
    pub audit_bucket_application: Option<String>,
    /// The same below that: the instance. A random name by default.
    pub audit_bucket_instance: Option<String>,
    /// How many seconds lie between two such objects.
    pub audit_bucket_seconds: u64,
}

/// How clients are asked for credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Challenge {
    /// For a user and a password: `oauth2` and an access token.
    #[default]
    Basic,
    /// For a token of the registry, which clients get at `/v2/token`. Anonymous pulls need it.
    Bearer,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: None,
            storage: None,
            redirect_downloads: false,
            file_writes: FileWrites::Direct,
            policy_url: None,
            admin_users: AdminList::default(),
            challenge: Challenge::Basic,
            token_users: vec!["oauth2".to_owned(), "token".to_owned()],
            iidinfo_url: None,
            instance_certificates: None,
            instance_accounts: Vec::new(),
            instance_age_days: 365,
            public_read: Vec::new(),
            write_host: None,
            mutable_tags: Vec::new(),
            sparse_index: false,
            team_quota_bytes: None,
            team_quotas: BTreeMap::new(),
            blob_bytes: 64 << 30,
            source_is_production_ready: false,
            registry: None,
            sns_topic: None,
            clair_push_queue: None,
            clair_result_queue: None,
            clair_callback_url: None,
            garbage_grace_days: 7,
            purge_delay_hours: 24,
            gc_role_arn: None,
            audit_url: None,
            audit_file: None,
            audit_bucket: None,
            audit_bucket_application: None,
            audit_bucket_instance: None,
            audit_bucket_seconds: 10,
        }
    }
}

impl Config {
    /// Whether something in AWS is to be told, or asked.
    pub(crate) fn needs_aws(&self) -> bool {
        self.sns_topic.is_some()
            || self.clair_push_queue.is_some()
            || self.clair_result_queue.is_some()
            || self.gc_role_arn.is_some()
    }
}
