//! Who may do what, and what clients without credentials are told.

use serde_json::{Value, json};
use stups_pierone::{Challenge, Config};

use crate::support::{ADMIN, ASMITH, Answer, COLLEAGUE, Ground, JDOE, PierOne, ROBOT, TRUSTED, sha256};

const BASIC: &str = "Basic realm=\"Pier One Docker Registry\"";

async fn start_upload(pierone: &PierOne, who: &str) -> Answer {
    pierone
        .send("POST", "/v2/stups/kio/blobs/uploads/", who, &[], b"")
        .await
}

#[tokio::test]
async fn only_those_of_the_team_push() {
    for pierone in PierOne::both().await {
        let status = async |who: &str| start_upload(&pierone, who).await.status;
        for (who, expected) in [
            (JDOE, 202),
            (COLLEAGUE, 202),
            (ROBOT, 202),
            (TRUSTED, 202),
            ("/services/else+uid+application.write_all", 202),
            ("/customers/x+uid+application.write_all", 202),
            (ASMITH, 403),
            (ADMIN, 403),
            ("/services/robot+uid", 403),
            ("/services/stranger+uid+application.write", 403),
            ("/customers/jdoe+uid+application.write", 403),
            ("/employees/+uid", 403),
            ("", 401),
            ("nonsense", 401),
        ] {
            assert_eq!(status(who).await, expected, "{who}");
        }
        start_upload(&pierone, ASMITH).await.refused(403, "DENIED");
        let denied = pierone.trail().await;
        assert!(denied.contains(&("repository.push".to_owned(), "stups/kio".to_owned())));
        // Nobody to ask is never a yes.
        pierone.teams.away(true);
        assert_eq!(status(JDOE).await, 503);
        assert_eq!(status(TRUSTED).await, 202);
    }
}

#[tokio::test]
async fn everybody_in_the_organisation_pulls() {
    let pierone = PierOne::small().await;
    pierone.image("stups/kio", "1.0", &[b"layer"]).await;
    for path in [
        "/v2/stups/kio/manifests/1.0",
        "/v2/stups/kio/tags/list",
        "/v2/_catalog",
        "/teams",
        "/teams/stups/artifacts",
        "/teams/stups/artifacts/kio/tags",
        "/teams/stups/artifacts/kio/tags/1.0",
        "/tags/sha256:",
        "/stats",
        "/stats/teams",
        "/stats/teams/stups",
        "/v1/search?q=stups",
        "/v1/users",
        "/v1/repositories/stups/kio/tags",
        "/image-metadata/here/stups/kio:1.0",
    ] {
        let status = async |who: &str| pierone.send("GET", path, who, &[], b"").await.status;
        let expected = if path == "/tags/sha256:" { 412 } else { 200 };
        assert_eq!(status(ASMITH).await, expected, "{path}");
        assert_eq!(status("/services/robot+uid").await, expected, "{path}");
        assert_eq!(status("/customers/x+uid").await, 403, "{path}");
        assert_eq!(status("").await, 401, "{path}");
    }
}

#[tokio::test]
async fn a_401_says_how_to_authenticate() {
    let pierone = PierOne::small().await;
    for path in [
        "/v2/",
        "/v2",
        "/v2/stups/kio/manifests/1.0",
        "/v2/stups/kio/tags/list",
        "/v2/nonsense",
    ] {
        for who in ["", "nonsense"] {
            let refused = pierone
                .send("GET", path, who, &[], b"")
                .await
                .refused(401, "UNAUTHORIZED");
            assert_eq!(refused.header("www-authenticate"), Some(BASIC), "{path}");
            assert_eq!(refused.header("docker-distribution-api-version"), Some("registry/2.0"));
        }
    }
    let basic = |text: &str| {
        use base64::Engine as _;
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
    };
    for (credentials, status) in [
        (basic(&format!("oauth2:{JDOE}")), 200),
        (basic(&format!("token:{JDOE}")), 200),
        (format!("Token {JDOE}"), 200),
        (basic(&format!("jdoe:{JDOE}")), 401),
        (basic("instance-identity-document:pkcs7"), 401),
        ("Digest x".to_owned(), 401),
    ] {
        let headers = [("authorization", credentials.as_str())];
        let answer = pierone.send("GET", "/v2/", "", &headers, b"").await.is(status);
        if status == 200 {
            assert_eq!(answer.json(), json!({}));
        }
    }
    pierone.head("/v2/").await.is(200);
}

async fn token(pierone: &PierOne, query: &str, who: &str) -> Value {
    let answer = pierone
        .send("GET", &format!("/v2/token?{query}"), who, &[], b"")
        .await
        .is(200);
    let body = answer.json();
    assert_eq!(body["token"], body["access_token"]);
    assert!(body["expires_in"].as_i64().unwrap() >= 900);
    assert!(body.get("refresh_token").is_none());
    body["token"].clone()
}

