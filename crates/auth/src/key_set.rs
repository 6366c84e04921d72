//! The public keys that tokens are verified by, and where they come from.

use std::collections::HashMap;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use stups_api::client::{Client, Error};
use url::Url;

const RSA: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// Keys by their id.
#[derive(Default)]
pub(crate) struct KeySet(HashMap<String, Key>);

pub(crate) struct Key {
    /// What the key may be used with: never HMAC, never `none`.
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) decoding: DecodingKey,
}

impl KeySet {
    /// The usable keys of a set. One that is not (of another kind, for encryption, without an id) is left out: it must not
    /// keep the others from being used.
    pub(crate) fn read(set: &Value) -> Self {
        let keys = set
            .get("keys")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let jwks = keys
            .iter()
            .filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
        let set = JwkSet { keys: jwks.collect() };
        Self(
            set.keys
                .iter()
                .filter_map(|jwk| Some((jwk.common.key_id.clone()?, usable(jwk)?)))
                .collect(),
        )
    }

    pub(crate) fn get(&self, kid: &str) -> Option<&Key> {
        self.0.get(kid)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn usable(jwk: &Jwk) -> Option<Key> {
    if jwk
        .common
        .public_key_use
        .as_ref()
        .is_some_and(|usage| *usage != PublicKeyUse::Signature)
    {
        return None;
    }
    let possible: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => RSA,
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(_) => &[Algorithm::EdDSA],
        _ => return None,
    };
    let named = jwk
        .common
        .key_algorithm
        .map(|named| named.to_string().parse::<Algorithm>());
    let algorithms = match named {
        None => possible.to_vec(),
        Some(Ok(named)) if possible.contains(&named) => vec![named],
        Some(_) => return None,
    };
    Some(Key {
        algorithms,
        decoding: DecodingKey::from_jwk(jwk).ok()?,
    })
}

/// What an OAuth provider publishes about itself (RFC 8414).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Url,
}

/// Keys, and who signs with them.
pub(crate) struct Published {
    pub(crate) keys: KeySet,
    pub(crate) issuer: Option<String>,
}

/// Fetches what identity publishes: the keys that its metadata names, or those of the original's address when there is no
/// metadata (contract identity 2.6).
pub(crate) async fn fetch(identity: &Client) -> Result<Published, Error> {
    let metadata: Option<Metadata> = identity
        .get(&[".well-known", "oauth-authorization-server"])
        .optional()
        .await?;
    let Some(metadata) = metadata else {
        let set = identity.get(&["oauth2", "connect", "keys"]).send::<Value>().await?;
        return Ok(Published {
            keys: KeySet::read(&set),
            issuer: None,
        });
    };
    let url = reachable(&metadata, identity.base());
    let set = identity.follow(reqwest::Method::GET, &url).send::<Value>().await?;
    Ok(Published {
        keys: KeySet::read(&set),
        issuer: Some(metadata.issuer),
    })
}

/// The address of the keys. Metadata is written for the outside; when we reach identity another way, we take the keys there.
fn reachable(metadata: &Metadata, identity: &Url) -> Url {
    let outside = metadata.issuer.trim_end_matches('/');
    match metadata.jwks_uri.as_str().strip_prefix(outside) {
        Some(path) => format!("{}{path}", identity.as_str().trim_end_matches('/'))
            .parse()
            .unwrap_or(metadata.jwks_uri.clone()),
        None => metadata.jwks_uri.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crypto::{generate, public_jwk, signing_key};

    fn jwk(algorithm: Algorithm, kid: &str) -> Value {
        let key = signing_key(algorithm, &generate(algorithm).unwrap()).unwrap();
        serde_json::to_value(public_jwk(algorithm, &key, kid).unwrap()).unwrap()
    }

    #[test]
    fn one_bad_key_does_not_spoil_the_set() {
        let mut encryption = jwk(Algorithm::ES256, "encryption");
        encryption["use"] = json!("enc");
        let mut nameless = jwk(Algorithm::ES256, "x");
        nameless.as_object_mut().unwrap().remove("kid");
        let set = KeySet::read(&json!({"keys": [
            jwk(Algorithm::ES256, "a"), jwk(Algorithm::ES384, "b"), jwk(Algorithm::EdDSA, "c"), encryption, nameless,
            {"kty": "oct", "k": "c2VjcmV0", "kid": "hmac", "alg": "HS256"},
            {"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA", "kid": "p521"},
            {"kty": "XX", "kid": "unknown"}, {"kty": "RSA", "kid": "half"}, 7
        ]}));
        let mut kids: Vec<_> = set.0.keys().map(String::as_str).collect();
        kids.sort_unstable();
        assert_eq!(kids, ["a", "b", "c"]);
        assert_eq!(set.get("a").unwrap().algorithms, [Algorithm::ES256]);
    }

    #[test]
    fn a_key_that_contradicts_its_algorithm_is_left_out() {
        let mut confused = jwk(Algorithm::ES256, "a");
        for algorithm in ["RS256", "HS256", "ES384"] {
            confused["alg"] = json!(algorithm);
            assert!(KeySet::read(&json!({"keys": [confused]})).is_empty(), "{algorithm}");
        }
    }

    #[test]
    fn nonsense_is_an_empty_set() {
        for set in [json!({}), json!([]), json!({"keys": {}}), json!(null)] {
            assert!(KeySet::read(&set).is_empty(), "{set}");
        }
    }

    #[test]
    fn keys_are_fetched_where_identity_is_reached() {
        let metadata = Metadata {
            issuer: "https://identity.example.org".to_owned(),
            jwks_uri: "https://identity.example.org/oauth2/keys".parse().unwrap(),
        };
        let inside = "http://127.0.0.1:8081/".parse().unwrap();
        assert_eq!(
            reachable(&metadata, &inside).as_str(),
            "http://127.0.0.1:8081/oauth2/keys"
        );
        let elsewhere = Metadata {
            jwks_uri: "https://keys.example.org/k".parse().unwrap(),
            ..metadata
        };
        assert_eq!(reachable(&elsewhere, &inside).as_str(), "https://keys.example.org/k");
    }
}
