//! Metadata, introspection, revocation, signed client assertions (RFC 8414, 7662, 7009, 7523).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::support::*;

on_both_databases!(
    metadata_is_complete,
    no_other_site_reads_the_pages,
    ed25519_is_in_the_modern_key_set_alone,
    rs256_comes_from_a_file,
    introspection_tells_authenticated_callers_alone,
    a_client_revokes_its_own_tokens,
    a_client_may_sign_its_assertion,
);

async fn no_other_site_reads_the_pages(server: Server) {
    let origin = "access-control-allow-origin";
    for page in ["/oauth2/authorize", "/oauth2/login", "/oauth2/device", "/oauth2/logout"] {
        let answer = server.get(page, None).await;
        assert_ne!(answer.status, 404, "{page}");
        assert!(answer.headers.get(origin).is_none(), "{page}");
        let asked = http().request(reqwest::Method::OPTIONS, server.at(page));
        let asked = asked
            .header("origin", "https://evil.example.org")
            .header("access-control-request-method", "POST");
        let preflight = Answer::of(asked.send().await.unwrap()).await;
        assert!(preflight.headers.get(origin).is_none(), "{page}");
        assert!(!preflight.header("strict-transport-security").is_empty(), "{page}");
    }
    // Clients in browsers need these.
    for endpoint in ["/oauth2/tokeninfo", "/.well-known/openid-configuration"] {
        assert_eq!(server.get(endpoint, None).await.header(origin), "*", "{endpoint}");
    }
}

async fn metadata_is_complete(server: Server) {
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ] {
        let document = server.get(path, None).await.json();
        assert_eq!(document["issuer"], server.url);
        assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(document["authorization_response_iss_parameter_supported"], true);
        assert_eq!(document["token_endpoint"], server.at("/oauth2/token"));
        for name in [
            "jwks_uri",
            "introspection_endpoint",
            "revocation_endpoint",
            "userinfo_endpoint",
            "end_session_endpoint",
        ] {
            let address = document[name].as_str().unwrap();
            assert_ne!(
                server
                    .get(address.strip_prefix(&server.url).unwrap(), None)
                    .await
                    .status,
                404,
                "{name}"
            );
        }
        let keys = server
            .get(
                document["jwks_uri"]
                    .as_str()
                    .unwrap()
                    .strip_prefix(&server.url)
                    .unwrap(),
                None,
            )
            .await
            .json();
        let key = &keys["keys"][0];
        assert_eq!(
            (&key["kty"], &key["crv"], &key["use"], &key["alg"]),
            (&json!("EC"), &json!("P-256"), &json!("sig"), &json!("ES256"))
        );
        assert!(key.get("d").is_none());
    }
    // A request's host has no say.
    let request = http()
        .get(server.at("/.well-known/openid-configuration"))
        .header("host", "evil.example");
    assert_eq!(
        Answer::of(request.send().await.unwrap()).await.json()["issuer"],
        server.url
    );
}

