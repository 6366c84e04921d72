use std::path::PathBuf;

use serde::Deserialize;
use stups_auth::AdminList;
use url::Url;

/// Settings of Kio. Every one has a default with which it starts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where applications are kept: `sqlite:///path/kio.db` or `postgres://user:password@host/database`. The file `kio.db` in the
    /// data directory by default.
    pub database: Option<String>,
    /// The service that decides who may act for a team. Identity by default; without either, nobody but administrators may write.
    pub policy_url: Option<Url>,
    /// Who may write every application: `/employees/jdoe,/services/robot`. Nobody by default.
    pub admin_users: AdminList,
    /// An audit service that gets an event for each write (`PUT <audit_url>/<SHA-256 of the event>`), with the service's own
    /// token of the name `http-audit-logger`. None by default.
    pub audit_url: Option<Url>,
    /// A file that gets each record of the audit trail as a line of JSON. None by default.
    pub audit_file: Option<PathBuf>,
}
