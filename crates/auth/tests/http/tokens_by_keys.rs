//! Tokens that are verified by identity's published keys (contract identity 2.5, 2.6, 2.11 to 2.13, 5.3).

use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use stups_auth::{JwtSettings, Verifier, VerifyError, crypto, revocation_hash};

use super::*;

const KEYS: &str = "/oauth2/connect/keys";
const METADATA: &str = "/.well-known/oauth-authorization-server";

struct Key {
    kid: &'static str,
    algorithm: Algorithm,
    private: EncodingKey,
}

impl Key {
    fn new(kid: &'static str, algorithm: Algorithm) -> Self {
        crypto::install();
        let private = crypto::signing_key(algorithm, &crypto::generate(algorithm).unwrap()).unwrap();
        Self {
            kid,
            algorithm,
            private,
        }
    }

    fn jwk(&self) -> Value {
        serde_json::to_value(crypto::public_jwk(self.algorithm, &self.private, self.kid).unwrap()).unwrap()
    }

    fn header(&self) -> Header {
        Header {
            typ: None,
            kid: Some(self.kid.to_owned()),
            ..Header::new(self.algorithm)
        }
    }

    fn sign(&self, claims: &Value) -> String {
        encode(&self.header(), claims, &self.private).unwrap()
    }
}

fn now() -> i64 {
    Timestamp::now().as_second()
}

fn claims() -> Value {
    json!({"sub": "kio", "realm": "/services", "iss": "B", "iat": now(), "exp": now() + 600,
           "scope": ["uid", "application.write"], "azp": "client-1"})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

async fn identity(keys: &[&Key]) -> Stub {
    let stub = Stub::start().await;
    publish(&stub, keys);
    stub.json("/revocations", no_revocations());
    stub
}

fn publish(stub: &Stub, keys: &[&Key]) {
    stub.json(
        KEYS,
        json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()}),
    );
}

fn verifier(stub: &Stub) -> Verifier {
    Verifier::jwt(JwtSettings::new(
        stub.url.clone(),
        &"https://kio.example.org/".parse().unwrap(),
    ))
    .unwrap()
}

#[tokio::test]
async fn a_token_says_who_is_calling() {
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
        let key = Key::new("k1", algorithm);
        let verifier = verifier(&identity(&[&key]).await);
        let token = key.sign(&claims());
        let caller = verifier.verify(&token).await.unwrap();
        assert_eq!((caller.uid.as_str(), caller.realm.as_str()), ("kio", "/services"));
        assert_eq!(caller.scopes, ["uid", "application.write"]);
        assert_eq!(caller.client_id.as_deref(), Some("client-1"));
        let text = verifier
            .verify(&key.sign(&with("scope", json!("uid application.write"))))
            .await
            .unwrap();
        assert_eq!(text.scopes, caller.scopes);
    }
}