async fn ed25519_is_in_the_modern_key_set_alone(server: Server) {
    let server = server
        .again_with(|config| config.signing.modern_algorithm = stups_identity::config::Algorithm::EdDsa)
        .await;
    server.kio().await;
    server
        .client(TestClient {
            owner: Some("stups_kio"),
            grants: json!({ "client_credentials": true }),
            token_profile: "at+jwt",
            ..TestClient::machine("modern")
        })
        .await;
    let token = server
        .token_request(
            "/oauth2/token",
            Some(("modern", SECRET)),
            &[("grant_type", "client_credentials")],
        )
        .await
        .text("access_token");
    assert_eq!(jose_header(&token)["alg"], "EdDSA");
    assert_eq!(server.token_info(&token).await.status, 200);
    assert_eq!(jose_header(&server.kio_token().await)["alg"], "ES256");
    let kinds = async |path: &str| {
        let set = server.get(path, None).await.json();
        set["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["kty"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds("/oauth2/connect/keys").await, ["EC"]);
    assert_eq!(kinds("/.well-known/jwks.json").await.len(), 2);
}

async fn rs256_comes_from_a_file(server: Server) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rsa2048.pem");
    let server = server
        .again_with(|config| {
            config.signing.algorithm = stups_identity::config::Algorithm::Rs256;
            config.signing.rs256_key_file = Some(file);
        })
        .await;
    server.kio().await;
    let token = server.kio_token().await;
    assert_eq!(jose_header(&token)["alg"], "RS256");
    assert_eq!(server.token_info(&token).await.status, 200);
    let set = server.get("/oauth2/connect/keys", None).await.json();
    assert!(
        set["keys"]
            .as_array()
            .unwrap()
            .iter()
            .any(|key| key["kty"] == "RSA" && key["e"] == "AQAB")
    );
}

async fn introspection_tells_authenticated_callers_alone(server: Server) {
    server.kio().await;
    let token = server
        .password_grant("stups_kio", SECRET, "uid application.write")
        .await
        .text("access_token");
    let basic = Some(("kio-client", SECRET));
    let answer = server
        .token_request("/oauth2/introspect", basic, &[("token", &token)])
        .await
        .json();
    assert_eq!(answer["active"], true);
    assert_eq!(answer["scope"], "application.write uid", "a text here");
    assert_eq!(
        (&answer["sub"], &answer["client_id"], &answer["realm"]),
        (&json!("stups_kio"), &json!("kio-client"), &json!("/services"))
    );
    for text in ["x", "a.b.c"] {
        let answer = server
            .token_request("/oauth2/introspect", basic, &[("token", text)])
            .await;
        assert_eq!(answer.json(), json!({ "active": false }));
    }
    assert_eq!(
        server
            .token_request("/oauth2/introspect", None, &[("token", &token)])
            .await
            .error()
            .0,
        400
    );
    let wrong = server
        .token_request("/oauth2/introspect", Some(("kio-client", "x")), &[("token", &token)])
        .await;
    assert_eq!(wrong.error(), (401, "invalid_client".to_owned()));
    let public = server
        .token_request("/oauth2/introspect", None, &[("token", &token), ("client_id", "zign")])
        .await;
    assert_eq!(public.error(), (401, "invalid_client".to_owned()));
    let request = http()
        .post(server.at("/oauth2/introspect"))
        .header("content-type", FORM)
        .bearer_auth(&token);
    let answer = Answer::of(request.body(encode(&[("token", &token)])).send().await.unwrap()).await;
    assert_eq!(answer.json()["active"], true);
}

async fn a_client_revokes_its_own_tokens(server: Server) {
    server.kio().await;
    server.client(TestClient::machine("other")).await;
    let token = server.kio_token().await;
    let basic = Some(("kio-client", SECRET));
    assert_eq!(
        server
            .token_request("/oauth2/revoke", Some(("other", SECRET)), &[("token", &token)])
            .await
            .status,
        200
    );
    assert_eq!(server.token_info(&token).await.status, 200, "it is not the other one's");
    assert_eq!(
        server
            .token_request("/oauth2/revoke", basic, &[("token", "unknown")])
            .await
            .status,
        200
    );
    assert_eq!(
        server.token_request("/oauth2/revoke", basic, &[]).await.error(),
        (400, "invalid_request".to_owned())
    );
    assert_eq!(
        server
            .token_request("/oauth2/revoke", Some(("kio-client", "x")), &[("token", &token)])
            .await
            .status,
        401
    );
    assert_eq!(
        server
            .token_request("/oauth2/revoke", basic, &[("token", &token)])
            .await
            .status,
        200
    );
    assert_eq!(server.token_info(&token).await.status, 401);
    assert_eq!(
        server
            .token_request("/oauth2/introspect", basic, &[("token", &token)])
            .await
            .json(),
        json!({ "active": false })
    );
}

struct Key(EcdsaKeyPair);

impl Key {
    fn new() -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &SystemRandom::new()).unwrap())
    }

    fn set(&self) -> Value {
        let point = &self.0.public_key().as_ref()[1..];
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": encode(&point[..32]), "y": encode(&point[32..]), "kid": "1" }] })
    }

    fn sign(&self, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(&json!({ "alg": "ES256", "kid": "1" })), encode(claims));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn a_client_may_sign_its_assertion(server: Server) {
    server.kio().await;
    let key = Key::new();
    server
        .client(TestClient {
            owner: Some("stups_kio"),
            grants: json!({ "client_credentials": true }),
            jwks: Some(key.set()),
            ..TestClient::machine("signer")
        })
        .await;
    let now = server.clock.seconds();
    let good = json!({ "iss": "signer", "sub": "signer", "aud": server.url, "jti": "1", "exp": now + 60 });
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims["jti"] = json!(format!("{name}{value}"));
        claims[name] = value;
        claims
    };
    let ask = async |assertion: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion),
        ];
        server.token_request("/oauth2/token?realm=services", None, &form).await
    };
    let assertion = key.sign(&good);
    let answer = ask(&assertion).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(claims(&answer.text("access_token"))["sub"], "stups_kio");
    assert_eq!(
        ask(&assertion).await.error(),
        (401, "invalid_client".to_owned()),
        "good for one request"
    );
    for claims in [
        changed("aud", json!("https://other.example.org")),
        changed("exp", json!(now - 1)),
        changed("exp", json!(now + 100_000)),
        changed("iss", json!("kio-client")),
        changed("nbf", json!(now + 30)),
    ] {
        assert_eq!(
            ask(&key.sign(&claims)).await.error(),
            (401, "invalid_client".to_owned()),
            "{claims}"
        );
    }
    assert_eq!(
        ask(&Key::new().sign(&changed("x", json!(1)))).await.error().0,
        401,
        "another key"
    );
    assert_eq!(
        ask(&key.sign(&changed("sub", json!("kio-client")))).await.error().0,
        401,
        "another client"
    );
    let twice = key.sign(&changed("aud", json!([server.at("/oauth2/token")])));
    let (one, other) = tokio::join!(ask(&twice), ask(&twice));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}
