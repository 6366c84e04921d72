//! Whether an ID token is one of this provider, for this client, of this login (OpenID Connect Core 3.1.3.7).

use jsonwebtoken::{Validation, decode, decode_header};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use crate::claims::text;
use crate::jwt::live;
use crate::key_set::KeySet;

/// What an ID token has to say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    /// Seconds since 1970 UTC.
    pub(super) now: i64,
}

/// The id of the key that the token says it was signed with.
pub(super) fn key_id(token: &str) -> Result<String, &'static str> {
    let header = decode_header(token).map_err(|_| "it is no JWT with a signature")?;
    header.kid.ok_or("it names no key")
}

/// The claims of the token, or what is wrong with it.
pub(super) fn check(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Map<String, Value>, &'static str> {
    let header = decode_header(token).map_err(|_| "it is no JWT with a signature")?;
    let kind = header.typ.as_deref().map(str::to_ascii_lowercase);
    if kind.is_some_and(|kind| kind != "jwt") {
        return Err("it is a token of another kind");
    }
    let key = keys
        .get(header.kid.as_deref().unwrap_or_default())
        .ok_or("its key is not among the provider's")?;
    if !key.algorithms.contains(&header.alg) {
        return Err("its key is not for its algorithm");
    }
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let claims = decode::<Map<String, Value>>(token, &key.decoding, &validation)
        .map_err(|_| "its signature is wrong")?
        .claims;
    check_claims(&claims, expected)?;
    Ok(claims)
}

fn check_claims(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), &'static str> {
    let issuer = text(claims, "iss").unwrap_or_default();
    if issuer.trim_end_matches('/') != expected.issuer.trim_end_matches('/') {
        return Err("it is of another issuer");
    }
    check_audience(claims, expected.client_id)?;
    live(claims, expected.now).map_err(|_| "it has expired, or is not valid yet")?;
    let nonce = text(claims, "nonce").unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err("it belongs to another login");
    }
    match text(claims, "sub") {
        Some(subject) if subject.len() <= 255 => Ok(()),
        _ => Err("it does not say whose it is"),
    }
}

/// For this client. One that is also for others, or says to whom it was issued, must have been issued to this client.
fn check_audience(claims: &Map<String, Value>, client_id: &str) -> Result<(), &'static str> {
    let (ours, several) = match claims.get("aud") {
        Some(Value::String(audience)) => (audience == client_id, false),
        Some(Value::Array(audiences)) => (
            audiences.iter().any(|audience| audience == client_id),
            audiences.len() > 1,
        ),
        _ => (false, false),
    };
    let authorised = match claims.get("azp") {
        None => !several,
        Some(party) => party == client_id,
    };
    if ours && authorised {
        Ok(())
    } else {
        Err("it is for another client")
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;
    use crate::crypto::{generate, install, public_jwk, signing_key};

    const NOW: i64 = 1_700_000_000;

    fn key() -> EncodingKey {
        install();
        signing_key(Algorithm::ES256, &generate(Algorithm::ES256).unwrap()).unwrap()
    }

    fn keys(key: &EncodingKey) -> KeySet {
        KeySet::read(&json!({"keys": [public_jwk(Algorithm::ES256, key, "k1").unwrap()]}))
    }

    fn claims() -> Value {
        json!({
            "iss": "https://login.example.org", "aud": "stups", "sub": "4711", "nonce": "n", "iat": NOW, "exp": NOW + 300,
        })
    }

    fn checked(header: &Header, claims: &Value, signer: &EncodingKey, keys: &KeySet) -> Result<(), &'static str> {
        let token = encode(header, claims, signer).unwrap();
        let expected = Expected {
            issuer: "https://login.example.org/",
            client_id: "stups",
            nonce: "n",
            now: NOW,
        };
        check(&token, keys, &expected).map(|_| ())
    }

    fn header() -> Header {
        Header {
            kid: Some("k1".to_owned()),
            ..Header::new(Algorithm::ES256)
        }
    }

    #[test]
    fn a_token_of_this_login_is_one() {
        let key = key();
        assert_eq!(checked(&header(), &claims(), &key, &keys(&key)), Ok(()));
        let mut several = claims();
        several["aud"] = json!(["stups", "other"]);
        several["azp"] = json!("stups");
        assert_eq!(checked(&header(), &several, &key, &keys(&key)), Ok(()));
    }

    #[test]
    fn every_claim_is_checked() {
        let key = key();
        for (name, value, reason) in [
            ("iss", json!("https://login.example.com"), "it is of another issuer"),
            ("iss", Value::Null, "it is of another issuer"),
            ("aud", json!("other"), "it is for another client"),
            ("aud", json!(["other"]), "it is for another client"),
            ("aud", json!(["stups", "other"]), "it is for another client"),
            ("aud", Value::Null, "it is for another client"),
            ("azp", json!("other"), "it is for another client"),
            ("exp", json!(NOW), "it has expired, or is not valid yet"),
            ("exp", Value::Null, "it has expired, or is not valid yet"),
            ("iat", json!(NOW + 60), "it has expired, or is not valid yet"),
            ("nonce", json!("m"), "it belongs to another login"),
            ("nonce", Value::Null, "it belongs to another login"),
            ("sub", json!(""), "it does not say whose it is"),
            ("sub", json!(7), "it does not say whose it is"),
            ("sub", json!("x".repeat(256)), "it does not say whose it is"),
        ] {
            let mut claims = claims();
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value,
            }
            assert_eq!(checked(&header(), &claims, &key, &keys(&key)), Err(reason), "{name}");
        }
    }

    #[test]
    fn only_the_providers_keys_sign() {
        let (key, other) = (key(), key());
        assert_eq!(
            checked(&header(), &claims(), &other, &keys(&key)),
            Err("its signature is wrong")
        );
        let nameless = Header { kid: None, ..header() };
        assert_eq!(
            checked(&nameless, &claims(), &key, &keys(&key)),
            Err("its key is not among the provider's")
        );
        let access = Header {
            typ: Some("at+jwt".to_owned()),
            ..header()
        };
        assert_eq!(
            checked(&access, &claims(), &key, &keys(&key)),
            Err("it is a token of another kind")
        );
    }

    #[test]
    fn without_a_signature_it_is_nothing() {
        use base64::Engine as _;
        let encode = |value: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
        let key = key();
        let expected = Expected {
            issuer: "https://login.example.org",
            client_id: "stups",
            nonce: "n",
            now: NOW,
        };
        for algorithm in ["none", "HS256"] {
            let header = encode(&json!({"alg": algorithm, "kid": "k1"}));
            let token = format!("{header}.{}.", encode(&claims()));
            assert!(check(&token, &keys(&key), &expected).is_err(), "{algorithm}");
        }
    }
}
