use std::collections::HashSet;
use std::str::FromStr;

use stups_auth::Caller;

/// Who may do everything: `/employees/jdoe,/services/robot` (contract kio 2.9). Empty by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminList(HashSet<String>);

impl AdminList {
    /// Whether the caller is on the list: by realm and uid, never by uid alone.
    pub fn contains(&self, caller: &Caller) -> bool {
        !self.0.is_empty() && self.0.contains(&caller.name())
    }

    /// Whether nobody is on the list.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for AdminList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let valid = |entry: &str| {
            let mut parts = entry.strip_prefix('/')?.split('/');
            let named =
                parts.next().is_some_and(|realm| !realm.is_empty()) && parts.next().is_some_and(|uid| !uid.is_empty());
            (named && parts.next().is_none()).then(|| entry.to_owned())
        };
        entries
            .map(|entry| valid(entry).ok_or_else(|| format!("{entry} is not an administrator such as /employees/jdoe")))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl<'de> serde::Deserialize<'de> for AdminList {
    /// From one text, as in an environment variable.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

