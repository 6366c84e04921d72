//! The user directories, and how a request says which one it means (contract identity 2.1).

use std::collections::BTreeMap;

use serde::Deserialize;

/// A separate directory of users and clients.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)]
pub struct Realm {
    /// How long an access token lives.
    pub lifetime_seconds: i64,
    /// Whether users are kept here: they can be administered, and their scopes are checked.
    pub managed: bool,
    /// Granted when neither the request nor the client names a scope.
    pub default_scopes: Vec<String>,
    /// Whether user name and password may be exchanged for a token directly (RFC 9700 2.4 forbids it; machines of old need it).
    pub password_grant: bool,
    /// Whether people log in: the login page, sessions and the device flow.
    pub interactive: bool,
    /// Further string claims of every token: name to value, where `{uid}` stands for the user name.
    pub extra_claims: BTreeMap<String, String>,
    /// Leaves out what the original did not have (`jti`, `client_id`, the issuer's URL): tokens that must fit into a cookie.
    pub compact_tokens: bool,
}

impl Default for Realm {
    fn default() -> Self {
        Self {
            lifetime_seconds: 3600,
            managed: true,
            default_scopes: vec!["uid".to_owned()],
            password_grant: false,
            interactive: true,
            extra_claims: BTreeMap::new(),
            compact_tokens: false,
        }
    }
}

/// Why a request has no realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RealmError {
    /// `realm_not_found`: the name that was given, or the host.
    NotFound(String),
    /// `missing_realm`: neither a parameter nor a `Host` header.
    Missing,
}

/// All realms of this provider, by canonical name.
#[derive(Clone, Debug)]
pub struct Realms {
    realms: BTreeMap<String, Realm>,
    default: Option<String>,
}

impl Realms {
    /// The four realms of the originals, with those of the configuration over them.
    pub fn new(configured: &BTreeMap<String, Realm>, default: Option<&str>) -> Self {
        let mut realms = BTreeMap::from([
            ("/employees".to_owned(), Realm::default()),
            (
                "/services".to_owned(),
                Realm {
                    password_grant: true,
                    interactive: false,
                    ..Realm::default()
                },
            ),
            (
                "/customers".to_owned(),
                Realm {
                    lifetime_seconds: 30 * 24 * 3600,
                    compact_tokens: true,
                    ..Realm::default()
                },
            ),
            (
                "/guest-customers".to_owned(),
                Realm {
                    lifetime_seconds: 30 * 60,
                    compact_tokens: true,
                    ..Realm::default()
                },
            ),
        ]);
        realms.extend(configured.iter().map(|(name, realm)| (canonical(name), realm.clone())));
        Self {
            realms,
            default: default.map(canonical),
        }
    }

    /// The realm of that name, with or without the leading slash.
    pub fn get(&self, name: &str) -> Option<(&str, &Realm)> {
        self.realms
            .get_key_value(&canonical(name))
            .map(|(name, realm)| (name.as_str(), realm))
    }

    /// All names, with the leading slash, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.realms.keys().map(String::as_str)
    }

    /// The realms of machines: nobody logs in there.
    pub fn machines(&self) -> impl Iterator<Item = (&str, &Realm)> {
        self.realms
            .iter()
            .filter(|(_, realm)| !realm.interactive)
            .map(|(name, realm)| (name.as_str(), realm))
    }

    /// The realms that people log in at.
    pub fn people(&self) -> impl Iterator<Item = (&str, &Realm)> {
        self.realms
            .iter()
            .filter(|(_, realm)| realm.interactive)
            .map(|(name, realm)| (name.as_str(), realm))
    }

    /// The longest lifetime of an access token: how long a key must stay published after its last use.
    pub fn longest_lifetime_seconds(&self) -> i64 {
        self.realms
            .values()
            .map(|realm| realm.lifetime_seconds)
            .max()
            .unwrap_or_default()
    }

    /// Which realm a request means: its parameter, else a part of its host name, else the default.
    pub fn resolve(&self, parameter: Option<&str>, host: Option<&str>) -> Result<&str, RealmError> {
        if let Some(name) = parameter {
            return self
                .get(name)
                .map(|(name, _)| name)
                .ok_or_else(|| RealmError::NotFound(name.to_owned()));
        }
        match host {
            Some(host) => self
                .in_host(host)
                .or_else(|| self.default_name())
                .ok_or_else(|| RealmError::NotFound(host.to_owned())),
            None => self.default_name().ok_or(RealmError::Missing),
        }
    }

    fn default_name(&self) -> Option<&str> {
        self.get(self.default.as_deref()?).map(|(name, _)| name)
    }

    /// A realm whose name is one part of the host name between dots and hyphens; the alphabetically first of several.
    fn in_host(&self, host: &str) -> Option<&str> {
        let parts: Vec<&str> = host.split(['.', '-']).collect();
        self.names().find(|name| parts.contains(&&name[1..]))
    }
}

