//! From text to entries.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use stups_api::identity::{
    AccountPatch, ClientConfig, ClientPatch, NewSshKey, RealmScopes, ServiceUserWrite, TeamPatch, UserConfig, UserPatch,
};
use stups_yaml::Step;

use super::{ImportError, Place, wrong};

/// What a file may have.
const SECTIONS: [&str; 5] = ["users", "teams", "accounts", "clients", "service_users"];

/// A file that could be read. A section that it does not have is nothing.
#[derive(Debug)]
pub struct Document {
    pub(super) text: String,
    pub(super) users: Option<Vec<UserEntry>>,
    pub(super) teams: Option<Vec<Entry<TeamPatch>>>,
    pub(super) accounts: Option<Vec<Entry<AccountPatch>>>,
    pub(super) clients: Option<Vec<Entry<ClientPatch>>>,
    pub(super) service_users: Option<Vec<ServiceUserEntry>>,
}

/// Something with an id, in a realm (accounts: of a type).
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) place: Place,
    /// The realm as the file has it, or the account's type.
    pub(super) realm: Option<String>,
    pub(super) id: String,
    pub(super) patch: T,
}

#[derive(Debug)]
pub(super) struct UserEntry {
    pub(super) user: Entry<UserPatch>,
    pub(super) ssh_keys: Vec<NewSshKey>,
}

#[derive(Debug)]
pub(super) struct ServiceUserEntry {
    pub(super) place: Place,
    pub(super) wanted: ServiceUserWrite,
    pub(super) password_hashes: Option<Vec<String>>,
}

/// A service user as the file has it: flatter than on the wire.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceUserFields {
    owner: String,
    name: Option<String>,
    subtitle: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    client: ServiceClientFields,
    password_hashes: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ServiceClientFields {
    confidential: bool,
    redirect_urls: Vec<String>,
    /// Realm to scopes.
    scopes: BTreeMap<String, Vec<String>>,
}

impl Default for ServiceClientFields {
    fn default() -> Self {
        Self {
            confidential: true,
            redirect_urls: Vec::new(),
            scopes: BTreeMap::new(),
        }
    }
}

/// Reads a file. Errors have line and column: YAML, unknown sections and fields, wrong types, an entry that is there twice.
pub fn read(text: &str) -> Result<Document, ImportError> {
    let value = stups_yaml::load(text).map_err(|error| ImportError::File {
        line: error.line,
        column: error.column,
        message: error.message,
    })?;
    let mut sections = match value.to_json() {
        Value::Null => Map::new(),
        Value::Object(map) => map,
        _ => {
            return Err(wrong(
                text,
                &[],
                format!("a map is expected, with {}", SECTIONS.join(", ")),
            ));
        }
    };
    if let Some(name) = sections.keys().find(|name| !SECTIONS.contains(&name.as_str())) {
        let message = format!("{name:?} is no section; these are: {}", SECTIONS.join(", "));
        return Err(wrong(text, &[Step::Key(name.clone())], message));
    }
    let mut section = |name| sections.shift_remove(name);
    Ok(Document {
        text: text.to_owned(),
        users: entries(text, "users", section("users"), |mut entry, reader| {
            let ssh_keys = match entry.shift_remove("ssh_keys") {
                Some(keys) => reader.parse(keys, &["ssh_keys"])?,
                None => Vec::new(),
            };
            Ok(UserEntry {
                user: reader.entry(entry, "realm")?,
                ssh_keys,
            })
        })?,
        teams: entries(text, "teams", section("teams"), |entry, reader| reader.entry(entry, ""))?,
        accounts: entries(text, "accounts", section("accounts"), |entry, reader| {
            reader.entry(entry, "type")
        })?,
        clients: entries(text, "clients", section("clients"), |entry, reader| {
            reader.entry(entry, "realm")
        })?,
        service_users: entries(text, "service_users", section("service_users"), |mut entry, reader| {
            let id: String = reader.take(&mut entry, "id")?;
            let fields: ServiceUserFields = reader.parse(Value::Object(entry), &[])?;
            Ok(service_user(reader.place, id, fields))
        })?,
    })
}

