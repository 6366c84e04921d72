//! What a service bears.

use super::*;
use stups_server::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn put(service: &Running, content_type: &str, body: &str) -> Answer {
    let headers = [("authorization", "Bearer good"), ("content-type", content_type)];
    service.ask(Method::PUT, "/apps/kio", &headers, Some(body)).await
}

#[tokio::test]
async fn bad_bodies_are_told_what_is_wrong() {
    let service = friboo().await;
    assert_eq!(
        put(&service, "application/json;charset=utf-8", r#"{"name":"Kio"}"#)
            .await
            .status,
        200
    );
    for (content_type, body, status, message) in [
        ("text/plain", "{}", 406, "Content type not allowed."),
        (
            "application/json",
            "",
            400,
            "Body not parsable with given content type.",
        ),
        (
            "application/json",
            "{",
            400,
            "Body not parsable with given content type.",
        ),
        (
            "application/json",
            "\u{feff}{}",
            400,
            "Body not parsable with given content type.",
        ),
        (
            "application/json",
            "{}",
            400,
            "Value in body cannot be used because of: missing field `name`.",
        ),
        (
            "application/json",
            r#"{"name":"x","level":"y"}"#,
            400,
            "Value in body->level cannot be used because of: invalid type: string \"y\", expected i32.",
        ),
    ] {
        let answer = put(&service, content_type, body).await;
        assert_eq!(
            (answer.status, answer.json()["message"].as_str()),
            (status, Some(message)),
            "{body}"
        );
    }
    let latin = service
        .client
        .put(format!("{}/apps/kio", service.url))
        .bearer_auth("good")
        .header("content-type", "application/json")
        .body(b"{\"name\":\"\xe4\"}".to_vec());
    assert_eq!(latin.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_also_when_it_does_not_say_so() {
    let mut environment = environment();
    environment.limits.body_bytes = 1000;
    let service = start(ErrorShape::Friboo, &environment).await;
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(2000));
    assert_eq!(put(&service, "application/json", &large).await.status, 413);
    assert_eq!(put(&service, "application/json", r#"{"name":"x"}"#).await.status, 200);

    let mut stream = TcpStream::connect(service.url.trim_start_matches("http://"))
        .await
        .unwrap();
    let head = "PUT /apps/kio HTTP/1.1\r\nhost: x\r\nauthorization: Bearer good\r\ncontent-type: application/json\r\n\
                transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream
        .write_all(format!("{head}{:x}\r\n{large}\r\n0\r\n\r\n", large.len()).as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn too_many_and_too_long_headers_are_refused() {
    let service = friboo().await;
    for extra in ["x: y\r\n".repeat(100), format!("x: {}\r\n", "y".repeat(100_000))] {
        let mut stream = TcpStream::connect(service.url.trim_start_matches("http://"))
            .await
            .unwrap();
        let head = format!("GET /.well-known/health HTTP/1.1\r\nhost: x\r\n{extra}\r\n");
        // The service may answer and hang up before it has read everything.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    assert_eq!(service.get_open("/.well-known/health").await.status, 200);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let mut environment = environment();
    environment.limits.request_timeout = Duration::from_millis(50);
    let service = start(ErrorShape::Friboo, &environment).await;
    let answer = service.get_open("/wait").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["message"], "The request took too long.");
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let mut environment = environment();
    environment.limits.request_timeout = Duration::from_millis(50);
    let service = start(ErrorShape::Friboo, &environment).await;
    let mut stream = TcpStream::connect(service.url.trim_start_matches("http://"))
        .await
        .unwrap();
    let head = "PUT /apps/kio HTTP/1.1\r\nhost: x\r\nauthorization: Bearer good\r\ncontent-type: application/json\r\n\
                content-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 503");
}

#[tokio::test]
async fn a_full_service_refuses_but_stays_healthy() {
    let mut environment = environment();
    environment.limits.concurrent_requests = 2;
    let service = Arc::new(start(ErrorShape::Friboo, &environment).await);
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let service = service.clone();
            tokio::spawn(async move { service.get_open("/wait").await })
        })
        .collect();
    drop(service.gate.entered.acquire_many(2).await.unwrap());
    let refused = service.get("/apps/kio").await;
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(service.get_open("/.well-known/health").await.status, 200);
    service.gate.leave.add_permits(2);
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap().body, "done");
    }
    assert_eq!(service.get("/apps/kio").await.status, 200);
}

#[tokio::test]
async fn a_panic_is_500_without_internals() {
    let service = friboo().await;
    let answer = service.get_open("/panic").await;
    assert_eq!(answer.status, 500);
    assert_eq!(
        answer.json(),
        json!({"message": "Internal Server Error", "details": null})
    );
    assert_eq!(service.get("/apps/kio").await.status, 200, "it goes on");
}

#[tokio::test]
async fn a_repeated_or_bad_parameter_is_400() {
    let service = friboo().await;
    for query in ["limit=1&limit=2", "limit=x"] {
        assert_eq!(service.get(&format!("/apps?{query}")).await.status, 400, "{query}");
    }
}

/// What a connection on which this is said is answered until it ends.
async fn said(address: &str, words: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The service may hang up before it has read everything.
    let _ = stream.write_all(words.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Serves within limits of its own.
async fn within(limits: Limits) -> (Running, String) {
    let service = friboo().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = service.built.router.clone();
    tokio::spawn(
        async move { stups_server::serve_within(&limits, listener, router, None, std::future::pending()).await },
    );
    (service, address)
}

const HEALTH: &str = "GET /.well-known/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn connections_that_are_too_many_are_told_to_come_back() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let (_service, address) = within(limits).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        // Answered: it has its place.
        stream
            .write_all(b"GET /.well-known/health HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        open.push(stream);
    }
    let refused = said(&address, HEALTH).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("retry-after: 1\r\n"), "{refused}");
    open.pop();
    // Its place is free as soon as the service sees that it has gone.
    while !said(&address, HEALTH).await.starts_with("HTTP/1.1 200") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_says_nothing_or_half_a_request_is_not_waited_for() {
    let limits = Limits {
        // Long enough for a busy machine to read what is there already.
        keep_alive: Duration::from_millis(500),
        ..Limits::default()
    };
    let (_service, address) = within(limits).await;
    let begun = "GET /.well-known/health HTTP/1.1\r\nhost: ";
    assert_eq!(said(&address, begun).await, "");
    // A second request that does not come, and one that comes in time.
    let kept = HEALTH.replace("connection: close\r\n", "");
    let answer = said(&address, &format!("{kept}{kept}{begun}")).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
}