/// The name with exactly one leading slash.
pub fn canonical(name: &str) -> String {
    format!("/{}", name.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn realms(names: &[&str]) -> Realms {
        let realms = names
            .iter()
            .map(|name| ((*name).to_owned(), Realm::default()))
            .collect();
        Realms { realms, default: None }
    }

    #[test]
    fn the_host_names_the_realm_as_the_originals_tests_pin_it() {
        let realms = realms(&["/foo", "/bar"]);
        for (host, expected) in [
            ("provider.foo.example.org", Some("/foo")),
            ("provider-bar.example.org", Some("/bar")),
            ("foo.bar", Some("/bar")),
            ("foobar", None),
            ("xfoox", None),
            ("example.foo:8080", None),
            ("foo.example.org:8080", Some("/foo")),
        ] {
            let expected = expected.ok_or_else(|| RealmError::NotFound(host.to_owned()));
            assert_eq!(realms.resolve(None, Some(host)), expected, "{host}");
        }
        assert_eq!(realms.resolve(None, None), Err(RealmError::Missing));
    }

    #[test]
    fn a_realm_with_a_hyphen_never_equals_one_part() {
        let realms = realms(&["/customers", "/guest-customers"]);
        assert_eq!(
            realms.resolve(None, Some("guest-customers.example.org")),
            Ok("/customers")
        );
    }

    #[test]
    fn the_parameter_wins_and_needs_no_slash() {
        let realms = realms(&["/services", "/employees"]);
        assert_eq!(
            realms.resolve(Some("services"), Some("employees.example.org")),
            Ok("/services")
        );
        assert_eq!(realms.resolve(Some("/services"), None), Ok("/services"));
        assert_eq!(
            realms.resolve(Some("Services"), None),
            Err(RealmError::NotFound("Services".to_owned()))
        );
        assert_eq!(
            realms.resolve(Some("service"), None),
            Err(RealmError::NotFound("service".to_owned()))
        );
    }

    #[test]
    fn a_default_realm_answers_last() {
        let realms = Realms::new(&BTreeMap::new(), Some("employees"));
        assert_eq!(realms.resolve(None, Some("127.0.0.1:8080")), Ok("/employees"));
        assert_eq!(realms.resolve(None, Some("services.example.org")), Ok("/services"));
    }

    #[test]
    fn the_configuration_goes_over_the_four_realms_of_old() {
        let own = BTreeMap::from([(
            "employees".to_owned(),
            Realm {
                lifetime_seconds: 60,
                ..Realm::default()
            },
        )]);
        let realms = Realms::new(&own, None);
        assert_eq!(
            realms.names().collect::<Vec<_>>(),
            ["/customers", "/employees", "/guest-customers", "/services"]
        );
        assert_eq!(realms.get("/employees").unwrap().1.lifetime_seconds, 60);
        assert!(realms.get("services").unwrap().1.password_grant);
        assert!(!realms.get("employees").unwrap().1.password_grant);
        assert_eq!(realms.longest_lifetime_seconds(), 30 * 24 * 3600);
    }
}