fn service_user(place: Place, id: String, fields: ServiceUserFields) -> ServiceUserEntry {
    let scopes = fields
        .client
        .scopes
        .into_iter()
        .map(|(realm, scopes)| RealmScopes { realm, scopes });
    let wanted = ServiceUserWrite {
        id,
        name: fields.name,
        owner: fields.owner,
        subtitle: fields.subtitle,
        client_config: ClientConfig {
            redirect_urls: fields.client.redirect_urls,
            scopes: scopes.collect(),
            confidential: fields.client.confidential,
        },
        user_config: UserConfig { scopes: fields.scopes },
    };
    ServiceUserEntry {
        place,
        wanted,
        password_hashes: fields.password_hashes,
    }
}

/// The entry that is being read.
struct Reader<'a> {
    text: &'a str,
    place: Place,
}

impl Reader<'_> {
    /// Takes a value apart; an error says where it stands.
    fn parse<T: DeserializeOwned>(&self, value: Value, below: &[&str]) -> Result<T, ImportError> {
        use serde_path_to_error::Segment;
        serde_path_to_error::deserialize(value).map_err(|error| {
            let mut path = self.place.path();
            path.extend(below.iter().map(|name| Step::Key((*name).to_owned())));
            path.extend(error.path().iter().filter_map(|segment| match segment {
                Segment::Seq { index } => Some(Step::Index(*index)),
                Segment::Map { key } => Some(Step::Key(key.clone())),
                Segment::Enum { .. } | Segment::Unknown => None,
            }));
            let field = error.path().to_string();
            let reason = error.into_inner().to_string();
            let message = if field == "." {
                reason
            } else {
                format!("{field}: {reason}")
            };
            wrong(self.text, &path, message)
        })
    }

    /// Takes a field that must be there.
    fn take<T: DeserializeOwned>(&self, entry: &mut Map<String, Value>, name: &str) -> Result<T, ImportError> {
        match entry.shift_remove(name) {
            Some(value) => self.parse(value, &[name]),
            None => Err(wrong(self.text, &self.place.path(), format!("{name} is missing"))),
        }
    }

    fn entry<T: DeserializeOwned>(&self, mut entry: Map<String, Value>, realm: &str) -> Result<Entry<T>, ImportError> {
        let id = self.take(&mut entry, "id")?;
        let named = !realm.is_empty() && entry.contains_key(realm);
        let realm = if named {
            Some(self.take(&mut entry, realm)?)
        } else {
            None
        };
        Ok(Entry {
            place: self.place,
            realm,
            id,
            patch: self.parse(Value::Object(entry), &[])?,
        })
    }
}

fn entries<T>(
    text: &str,
    section: &'static str,
    value: Option<Value>,
    read: impl Fn(Map<String, Value>, &Reader<'_>) -> Result<T, ImportError>,
) -> Result<Option<Vec<T>>, ImportError> {
    let Some(value) = value else { return Ok(None) };
    let list = match value {
        Value::Null => Vec::new(),
        Value::Array(list) => list,
        _ => {
            return Err(wrong(
                text,
                &[Step::Key(section.to_owned())],
                format!("{section} is a list"),
            ));
        }
    };
    let mut seen = BTreeSet::new();
    let mut all = Vec::with_capacity(list.len());
    for (index, item) in list.into_iter().enumerate() {
        let reader = Reader {
            text,
            place: Place { section, index },
        };
        let Value::Object(entry) = item else {
            return Err(wrong(text, &reader.place.path(), "an entry is a map with an id"));
        };
        let part = |name: &str| {
            entry
                .get(name)
                .and_then(Value::as_str)
                .map(|text| text.trim_start_matches('/').to_owned())
        };
        if let Some(id) = part("id")
            && !seen.insert((
                part("realm").unwrap_or_else(|| "employees".to_owned()),
                part("type"),
                id.clone(),
            ))
        {
            return Err(wrong(text, &reader.place.path(), format!("{id:?} is listed twice")));
        }
        all.push(read(entry, &reader)?);
    }
    Ok(Some(all))
}