#[tokio::test]
async fn clients_get_tokens_for_what_they_may_do() {
    let config = || Config {
        challenge: Challenge::Bearer,
        ..Config::default()
    };
    for ground in Ground::both().await {
        let pierone = ground.start(config()).await;
        let challenge = |answer: &Answer| answer.header("www-authenticate").unwrap().to_owned();
        let realm = format!(
            "Bearer realm=\"http://{}/v2/token\",service=\"127.0.0.1\"",
            pierone.address
        );
        let refused = pierone.send("GET", "/v2/", "", &[], b"").await.is(401);
        assert_eq!(challenge(&refused), realm);
        let refused = start_upload(&pierone, "").await.is(401);
        assert_eq!(
            challenge(&refused),
            format!("{realm},scope=\"repository:stups/kio:pull,push\"")
        );

        // A login asks for nothing.
        let empty = token(
            &pierone,
            "account=x&client_id=docker&offline_token=true&service=s",
            JDOE,
        )
        .await;
        pierone
            .send("GET", "/v2/", empty.as_str().unwrap(), &[], b"")
            .await
            .is(200);
        // Without the scope, the client is sent for another token.
        start_upload(&pierone, empty.as_str().unwrap()).await.is(401);
        pierone.send("GET", "/v2/token", "", &[], b"").await.is(401);

        let both = "scope=repository:stups/kio:push,pull&scope=repository:other/base:pull";
        let both = token(&pierone, both, JDOE).await;
        let both = both.as_str().unwrap();
        start_upload(&pierone, both).await.is(202);
        let digest = pierone.blob("other/base", b"base").await;
        let mount = format!("/v2/stups/kio/blobs/uploads/?mount={digest}&from=other/base");
        pierone.send("POST", &mount, both, &[], b"").await.is(201);
        let path = "/v2/other/base/blobs/uploads/";
        pierone.send("POST", path, both, &[], b"").await.is(401);

        // What is not allowed is not granted, without a word.
        let other = token(&pierone, "scope=repository:stups/kio:*", ASMITH).await;
        start_upload(&pierone, other.as_str().unwrap()).await.is(401);
        let tags = "/v2/stups/kio/tags/list";
        pierone
            .send("GET", tags, other.as_str().unwrap(), &[], b"")
            .await
            .is(200);
        // A token does not beget another.
        pierone.send("GET", "/v2/token", both, &[], b"").await.is(401);

        let form =
            "grant_type=password&service=s&client_id=c&username=oauth2&scope=repository%3Astups%2Fkio%3Apush&password=";
        let form = form.to_owned() + &JDOE.replace('/', "%2F").replace('+', "%2B");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let answer = pierone
            .send("POST", "/v2/token", "", &headers, form.as_bytes())
            .await
            .is(200);
        start_upload(&pierone, answer.json()["token"].as_str().unwrap())
            .await
            .is(202);

        // Another instance knows it too.
        let second = ground.start(config()).await;
        start_upload(&second, both).await.is(202);
    }
}

#[tokio::test]
async fn public_repositories_are_for_everybody() {
    let config = Config {
        challenge: Challenge::Bearer,
        public_read: vec!["stups/public*".to_owned()],
        ..Config::default()
    };
    let pierone = Ground::small().start(config).await;
    let image = pierone.image("stups/public", "1.0", &[b"layer"]).await;
    pierone.image("stups/private", "1.0", &[b"layer"]).await;
    // Clients learn from here that there are tokens at all.
    pierone.send("GET", "/v2/", "", &[], b"").await.is(401);
    let anonymous = pierone
        .send("GET", "/v2/token?scope=repository:stups/public:pull,push", "", &[], b"")
        .await;
    let anonymous = anonymous.is(200).json()["token"].as_str().unwrap().to_owned();
    for who in ["", &anonymous] {
        let get = async |path: &str| pierone.send("GET", path, who, &[], b"").await.status;
        assert_eq!(get("/v2/stups/public/manifests/1.0").await, 200);
        assert_eq!(get(&format!("/v2/stups/public/blobs/{}", sha256(b"layer"))).await, 200);
        assert_eq!(get("/v2/stups/private/manifests/1.0").await, 401);
        assert_eq!(pierone.put("stups/public", "2.0", who, &image).await.status, 401);
    }
    let catalog = pierone.send("GET", "/v2/_catalog", "", &[], b"").await.is(200);
    assert_eq!(catalog.json()["repositories"], json!(["stups/public"]));
    let artifacts = pierone
        .send("GET", "/teams/stups/artifacts", "", &[], b"")
        .await
        .is(200);
    assert_eq!(artifacts.json(), json!(["public"]));
    pierone.send("GET", "/stats", "", &[], b"").await.is(401);
}

