//! Access tokens of ours that somebody shows: verified once, remembered within bounds, asked about again when a revocation
//! came in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::future::Cache;
use serde_json::{Map, Value, json};

use crate::State;
use crate::config::Algorithm;
use crate::keys::Jws;
use crate::revoked::token_hash;

/// How many tokens are remembered.
const REMEMBERED: u64 = 10_000;

/// Fields of a token info answer that no scope may be taken for (contract identity 2.20).
pub const FIXED_FIELDS: [&str; 10] = [
    "access_token",
    "uid",
    "realm",
    "scope",
    "grant_type",
    "token_type",
    "expires_in",
    "client_id",
    "refresh_token",
    "error",
];

/// A token that is genuine. Whether it is still valid, [`Verified`] says.
#[derive(Debug)]
pub struct Token {
    /// The user.
    pub uid: String,
    /// The user's realm.
    pub realm: String,
    /// What the token may do.
    pub scopes: Vec<String>,
    /// The client that it was issued to.
    pub client_id: Option<String>,
    /// Whom it is for; empty for tokens that are for all.
    pub audience: Vec<String>,
    /// Seconds since 1970 UTC.
    pub expires_at: i64,
    /// All claims.
    pub claims: Map<String, Value>,
    /// What a revocation of it is kept under.
    pub hash: String,
    not_before: i64,
    before_expiry: String,
    after_expiry: String,
    checked: AtomicU64,
}

impl Token {
    /// The answer of token info, where `expires_in` seconds are left.
    pub fn info(&self, expires_in: i64) -> String {
        format!("{}{expires_in}{}", self.before_expiry, self.after_expiry)
    }
}

/// The token is not valid: malformed, forged, expired or revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid;

/// Tokens that were verified.
pub struct Verified(Cache<String, Arc<Token>>);

impl Default for Verified {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Verified {
    /// Forgets everything: the keys have changed.
    pub fn forget(&self) {
        self.0.invalidate_all();
    }

