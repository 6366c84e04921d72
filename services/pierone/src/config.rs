use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use stups_auth::AdminList;
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
    /// Repositories that everybody may pull: `stups/*`. None by default.
    pub public_read: Vec<String>,
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
    /// After how many days content that nothing ever referred to is removed.
    pub garbage_grace_days: u32,
    /// How long purged content can still be restored by an operator: hours until the bytes are removed.
    pub purge_delay_hours: u32,
    /// An audit service that gets an event for each write (`PUT <audit_url>/<SHA-256 of the event>`), with the service's own
    /// token of the name `http-audit-logger`. None by default.
    pub audit_url: Option<Url>,
    /// A file that gets each record of the audit trail as a line of JSON. None by default.
    pub audit_file: Option<PathBuf>,
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
            policy_url: None,
            admin_users: AdminList::default(),
            challenge: Challenge::Basic,
            token_users: vec!["oauth2".to_owned(), "token".to_owned()],
            iidinfo_url: None,
            public_read: Vec::new(),
            mutable_tags: Vec::new(),
            sparse_index: false,
            team_quota_bytes: None,
            team_quotas: BTreeMap::new(),
            blob_bytes: 64 << 30,
            source_is_production_ready: false,
            registry: None,
            garbage_grace_days: 7,
            purge_delay_hours: 24,
            audit_url: None,
            audit_file: None,
        }
    }
}