#[tokio::test]
async fn instances_pull_when_somebody_vouches_for_them() {
    use axum::routing::post;
    // Vouches for one document.
    let verifier = axum::Router::new().route(
        "/",
        post(async |axum::Json(body): axum::Json<Value>| {
            if body == json!({"iid_signature": "line one\nline two"}) {
                axum::http::StatusCode::OK
            } else {
                axum::http::StatusCode::UNAUTHORIZED
            }
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, verifier).await });
    let config = Config {
        iidinfo_url: Some(url),
        ..Config::default()
    };
    let pierone = Ground::small().start(config).await;
    pierone.image("stups/kio", "1.0", &[b"layer"]).await;
    let call = async |document: &str, method: &str, path: &str| {
        use base64::Engine as _;
        let text = format!("instance-identity-document:{document}");
        let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text));
        pierone
            .send(method, path, "", &[("authorization", &basic), ("accept", "*/*")], b"")
            .await
    };
    let genuine = "line one\nline two";
    let manifest = call(genuine, "GET", "/v2/stups/kio/manifests/1.0").await.is(200);
    assert!(manifest.header("x-production-ready-reason").is_some());
    call(genuine, "POST", "/v2/stups/kio/blobs/uploads/")
        .await
        .refused(403, "DENIED");
    call("forged", "GET", "/v2/stups/kio/manifests/1.0")
        .await
        .refused(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn only_some_host_names_ask_everybody_where_that_is_wanted() {
    let config = Config {
        public_read: vec!["stups/*".to_owned()],
        write_host: Some("write".to_owned()),
        ..Config::default()
    };
    let at = async |pierone: &PierOne, host: &str, who: &str| {
        use std::fmt::Write as _;
        use tokio::io::AsyncWriteExt as _;
        let mut stream = tokio::net::TcpStream::connect(pierone.address).await.unwrap();
        let mut head = format!("GET /v2/ HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
        if !who.is_empty() {
            let _ = write!(head, "authorization: Bearer {who}\r\n");
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        Box::pin(crate::support::read_answer(stream)).await
    };
    let pierone = Ground::small().start(config.clone()).await;
    at(&pierone, "pierone.example.org", "").await.is(200);
    let asked = at(&pierone, "pierone-write.example.org", "").await.is(401);
    assert_eq!(asked.header("www-authenticate"), Some(BASIC));
    at(&pierone, "pierone-write.example.org", JDOE).await.is(200);
    at(&pierone, "pierone.example.org", "nonsense").await.is(401);
    // What is not public is no more so.
    let private = pierone.send("GET", "/v2/other/app/tags/list", "", &[], b"").await;
    assert_eq!(private.status, 401);

    // Without anything public, and without the word, every name asks.
    for config in [
        Config {
            public_read: Vec::new(),
            ..config.clone()
        },
        Config {
            write_host: None,
            ..config
        },
    ] {
        let pierone = Ground::small().start(config).await;
        at(&pierone, "pierone.example.org", "").await.is(401);
    }
}

#[tokio::test]
async fn instances_prove_with_the_signature_of_aws_where_they_run() {
    let files = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/instance-identity");
    let config = Config {
        instance_certificates: Some(format!("{files}/certificates.pem").into()),
        instance_accounts: vec!["123456789012".to_owned()],
        instance_age_days: 36500,
        ..Config::default()
    };
    for ground in Ground::both().await {
        let pierone = ground.start(config.clone()).await;
        pierone.image("stups/kio", "1.0", &[b"layer"]).await;
        let get = async |pierone: &PierOne, document: &str| {
            use base64::Engine as _;
            let basic = format!("instance-identity-document:{document}");
            let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(basic));
            let headers = [("authorization", basic.as_str())];
            pierone
                .send("GET", "/v2/stups/kio/manifests/1.0", "", &headers, b"")
                .await
                .status
        };
        for name in ["pkcs7", "rsa2048"] {
            let document = std::fs::read_to_string(format!("{files}/{name}")).unwrap();
            assert_eq!(get(&pierone, &document).await, 200, "{name}");
            // In one line, as some clients send it; and with some other character.
            assert_eq!(get(&pierone, &document.replace('\n', "")).await, 200, "{name}");
            let forged = document.replace('M', "N");
            assert_eq!(get(&pierone, &forged).await, 401, "{name}");
        }
        for other in [
            Config {
                instance_accounts: vec!["210987654321".to_owned()],
                ..config.clone()
            },
            Config {
                instance_age_days: 1,
                ..config.clone()
            },
        ] {
            let other = ground.start(other).await;
            let document = std::fs::read_to_string(format!("{files}/rsa2048")).unwrap();
            assert_eq!(get(&other, &document).await, 401);
        }
    }
}