    /// The token, when it is genuine, has not expired and is not revoked.
    pub async fn token(&self, state: &State, text: &str) -> Result<Arc<Token>, Invalid> {
        let token = if let Some(token) = self.0.get(text).await {
            token
        } else {
            let token = Arc::new(verify(state, text)?);
            self.0.insert(text.to_owned(), Arc::clone(&token)).await;
            token
        };
        let now = state.clock.seconds();
        if token.expires_at <= now || token.not_before > now {
            return Err(Invalid);
        }
        let generation = state.revoked.generation() + 1;
        if token.checked.load(Ordering::Acquire) != generation {
            if state
                .revoked
                .hits(&state.config.revocation.hashing_salt, &token.hash, &token.claims)
            {
                return Err(Invalid);
            }
            token.checked.store(generation, Ordering::Release);
        }
        Ok(token)
    }
}

/// Checks the signature and the shape (contract identity 2.11.2). Nothing is taken from the header but which key it was.
fn verify(state: &State, text: &str) -> Result<Token, Invalid> {
    let jws = Jws::parse(text).map_err(|_| Invalid)?;
    let key = state
        .keys
        .find(jws.header.kid.as_deref().ok_or(Invalid)?)
        .ok_or(Invalid)?;
    if !jws.is_signed_by(key.public()) {
        return Err(Invalid);
    }
    // An Ed25519 key signs tokens of the modern profile only.
    if key.algorithm == Algorithm::EdDsa && jws.header.typ.as_deref() != Some("at+jwt") {
        return Err(Invalid);
    }
    from_claims(&state.config.revocation.hashing_salt, text, jws.claims)
}

/// Reads the claims of both profiles: `scope` as an array or as a text.
fn from_claims(salt: &str, text: &str, claims: Map<String, Value>) -> Result<Token, Invalid> {
    let required = |name: &str| {
        claims
            .get(name)
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
            .ok_or(Invalid)
    };
    let (uid, realm) = (required("sub")?, required("realm")?);
    let scopes: Vec<String> = match claims.get("scope") {
        Some(Value::String(scopes)) => scopes.split_whitespace().map(ToOwned::to_owned).collect(),
        Some(scopes @ Value::Array(_)) => serde_json::from_value(scopes.clone()).map_err(|_| Invalid)?,
        _ => return Err(Invalid),
    };
    let azp = match claims.get("azp") {
        None => None,
        Some(azp) => Some(azp.as_str().ok_or(Invalid)?.to_owned()),
    };
    let expires_at = claims.get("exp").and_then(Value::as_i64).ok_or(Invalid)?;
    let starts = ["iat", "nbf"]
        .iter()
        .filter_map(|name| claims.get(*name))
        .map(|start| start.as_i64().ok_or(Invalid));
    let not_before = starts
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .max()
        .unwrap_or_default();
    let audience = match claims.get("aud") {
        None => Vec::new(),
        Some(Value::String(audience)) => vec![audience.clone()],
        Some(audience) => serde_json::from_value(audience.clone()).map_err(|_| Invalid)?,
    };
    let (before_expiry, after_expiry) = answer(text, &uid, &realm, &scopes, azp.as_deref());
    let client_id = azp.or_else(|| claims.get("client_id").and_then(Value::as_str).map(ToOwned::to_owned));
    Ok(Token {
        hash: token_hash(salt, text),
        uid,
        realm,
        scopes,
        client_id,
        audience,
        expires_at,
        claims,
        not_before,
        before_expiry,
        after_expiry,
        checked: AtomicU64::new(0),
    })
}

/// The two halves of the answer, around the only number in it that changes.
fn answer(text: &str, uid: &str, realm: &str, scopes: &[String], azp: Option<&str>) -> (String, String) {
    let fixed = json!({
        "access_token": text,
        "uid": uid,
        "realm": realm,
        "scope": scopes,
        "grant_type": "password",
        "token_type": "Bearer",
    })
    .to_string();
    let mut rest = Map::new();
    if let Some(azp) = azp {
        rest.insert("client_id".to_owned(), json!(azp));
    }
    for scope in scopes.iter().filter(|scope| !FIXED_FIELDS.contains(&scope.as_str())) {
        rest.insert(scope.clone(), json!(true));
    }
    let before = format!("{},\"expires_in\":", fixed.trim_end_matches('}'));
    let rest = Value::Object(rest).to_string();
    let after = if rest == "{}" {
        "}".to_owned()
    } else {
        format!(",{}", &rest[1..])
    };
    (before, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: Value) -> Result<Token, Invalid> {
        let Value::Object(claims) = claims else { unreachable!() };
        from_claims("salt", "a.b.c", claims)
    }

    #[test]
    fn the_answer_is_as_the_originals_consumers_read_it() {
        let token = token(json!({
            "sub": "stups_kio", "realm": "/services", "scope": ["uid", "application.write", "realm"], "exp": 43, "iat": 1,
            "azp": "client",
        }))
        .unwrap();
        let info: Value = serde_json::from_str(&token.info(1)).unwrap();
        assert_eq!(
            info,
            json!({
                "access_token": "a.b.c", "uid": "stups_kio", "realm": "/services",
                "scope": ["uid", "application.write", "realm"], "grant_type": "password", "token_type": "Bearer",
                "expires_in": 1, "client_id": "client", "application.write": true,
            })
        );
    }

    #[test]
    fn an_empty_scope_array_is_fine() {
        let token = token(json!({ "sub": "x", "realm": "/services", "scope": [], "exp": 43 })).unwrap();
        let info: Value = serde_json::from_str(&token.info(7)).unwrap();
        assert_eq!((&info["scope"], &info["expires_in"]), (&json!([]), &json!(7)));
        assert!(info.get("client_id").is_none());
    }

    #[test]
    fn bad_claims_are_no_token() {
        let good = json!({ "sub": "x", "realm": "/services", "scope": ["uid"], "exp": 43, "azp": "c", "iat": 1 });
        assert!(token(good.clone()).is_ok());
        for (name, value) in [
            ("scope", Value::Null),
            ("scope", json!([1])),
            ("sub", Value::Null),
            ("sub", json!(1)),
            ("realm", Value::Null),
            ("exp", Value::Null),
            ("exp", json!("43")),
            ("azp", json!(1)),
            ("iat", json!("1")),
            ("nbf", json!("1")),
            ("aud", json!(1)),
        ] {
            let mut claims = good.clone();
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value,
            }
            assert_eq!(token(claims).unwrap_err(), Invalid, "{name}");
        }
    }

    #[test]
    fn both_forms_of_scope_are_answered_as_an_array() {
        let token = token(json!({ "sub": "x", "realm": "/services", "scope": "uid cn", "exp": 43 })).unwrap();
        let info: Value = serde_json::from_str(&token.info(7)).unwrap();
        assert_eq!((&info["scope"], &info["cn"]), (&json!(["uid", "cn"]), &json!(true)));
    }
}
