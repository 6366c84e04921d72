use std::collections::HashSet;
use std::str::FromStr;

use crate::Caller;

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

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn caller(realm: &str, uid: &str) -> Caller {
        Caller {
            uid: uid.to_owned(),
            realm: realm.to_owned(),
            scopes: Vec::new(),
            client_id: None,
            expires_at: 0,
            token: SecretString::from(""),
        }
    }

    #[test]
    fn only_realm_and_uid_together_match() {
        let list: AdminList = "/employees/jdoe, /services/robot,".parse().unwrap();
        assert!(list.contains(&caller("/employees", "jdoe")));
        assert!(list.contains(&caller("/services", "robot")));
        assert!(!list.contains(&caller("/services", "jdoe")));
        assert!(!list.contains(&caller("", "jdoe")));
        assert!(!AdminList::default().contains(&caller("/employees", "jdoe")));
    }

    #[test]
    fn an_entry_that_is_not_realm_and_uid_is_refused() {
        for text in ["jdoe", "employees/jdoe", "/jdoe", "/employees/", "/employees/a/b"] {
            assert!(text.parse::<AdminList>().is_err(), "{text}");
        }
    }
}
