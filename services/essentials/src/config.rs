use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};
use stups_auth::AdminList;
use url::Url;

/// Settings of essentials. Every one has a default with which it starts.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the catalogue is kept: `sqlite:///path/essentials.db` or `postgres://user:password@host/database`. The file
    /// `essentials.db` in the data directory by default.
    pub database: Option<String>,
    /// Kio, which says to which team an application belongs. The one in the same process by default; without one, nobody may write.
    pub kio_url: Option<Url>,
    /// mint, which says which applications hold a scope: what is held cannot be deleted without force. The one in the same process by
    /// default; without one, nobody is asked.
    pub mint_url: Option<Url>,
    /// The service that decides who may act for a team. Identity by default.
    pub policy_url: Option<Url>,
    /// Who may write resource types that belong to no application: `/employees/jdoe,/services/robot`. Nobody by default.
    pub admin_users: AdminList,
    /// The realms whose users may read: a list, or a text with commas. `employees` and `services` by default.
    #[serde(deserialize_with = "realms")]
    pub allowed_realms: BTreeSet<String>,
    /// The realms that may own resources: a list, or a text with commas. `employees` and `services` by default.
    #[serde(deserialize_with = "realms")]
    pub valid_resource_owners: BTreeSet<String>,
    /// Whether a resource type whose application Kio does not know belongs to the application that has the letters and dashes of
    /// which the id begins, as with the original: `sales_order` to `sales`. Off by default: it hands a name to whoever registers its
    /// beginning.
    pub prefix_lookup: bool,
    /// An audit service that gets an event for each write (`PUT <audit_url>/<SHA-256 of the event>`), with the service's own
    /// token of the name `http-audit-logger`. None by default.
    pub audit_url: Option<Url>,
    /// A file that gets each record of the audit trail as a line of JSON. None by default.
    pub audit_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        let realms = BTreeSet::from(["employees", "services"].map(str::to_owned));
        Self {
            database: None,
            kio_url: None,
            mint_url: None,
            policy_url: None,
            admin_users: AdminList::default(),
            allowed_realms: realms.clone(),
            valid_resource_owners: realms,
            prefix_lookup: false,
            audit_url: None,
            audit_file: None,
        }
    }
}

/// The names of realms without their slashes, from a list or, as in the originals' environment variables, from a text.
fn realms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        List(Vec<String>),
    }
    let names = match Written::deserialize(deserializer)? {
        Written::Text(text) => text.split(',').map(str::to_owned).collect(),
        Written::List(list) => list,
    };
    let names = names.iter().map(|name| name.trim().trim_matches('/').to_owned());
    Ok(names.filter(|name| !name.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn realms_are_a_list_or_a_text() {
        for written in ["\"a,b,a\"", "[\"/a\", \"b\"]", "\" b , /a \""] {
            let text = format!("{{\"allowed_realms\": {written}}}");
            let config: Config = serde_json::from_str(&text).unwrap();
            assert_eq!(config.allowed_realms, ["a", "b"].map(str::to_owned).into(), "{written}");
        }
    }
}