#[tokio::test]
async fn bad_tokens_are_refused() {
    let key = Key::new("k1", Algorithm::ES256);
    let verifier = verifier(&identity(&[&key]).await);
    assert!(verifier.verify(&key.sign(&claims())).await.is_ok());
    for (why, claims) in [
        ("expired", with("exp", json!(now() - 1))),
        ("expires now", with("exp", json!(now()))),
        ("no expiry", without("exp")),
        ("expiry as text", with("exp", json!("9999999999"))),
        ("not valid yet", with("nbf", json!(now() + 60))),
        ("issued in the future", with("iat", json!(now() + 60))),
        ("no user", without("sub")),
        ("no realm", without("realm")),
        ("no scope: an ID token", without("scope")),
        ("scope with a number", with("scope", json!(["uid", 7]))),
        ("for another audience", with("aud", json!("https://mint.example.org"))),
        ("for other audiences", with("aud", json!(["https://mint.example.org"]))),
    ] {
        assert_eq!(
            verifier.verify(&key.sign(&claims)).await.unwrap_err(),
            VerifyError::Invalid,
            "{why}"
        );
    }
    for audience in [
        json!("https://kio.example.org"),
        json!(["x", "https://kio.example.org/"]),
    ] {
        assert!(verifier.verify(&key.sign(&with("aud", audience))).await.is_ok());
    }
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let key = Key::new("k1", Algorithm::ES256);
    let other = Key::new("k1", Algorithm::ES256);
    let wider = Key::new("k1", Algorithm::ES384);
    let verifier = verifier(&identity(&[&key]).await);
    let token = key.sign(&claims());
    let (head, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = head.split_once('.').unwrap();
    let none = "eyJhbGciOiJub25lIiwia2lkIjoiazEifQ";
    let hmac = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0";
    let nameless = encode(
        &Header {
            typ: None,
            ..Header::new(Algorithm::ES256)
        },
        &claims(),
        &key.private,
    )
    .unwrap();
    let typed = Header {
        typ: Some("logout+jwt".to_owned()),
        ..key.header()
    };
    for (why, token) in [
        ("signed by another key", other.sign(&claims())),
        ("signed by another algorithm", wider.sign(&claims())),
        ("alg none", format!("{none}.{payload}.")),
        ("alg none, signed", format!("{none}.{payload}.{signature}")),
        ("alg HS256", format!("{hmac}.{payload}.{signature}")),
        ("without a key id", nameless),
        (
            "another type of token",
            encode(&typed, &claims(), &key.private).unwrap(),
        ),
        ("no signature", format!("{head}.")),
        ("cut", token[..token.len() - 5].to_owned()),
        ("two parts", head.to_owned()),
        ("four parts", format!("{token}.x")),
        ("swapped", format!("{payload}.{header}.{signature}")),
        ("opaque", "d3b07384-d9a0-4c9b-8a0e-1c2d3e4f5a6b".to_owned()),
        ("empty", String::new()),
        ("binary", "\u{0}\u{1}.\u{2}.\u{3}".to_owned()),
    ] {
        assert_eq!(
            verifier.verify(&token).await.unwrap_err(),
            VerifyError::Invalid,
            "{why}"
        );
    }
}

#[tokio::test]
async fn modern_tokens_must_be_meant_for_us() {
    let key = Key::new("k1", Algorithm::EdDSA);
    let verifier = verifier(&identity(&[&key]).await);
    let header = Header {
        typ: Some("at+jwt".to_owned()),
        ..key.header()
    };
    let sign = |claims: &Value| encode(&header, claims, &key.private).unwrap();
    assert!(
        verifier
            .verify(&sign(&with("aud", json!("https://kio.example.org"))))
            .await
            .is_ok()
    );
    assert_eq!(
        verifier.verify(&sign(&claims())).await.unwrap_err(),
        VerifyError::Invalid,
        "no audience"
    );
}

#[tokio::test]
async fn metadata_names_keys_and_issuer() {
    let key = Key::new("k1", Algorithm::ES256);
    let stub = identity(&[]).await;
    stub.json(
        METADATA,
        json!({"issuer": "https://identity.example.org", "jwks_uri": "https://identity.example.org/keys"}),
    );
    stub.json("/keys", json!({"keys": [key.jwk()]}));
    let verifier = verifier(&stub);
    for (issuer, accepted) in [
        (json!("https://identity.example.org"), true),
        (json!("B"), true),
        (json!("https://evil.example.org"), false),
        (json!(7), false),
    ] {
        assert_eq!(
            verifier.verify(&key.sign(&with("iss", issuer.clone()))).await.is_ok(),
            accepted,
            "{issuer}"
        );
    }
}

#[tokio::test]
async fn a_new_key_is_fetched_when_it_is_first_seen_but_not_for_every_forgery() {
    let (old, new) = (Key::new("old", Algorithm::ES256), Key::new("new", Algorithm::ES256));
    let stub = identity(&[&old]).await;
    let verifier = verifier(&stub);
    assert!(verifier.verify(&old.sign(&claims())).await.is_ok());
    let before = stub.count(KEYS);
    for number in 0..20 {
        let forged = Key::new("forged", Algorithm::ES256).sign(&with("n", json!(number)));
        assert_eq!(verifier.verify(&forged).await.unwrap_err(), VerifyError::Invalid);
    }
    assert!(stub.count(KEYS) <= before + 1, "{} times", stub.count(KEYS) - before);
    publish(&stub, &[&old, &new]);
    let fresh = self::verifier(&stub);
    assert!(fresh.verify(&new.sign(&claims())).await.is_ok());
}

#[tokio::test]
async fn while_identity_is_away_known_keys_stay_in_use() {
    let key = Key::new("k1", Algorithm::ES256);
    let stub = identity(&[&key]).await;
    let verifier = verifier(&stub);
    assert!(verifier.verify(&key.sign(&claims())).await.is_ok());
    stub.set(KEYS, Given::Json(500, json!({})));
    stub.set("/revocations", Given::Json(500, json!({})));
    assert!(verifier.verify(&key.sign(&with("jti", json!("another")))).await.is_ok());
}

#[tokio::test]
async fn without_any_key_nothing_can_be_said_until_there_is_one() {
    let key = Key::new("k1", Algorithm::ES256);
    let stub = identity(&[]).await;
    let verifier = verifier(&stub);
    let token = key.sign(&claims());
    let away = verifier.verify(&token).await.unwrap_err();
    assert!(matches!(away, VerifyError::Unavailable(_)), "{away}");
    publish(&stub, &[&key]);
    loop {
        match verifier.verify(&token).await {
            Ok(caller) => break assert_eq!(caller.uid, "kio"),
            Err(error) => assert!(
                matches!(error, VerifyError::Unavailable(_)),
                "an outage is not remembered: {error}"
            ),
        }
        tokio::task::yield_now().await;
    }
}

fn polling(stub: &Stub) -> (Verifier, String) {
    let settings = JwtSettings::new(stub.url.clone(), &"https://kio.example.org/".parse().unwrap());
    let salt = settings.revocation_salt.clone();
    (
        Verifier::jwt(JwtSettings {
            revocation_poll: Duration::from_millis(5),
            ..settings
        })
        .unwrap(),
        salt,
    )
}

fn revoked(hash: &str, revoked_at: i64) -> Value {
    json!({"type": "TOKEN", "revoked_at": revoked_at, "data": {
        "token_hash": hash, "hash_algorithm": "SHA-256", "issued_before": now()}})
}

async fn until_accepted(verifier: &Verifier, token: &str, accepted: bool) {
    while verifier.verify(token).await.is_ok() != accepted {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_revoked_token_is_refused_though_it_was_accepted_before() {
    let key = Key::new("k1", Algorithm::ES256);
    let stub = identity(&[&key]).await;
    let (verifier, salt) = polling(&stub);
    let (token, other) = (
        key.sign(&with("iat", json!(now() - 100))),
        key.sign(&with("jti", json!("other"))),
    );
    assert!(verifier.verify(&token).await.is_ok());
    stub.json(
        "/revocations",
        json!({"meta": {}, "revocations": [revoked(&revocation_hash(&salt, &token), now())]}),
    );
    until_accepted(&verifier, &token, false).await;
    assert!(verifier.verify(&other).await.is_ok());

    // While the feed is away, what is known stays in force.
    stub.set("/revocations", Given::Json(500, json!({})));
    let polls = stub.count("/revocations");
    until(|| stub.count("/revocations") > polls + 2).await;
    assert!(verifier.verify(&token).await.is_err());
}

/// Contract identity 2.13 and 4: after a refresh, entries are read again from where it starts, not from when it was asked for.
#[tokio::test]
async fn a_refresh_of_the_feed_forgets_what_was_wrong_and_loses_nothing() {
    let key = Key::new("k1", Algorithm::ES256);
    let stub = identity(&[&key]).await;
    let (verifier, salt) = polling(&stub);
    let (wrong, right) = (
        key.sign(&with("iat", json!(now() - 100))),
        key.sign(&with("iat", json!(now() - 101))),
    );
    let entry = |token: &str, at| revoked(&revocation_hash(&salt, token), at);
    let at = now() - 50;
    stub.json(
        "/revocations",
        json!({"meta": {}, "revocations": [entry(&wrong, at), entry(&right, at)]}),
    );
    until_accepted(&verifier, &wrong, false).await;
    stub.json(
        "/revocations",
        json!({"meta": {"REFRESH_FROM": at - 1, "REFRESH_TIMESTAMP": now()}, "revocations": [entry(&right, at)]}),
    );
    until_accepted(&verifier, &wrong, true).await;
    assert!(verifier.verify(&right).await.is_err());
    let asked: Vec<i64> = stub.queries("/revocations", "from=");
    assert!(asked.iter().any(|from| *from < at), "{asked:?}");
}

#[tokio::test]
async fn a_token_with_one_changed_character_is_refused() {
    let key = Key::new("k1", Algorithm::ES256);
    let verifier = verifier(&identity(&[&key]).await);
    let token = key.sign(&claims());
    assert!(verifier.verify(&token).await.is_ok());
    for place in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(
            verifier.verify(&changed).await.unwrap_err(),
            VerifyError::Invalid,
            "{place}"
        );
    }
}
