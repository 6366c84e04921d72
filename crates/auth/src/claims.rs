//! What a token says about its owner, in the forms that token info answers and the two token profiles have.

use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::{Caller, VerifyError, canonical_realm};

/// Reads who the token belongs to. `expires_at` is in seconds since 1970 UTC.
pub(crate) fn caller(
    claims: &Map<String, Value>,
    uid: &str,
    expires_at: i64,
    token: &str,
) -> Result<Caller, VerifyError> {
    Ok(Caller {
        uid: uid.to_owned(),
        realm: canonical_realm(text(claims, "realm").unwrap_or_default()),
        scopes: scopes(claims)?,
        client_id: text(claims, "client_id")
            .or_else(|| text(claims, "azp"))
            .map(str::to_owned),
        expires_at,
        token: SecretString::from(token),
    })
}

/// A claim that is a text with something in it.
pub(crate) fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// The scopes, from an array of texts (the legacy profile) or one text with spaces (RFC 9068). Anything else is refused.
fn scopes(claims: &Map<String, Value>) -> Result<Vec<String>, VerifyError> {
    match claims.get("scope") {
        Some(Value::Array(scopes)) => scopes
            .iter()
            .map(|scope| scope.as_str().map(str::to_owned).ok_or(VerifyError::Invalid))
            .collect(),
        Some(Value::String(scopes)) => Ok(scopes.split_whitespace().map(str::to_owned).collect()),
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(_) => Err(VerifyError::Invalid),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(claims: &Value) -> Result<Caller, VerifyError> {
        caller(claims.as_object().unwrap(), "kio", 7, "t")
    }

    #[test]
    fn both_forms_of_scopes_are_read() {
        for scope in [
            json!(["uid", "application.write"]),
            json!("uid application.write"),
            json!(" uid  application.write "),
        ] {
            let caller = read(&json!({"realm": "services", "scope": scope})).unwrap();
            assert_eq!(caller.scopes, ["uid", "application.write"]);
            assert_eq!(caller.realm, "/services");
        }
        assert_eq!(read(&json!({})).unwrap().scopes, Vec::<String>::new());
        for scope in [json!(["uid", 1]), json!(1), json!({"uid": true})] {
            assert_eq!(
                read(&json!({"scope": scope})).unwrap_err(),
                VerifyError::Invalid,
                "{scope}"
            );
        }
    }

    #[test]
    fn the_client_is_named_by_either_claim() {
        assert_eq!(
            read(&json!({"client_id": "c"})).unwrap().client_id.as_deref(),
            Some("c")
        );
        assert_eq!(read(&json!({"azp": "c"})).unwrap().client_id.as_deref(), Some("c"));
        assert_eq!(read(&json!({})).unwrap().client_id, None);
    }
}
