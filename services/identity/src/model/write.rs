//! What all writes of the directory share: who writes, what was wrong, what changed.

use std::collections::BTreeSet;

use sea_orm::{DatabaseTransaction, EntityTrait, IntoActiveModel};
pub use stups_api::identity::{Change, ChangeKind};
use stups_store::Error;

/// Names that token info answers itself: no scope may be called so (contract identity 2.20).
const RESERVED_SCOPES: [&str; 8] = [
    "realm",
    "scope",
    "access_token",
    "token_type",
    "expires_in",
    "grant_type",
    "client_id",
    "error",
];
/// The longest name of anything.
const MAX_NAME: usize = 255;
/// The longest text of anything.
const MAX_TEXT: usize = 4096;

/// Who writes, and when.
#[derive(Clone, Debug)]
pub struct Author {
    /// `/realm/uid`; `import` for a file applied at start.
    pub name: String,
    /// Milliseconds since 1970 UTC.
    pub now: i64,
}

/// Something in the request that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Invalid {
    /// Which field.
    pub field: &'static str,
    /// What was wrong, and what would be right.
    pub reason: String,
}

impl Invalid {
    /// What is wrong with a field.
    pub fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self {
            field,
            reason: reason.into(),
        }
    }
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The request is wrong.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The database refused.
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<sea_orm::DbErr> for WriteError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Store(error.into())
    }
}

impl From<WriteError> for stups_server::Error {
    fn from(error: WriteError) -> Self {
        match error {
            // The original's code for a hash that it cannot use (contract identity 2.2.4).
            WriteError::Invalid(invalid)
                if matches!(invalid.field, "password_hash" | "password_hashes" | "secret_hash") =>
            {
                Self::oauth(http::StatusCode::BAD_REQUEST, "invalid_hash", invalid.to_string())
            }
            WriteError::Invalid(invalid) => Self::bad_request(invalid.to_string()),
            WriteError::Store(error) => error.into(),
        }
    }
}

/// The fields of a row that a change made different.
#[derive(Debug, Default)]
pub struct Fields(Vec<String>);

impl Fields {
    /// Puts a new value in place, and notes the field if it is another one.
    pub fn set<T: PartialEq>(&mut self, name: &str, place: &mut T, value: T) {
        if *place != value {
            *place = value;
            self.note(name);
        }
    }

    /// The same for a value that may be absent.
    pub fn set_given<T: PartialEq>(&mut self, name: &str, place: &mut T, value: Option<T>) {
        if let Some(value) = value {
            self.set(name, place, value);
        }
    }

    /// Notes a field.
    pub fn note(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The change of something that was there or not; nothing when nothing is different.
    pub fn into_change(self, existed: bool, kind: &str, id: impl Into<String>) -> Option<Change> {
        let change = if existed {
            ChangeKind::Changed
        } else {
            ChangeKind::Added
        };
        let unchanged = existed && self.is_empty();
        (!unchanged).then(|| Change {
            change,
            kind: kind.to_owned(),
            id: id.into(),
            fingerprint: None,
            fields: self.0,
        })
    }
}

/// What an auditor calls a change: `user.added`.
pub fn action(change: &Change) -> String {
    let verb = match change.change {
        ChangeKind::Added => "added",
        ChangeKind::Changed => "changed",
        ChangeKind::Removed => "removed",
    };
    format!("{}.{verb}", change.kind)
}

/// The removal of something.
pub fn removal(kind: &str, id: impl Into<String>) -> Change {
    Change {
        change: ChangeKind::Removed,
        kind: kind.to_owned(),
        id: id.into(),
        fingerprint: None,
        fields: Vec::new(),
    }
}

/// Writes a row: inserts it, or replaces the one with its key.
pub(crate) async fn save<E, M>(transaction: &DatabaseTransaction, row: M, existed: bool) -> Result<(), Error>
where
    E: EntityTrait<Model = M>,
    M: IntoActiveModel<E::ActiveModel> + sea_orm::ModelTrait<Entity = E> + Send + Sync,
    E::ActiveModel: sea_orm::ActiveModelBehavior<Entity = E> + Send,
{
    use sea_orm::{ActiveModelTrait, Iterable, PrimaryKeyToColumn};
    let mut row = row.into_active_model();
    if existed {
        let keys: Vec<String> = E::PrimaryKey::iter()
            .map(|key| format!("{:?}", key.into_column()))
            .collect();
        for column in E::Column::iter().filter(|column| !keys.contains(&format!("{column:?}"))) {
            row.reset(column);
        }
        E::update(row).exec_without_returning(transaction).await?;
    } else {
        E::insert(row).exec_without_returning(transaction).await?;
    }
    Ok(())
}

/// A name that stands in paths and in lists: a user name, a client id, a team's id.
pub fn check_name(field: &'static str, name: &str) -> Result<(), Invalid> {
    let length = name.chars().count();
    if length == 0 || length > MAX_NAME {
        return Err(Invalid::new(
            field,
            format!("has {length} characters; 1 to {MAX_NAME} are allowed"),
        ));
    }
    if name.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/') || name == "." || name == ".." {
        return Err(Invalid::new(
            field,
            format!("{name:?} has a character that a name cannot have: no blanks, no slashes"),
        ));
    }
    Ok(())
}

