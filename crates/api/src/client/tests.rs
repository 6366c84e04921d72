use std::io::{Read, Write};
use std::net::TcpListener;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::*;

/// Answers one request with the given bytes and returns what was asked.
fn serve_once(answer: &'static str) -> (Url, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/base/", listener.local_addr().unwrap())).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !request.windows(4).any(|window| window == b"\r\n\r\n") {
            let read = stream.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    (url, server)
}

#[tokio::test]
async fn a_call_has_path_query_token_and_answers_json() {
    let (url, server) = serve_once("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}");
    let client = Client::new(url).unwrap().with_tokens(SecretString::from("abc"));
    let answer: Value = client
        .get(&["apps", "a/b c"])
        .query(&[("search", "x y")])
        .send()
        .await
        .unwrap();
    assert_eq!(answer, serde_json::json!({"a": 1}));
    let request = server.join().unwrap();
    assert!(
        request.starts_with("GET /base/apps/a%2Fb%20c?search=x+y HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.to_lowercase().contains("authorization: bearer abc\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn errors_say_what_the_service_said() {
    for (body, expected) in [
        (
            r#"{"message":"Team x does not exist.","details":null}"#,
            "Team x does not exist.",
        ),
        (
            r#"{"error":"invalid_grant","error_description":"two\nlines"}"#,
            "two lines",
        ),
        (r#"{"title":"Bad Request","detail":"no name"}"#, "no name"),
        (r#"{"error":"invalid_grant"}"#, "invalid_grant"),
        ("<html>secret page</html>", "no message"),
    ] {
        let answer = Answer {
            url: Url::parse("http://kio.example/apps/x").unwrap(),
            status: StatusCode::BAD_REQUEST,
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        };
        let error = answer.into_error();
        assert_eq!(
            error.to_string(),
            format!("http://kio.example/apps/x answered 400 Bad Request: {expected}"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn the_oauth_code_and_the_wait_are_kept() {
    let (url, _server) = serve_once(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\ncontent-length: 21\r\n\r\n{\"error\":\"slow_down\"}",
    );
    let error = Client::new(url).unwrap().get(&["x"]).done().await.unwrap_err();
    assert_eq!(error.code(), Some("slow_down"));
    assert!(error.is_unavailable());
    assert!(matches!(error, Error::Status { retry_after: Some(wait), .. } if wait == Duration::from_secs(7)));
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_an_error() {
    let (url, _server) = serve_once("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}");
    let client = Client::new(url).unwrap().with_answer_limit(6);
    let error = client.get(&["x"]).send::<Value>().await.unwrap_err();
    assert!(error.to_string().ends_with("more than 6 bytes"), "{error}");
}

#[tokio::test]
async fn a_service_that_is_away_is_named_with_the_cause() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!(
        "http://{}/?access_token=secret",
        listener.local_addr().unwrap()
    ))
    .unwrap();
    drop(listener);
    let error = Client::new(url)
        .unwrap()
        .get(&["x"])
        .done()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("/x cannot be reached: ") && error.contains("refused"),
        "{error}"
    );
    assert!(!error.contains("secret"), "{error}");
}

#[tokio::test]
async fn not_found_is_none_where_asked() {
    let (url, _server) = serve_once("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}");
    let none: Option<Value> = Client::new(url).unwrap().get(&["apps", "x"]).optional().await.unwrap();
    assert_eq!(none, None);
}

#[test]
fn a_token_is_not_sent_to_another_host() {
    let client = Client::new(Url::parse("https://kio.example").unwrap()).unwrap();
    assert!(
        client
            .follow(Method::GET, &Url::parse("https://other.example/x").unwrap())
            .authorised
    );
    assert!(
        !client
            .follow(Method::GET, &Url::parse("https://kio.example/x?cursor=1").unwrap())
            .authorised
    );
}
