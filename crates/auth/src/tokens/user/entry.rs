use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use secrecy::{ExposeSecret as _, SecretString};
use stups_yaml::{Key, Map, Value};

/// A stored token is used only if it is still valid for so many seconds.
const MINIMUM_VALIDITY: f64 = 300.0;

/// An expired token is forgotten after so many seconds.
const MEMORY: f64 = 86_400.0;

/// A token under its name in `tokens.yaml` (contract zign 2.6.1).
#[derive(Clone)]
pub struct StoredToken {
    /// The name that programs ask for it by.
    pub name: String,
    /// The token.
    pub access_token: SecretString,
    /// Its scopes, blank separated; empty if they are not known, as the originals leave it.
    pub scope: String,
    /// When it was obtained, in seconds since 1970 UTC.
    pub creation_time: f64,
    /// Its lifetime in seconds.
    pub expires_in: f64,
    /// `Bearer`.
    pub token_type: String,
}

impl StoredToken {
    /// Reads an entry as leniently as the originals: what is missing counts as 0 or nothing. `None` if there is no token in it.
    pub(crate) fn from_entry(name: &str, entry: &Value) -> Option<Self> {
        let entry = entry.as_map()?;
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |key: &str| match entry.get(key) {
            Some(Value::Int(number)) => *number as f64,
            Some(Value::Float(number)) => *number,
            _ => 0.0,
        };
        Some(Self {
            name: name.to_owned(),
            access_token: Some(text("access_token")).filter(|token| !token.is_empty())?.into(),
            scope: text("scope"),
            creation_time: number("creation_time"),
            expires_in: number("expires_in"),
            token_type: text("token_type"),
        })
    }

    /// The entry as the originals write it. There is never a refresh token in it: the one that counts is in its own file.
    pub(crate) fn to_entry(&self) -> Value {
        let members = [
            ("access_token", Value::from(self.access_token.expose_secret())),
            ("creation_time", Value::Float(self.creation_time)),
            ("expires_in", Value::Int(self.expires_in as i128)),
            ("name", Value::from(self.name.as_str())),
            ("refresh_token", Value::Null),
            ("scope", Value::from(self.scope.as_str())),
            ("token_type", Value::from(self.token_type.as_str())),
        ];
        Value::Map(
            members
                .into_iter()
                .map(|(key, value)| (Key::from(key), value))
                .collect::<Map>(),
        )
    }

    /// Seconds until it ends; negative once it has.
    pub fn remaining(&self, now: f64) -> f64 {
        self.creation_time + self.expires_in - now
    }

    /// Whether it may be handed out at `now` (seconds since 1970): more than five minutes are left.
    pub fn is_valid(&self, now: f64) -> bool {
        self.remaining(now) > MINIMUM_VALIDITY
    }

    /// Whether it has been over for so long that it is not worth keeping.
    pub(crate) fn is_forgotten(&self, now: f64) -> bool {
        self.remaining(now) < -MEMORY
    }

    /// Whether it has all the scopes, as far as is known: the originals do not write them down.
    pub fn covers(&self, scopes: &[String]) -> bool {
        covers(&self.scope, scopes)
    }

    /// Whether it looks like a JSON Web Token: the only ones that `ztoken` takes from its file.
    pub fn is_json_web_token(&self) -> bool {
        self.access_token.expose_secret().matches('.').count() >= 2
    }
}

impl fmt::Debug for StoredToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StoredToken")
            .field("name", &self.name)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// Whether the blank separated scopes contain all that are wanted; scopes that nobody wrote down may be any.
pub(crate) fn covers(held: &str, wanted: &[String]) -> bool {
    held.trim().is_empty()
        || wanted
            .iter()
            .all(|scope| held.split_whitespace().any(|held| held == scope))
}

/// Seconds since 1970 UTC.
pub(crate) fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Option<StoredToken> {
        StoredToken::from_entry("x", &stups_yaml::load(text).unwrap())
    }

    #[test]
    fn an_entry_of_the_original_is_read() {
        let token = entry(
            "access_token: a.b.c\ncreation_time: 1500000000.25\nexpires_in: 3600\nname: x\nrefresh_token: null\nscope: ''\ntoken_type: Bearer\n",
        )
        .unwrap();
        assert_eq!(token.access_token.expose_secret(), "a.b.c");
        assert!((token.remaining(1_500_000_000.25) - 3600.0).abs() < 1e-6);
        assert!(token.is_json_web_token() && token.covers(&["anything".to_owned()]));
    }

    #[test]
    fn an_entry_is_written_as_the_original_writes_it() {
        let token = StoredToken {
            name: "x".to_owned(),
            access_token: "a.b.c".into(),
            scope: String::new(),
            creation_time: 1_500_000_000.25,
            expires_in: 3600.0,
            token_type: "Bearer".to_owned(),
        };
        assert_eq!(
            stups_yaml::dump(&token.to_entry()),
            "access_token: a.b.c\ncreation_time: 1500000000.25\nexpires_in: 3600\nname: x\nrefresh_token: null\nscope: ''\ntoken_type: Bearer\n"
        );
        assert!(!format!("{token:?}").contains("a.b.c"));
    }

    #[test]
    fn validity_is_the_originals() {
        let token = |expires_in: f64| StoredToken {
            creation_time: 1000.0,
            expires_in,
            ..entry("access_token: x").unwrap()
        };
        assert!(!token(0.0).is_valid(1000.0));
        assert!(!token(120.0).is_valid(1000.0));
        assert!(!token(300.0).is_valid(1000.0));
        assert!(token(500.0).is_valid(1000.0));
        assert!(!entry("access_token: x").unwrap().is_valid(now()));
        assert!(token(10.0).is_forgotten(1_000_000.0) && !token(10.0).is_forgotten(1020.0));
    }

    #[test]
    fn scopes_must_all_be_there_if_they_are_known() {
        let scopes = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert!(covers("uid cn", &scopes("uid")));
        assert!(covers("uid", &[]));
        assert!(!covers("uid", &scopes("uid application.write")));
        assert!(!covers("uid2", &scopes("uid")));
    }

    #[test]
    fn what_is_no_token_is_none() {
        for text in ["nothing", "[1]", "a: 1", "access_token: ''", "access_token: 7"] {
            assert!(entry(text).is_none(), "{text}");
        }
    }
}
