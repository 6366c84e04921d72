//! Against a registry on the loopback interface.

use std::net::TcpListener;

use stups_terminal::Terminal;

use super::*;
use crate::http::test_server::{Seen, answer, serve as registry};

async fn checked(source: &str) -> Result<(), String> {
    let (terminal, _) = Terminal::captured("");
    let image = DockerImage::parse(source).unwrap();
    check(&image, "P", &terminal).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn other_registries_are_asked_without_encryption_when_they_have_none() {
    let (address, seen) = registry(|first, _| {
        if first.contains("/v2/team/app/manifests/1.0 ") {
            answer("200 OK", "", "")
        } else {
            answer("404 Not Found", "", "")
        }
    });
    assert_eq!(checked(&format!("{address}/team/app:1.0")).await, Ok(()));
    let requests: Vec<Seen> = seen.try_iter().collect();
    assert_eq!(
        requests,
        [("HEAD /v2/team/app/manifests/1.0 HTTP/1.1".to_owned(), None)]
    );
    assert_eq!(
        checked(&format!("{address}/team/app:2.0")).await,
        Err(format!(
            "P: Docker image \"{address}/team/app:2.0\" does not exist (skip this check with --force)"
        ))
    );
}

#[tokio::test]
async fn a_registry_without_head_is_asked_with_get() {
    let (address, _seen) = registry(|first, _| {
        if first.starts_with("GET /v2/") {
            answer("200 OK", "", "{}")
        } else {
            answer("405 Method Not Allowed", "", "")
        }
    });
    assert_eq!(checked(&format!("{address}/team/app:1.0")).await, Ok(()));
}

#[tokio::test]
async fn anonymous_tokens_are_fetched_where_the_registry_says() {
    let (tokens, asked) = registry(|_, _| answer("200 OK", "", "{\"token\": \"pull-token\"}"));
    let (address, _seen) = registry(move |_, authorization| {
        if authorization == Some("Bearer pull-token") {
            answer("200 OK", "", "")
        } else {
            let challenge = format!("WWW-Authenticate: Bearer realm=\"http://{tokens}/token\",service=\"reg\"\r\n");
            answer("401 Unauthorized", &challenge, "")
        }
    });
    assert_eq!(checked(&format!("{address}/team/app:1.0")).await, Ok(()));
    let (first, authorization) = asked.try_recv().unwrap();
    assert_eq!(
        first,
        "GET /token?scope=repository%3Ateam%2Fapp%3Apull&service=reg HTTP/1.1"
    );
    assert_eq!(authorization, None);
}

#[tokio::test]
async fn a_users_token_never_goes_to_another_host() {
    let (tokens, asked) = registry(|_, _| answer("401 Unauthorized", "", ""));
    let (address, seen) = registry(move |_, _| {
        let challenge = format!("WWW-Authenticate: Bearer realm=\"http://{tokens}/token\"\r\n");
        answer("401 Unauthorized", &challenge, "")
    });
    let image = DockerImage::parse(&format!("{address}/team/app:1.0")).unwrap();
    let result = ask(
        &http::client(TIMEOUT).unwrap(),
        &format!("http://{address}"),
        &image,
        Some("secret"),
    )
    .await;
    assert_eq!(result.unwrap(), Answer::Refused(StatusCode::UNAUTHORIZED));
    assert_eq!(seen.try_recv().unwrap().1.as_deref(), Some("Bearer secret"));
    assert_eq!(asked.try_recv().unwrap().1, None);
}

#[tokio::test]
async fn a_token_opens_the_registry_that_knows_it() {
    let (address, _seen) = registry(|_, authorization| match authorization {
        Some("Bearer good") => answer("200 OK", "", ""),
        _ => answer("401 Unauthorized", "", ""),
    });
    let image = DockerImage::parse(&format!("{address}/team/app:1.0")).unwrap();
    let base = format!("http://{address}");
    for (token, expected) in [
        (Some("good"), Answer::Exists),
        (Some("bad"), Answer::Refused(StatusCode::UNAUTHORIZED)),
        (None, Answer::Refused(StatusCode::UNAUTHORIZED)),
    ] {
        assert_eq!(
            ask(&http::client(TIMEOUT).unwrap(), &base, &image, token)
                .await
                .unwrap(),
            expected
        );
    }
}

#[tokio::test]
async fn pier_one_needs_a_token() {
    let image = DockerImage::parse("pierone.example.org/team/app:1.0").unwrap();
    let error = check_at("pierone.example.org", &image, "P", None).await.unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("\"pierone login\"") && message.contains("--force"),
        "{message}"
    );
}

#[tokio::test]
async fn registries_that_refuse_or_are_away_are_named() {
    let (address, _seen) = registry(|_, _| answer("500 Internal Server Error", "", ""));
    let message = checked(&format!("{address}/team/app:1.0")).await.unwrap_err();
    assert!(message.contains("the registry answered 500"), "{message}");
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let message = checked(&format!("{address}/team/app:1.0")).await.unwrap_err();
    assert!(message.contains("can't be reached"), "{message}");
}

#[tokio::test]
async fn docker_hub_is_not_asked() {
    assert_eq!(checked("stups/hello-world:0.1").await, Ok(()));
}