/// Text for people.
pub fn check_text(field: &'static str, text: Option<&str>) -> Result<(), Invalid> {
    let Some(text) = text else { return Ok(()) };
    if text.len() > MAX_TEXT {
        return Err(Invalid::new(
            field,
            format!("has {} bytes; at most {MAX_TEXT} are allowed", text.len()),
        ));
    }
    // PostgreSQL cannot keep it.
    if text.contains('\0') {
        return Err(Invalid::new(field, "has a character of code 0"));
    }
    Ok(())
}

/// Scopes as RFC 6749 3.3 has them, none named as a fixed field of token info; sorted, each once.
pub fn check_scopes(field: &'static str, scopes: Vec<String>) -> Result<Vec<String>, Invalid> {
    for scope in &scopes {
        let well_formed = scope
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
        if scope.is_empty() || scope.len() > MAX_NAME || !well_formed {
            return Err(Invalid::new(
                field,
                format!("{scope:?} is not a scope: visible ASCII without blanks, \" and \\"),
            ));
        }
        if RESERVED_SCOPES.contains(&scope.as_str()) {
            return Err(Invalid::new(
                field,
                format!("no scope may be called {scope}: token info has a field of that name"),
            ));
        }
    }
    Ok(scopes.into_iter().collect::<BTreeSet<_>>().into_iter().collect())
}

/// An absolute URI without a fragment that a browser may be sent to.
pub fn check_redirect(field: &'static str, text: &str) -> Result<(), Invalid> {
    check_text(field, Some(text))?;
    let invalid = |reason: &str| Invalid::new(field, format!("{text:?} {reason}"));
    let url = url::Url::parse(text).map_err(|_| invalid("is not an absolute URI"))?;
    if url.fragment().is_some() {
        return Err(invalid("has a fragment"));
    }
    if matches!(
        url.scheme(),
        "javascript" | "data" | "vbscript" | "file" | "about" | "blob"
    ) {
        return Err(invalid("has a scheme that is run, not opened"));
    }
    Ok(())
}

/// A realm and a name: `/realm/uid`, or a bare name of `/employees`.
pub fn member_name(field: &'static str, text: &str) -> Result<(String, String), Invalid> {
    let (realm, uid) = match text.strip_prefix('/').and_then(|rest| rest.split_once('/')) {
        Some((realm, uid)) => (format!("/{realm}"), uid),
        None => ("/employees".to_owned(), text),
    };
    check_name(field, uid)?;
    Ok((realm, uid.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_paths() {
        for name in ["jdoe", "stups_kio", "a.b-c", "jdoe@example.org", "ä"] {
            assert_eq!(check_name("id", name), Ok(()), "{name}");
        }
        for name in ["", "a b", "a/b", "a\0", "..", &"x".repeat(256)] {
            assert!(check_name("id", name).is_err(), "{name}");
        }
    }

    #[test]
    fn no_scope_hides_a_field_of_token_info() {
        assert_eq!(
            check_scopes("scopes", vec!["uid".to_owned(), "cn".to_owned(), "uid".to_owned()]),
            Ok(vec!["cn".to_owned(), "uid".to_owned()])
        );
        for scope in RESERVED_SCOPES.into_iter().chain(["", "a b", "a\"", "ä"]) {
            assert!(check_scopes("scopes", vec![scope.to_owned()]).is_err(), "{scope}");
        }
    }

    #[test]
    fn redirects_are_absolute_and_not_run() {
        for uri in [
            "https://example.org/cb",
            "http://localhost:8081",
            "http://127.0.0.1/cb?x=1",
            "com.example.app:/cb",
        ] {
            assert_eq!(check_redirect("redirect_uris", uri), Ok(()), "{uri}");
        }
        for uri in [
            "",
            "/cb",
            "example.org",
            "https://example.org/#x",
            "javascript:alert(1)",
            "data:text/html,x",
        ] {
            assert!(check_redirect("redirect_uris", uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn members_are_employees_unless_they_say_otherwise() {
        assert_eq!(
            member_name("members", "jdoe"),
            Ok(("/employees".to_owned(), "jdoe".to_owned()))
        );
        assert_eq!(
            member_name("members", "/services/stups_kio"),
            Ok(("/services".to_owned(), "stups_kio".to_owned()))
        );
        assert!(member_name("members", "/services/").is_err());
        assert!(member_name("members", "a/b").is_err());
    }
}
