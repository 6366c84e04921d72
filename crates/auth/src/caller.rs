use secrecy::SecretString;

/// Who is calling, as a verified token says.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user name within the realm: the token's `sub`.
    pub uid: String,
    /// With exactly one leading slash: `/employees`, `/services`.
    pub realm: String,
    /// The granted scopes.
    pub scopes: Vec<String>,
    /// The OAuth client, when the token names it.
    pub client_id: Option<String>,
    /// Seconds since 1970 UTC.
    pub expires_at: i64,
    /// The token itself, to be passed on to other services.
    pub token: SecretString,
}

impl Caller {
    /// Whether the token carries the scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }

    /// Whether a machine is calling.
    pub fn is_service(&self) -> bool {
        self.realm == "/services"
    }

    /// Whether a person of the organisation is calling.
    pub fn is_employee(&self) -> bool {
        self.realm == "/employees"
    }

    /// `/realm/uid`: how lists of administrators name a caller.
    pub fn name(&self) -> String {
        format!("{}/{}", self.realm, self.uid)
    }
}

/// The realm with exactly one leading slash and none at its end: `employees`, `/employees` and `//employees//` are the same
/// (contract kio 3). Empty when there is none.
pub fn canonical_realm(realm: &str) -> String {
    let realm = realm.trim_matches('/');
    if realm.is_empty() {
        String::new()
    } else {
        format!("/{realm}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn realms_have_one_spelling() {
        for (written, canonical) in [
            ("employees", "/employees"),
            ("/employees", "/employees"),
            ("//employees//", "/employees"),
            ("/a/b/", "/a/b"),
            ("/", ""),
            ("", ""),
        ] {
            assert_eq!(canonical_realm(written), canonical, "{written}");
        }
    }
}
