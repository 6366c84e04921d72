//! What a registry bears from one caller, and bodies that wait for a word.

use stups_pierone::Config;
use stups_server::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{COLLEAGUE, Ground, JDOE, PierOne, read_answer, sha256};

#[tokio::test]
async fn who_sends_too_many_requests_is_told_when_to_come_again() {
    let limits = Limits {
        requests_per_minute: Some(3),
        ..Limits::default()
    };
    let config = Config {
        public_read: vec!["stups/*".to_owned()],
        ..Config::default()
    };
    let pierone = Ground::small().start_within(config, limits).await;
    let get = async |path: &str, who: &str| pierone.send("GET", path, who, &[], b"").await;
    for path in ["/v2/", "/teams", "/v2/stups/kio/tags/list"] {
        assert!(get(path, JDOE).await.status != 429, "{path}");
    }
    let refused = get("/v2/", JDOE).await.refused(429, "TOOMANYREQUESTS");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    let refused = get("/teams", JDOE).await.is(429);
    assert!(refused.header("retry-after").is_some());
    assert!(refused.json()["message"].is_string());
    // With a guard in front of the handler, too.
    pierone
        .json("POST", "/purges", JDOE, &serde_json::json!({}))
        .await
        .is(429);
    // Others have their own; who has no name is where he is.
    get("/v2/", COLLEAGUE).await.is(200);
    for _ in 0..3 {
        get("/v2/stups/kio/tags/list", "").await.is(404);
    }
    get("/v2/stups/kio/tags/list", "").await.is(429);
    // Nobody is kept from what everybody may always read.
    get("/.well-known/health", JDOE).await.is(200);
}

/// Sends the head of a request whose body waits for a word.
async fn waiting(pierone: &PierOne, path: &str, who: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(pierone.address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {who}\r\ncontent-length: {length}\r\n\
         expect: 100-continue\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_body_that_waits_is_asked_for_only_when_it_is_wanted() {
    for pierone in PierOne::both().await {
        let body = b"layer";
        let path = format!("/v2/stups/kio/blobs/uploads/?digest={}", sha256(body));
        let mut stream = waiting(&pierone, &path, JDOE, body.len()).await;
        let word = "HTTP/1.1 100 Continue\r\n\r\n";
        let mut said = vec![0; word.len()];
        stream.read_exact(&mut said).await.unwrap();
        assert_eq!(said, word.as_bytes());
        stream.write_all(body).await.unwrap();
        Box::pin(read_answer(stream)).await.is(201);

        // Who may not push need not send it.
        let mut stream = waiting(&pierone, &path, crate::support::ASMITH, body.len()).await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }
}
