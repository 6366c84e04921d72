//! Contract kio 2.1: what every answer has.

use super::*;

const METHODS: &str = "GET, POST, DELETE, PUT, PATCH, OPTIONS";

#[tokio::test]
async fn every_answer_has_the_originals_headers() {
    let service = friboo().await;
    for (path, token) in [
        ("/apps/kio", "good"),
        ("/apps/kio", "bad"),
        ("/nowhere", "bad"),
        ("/.well-known/health", ""),
    ] {
        let asked = format!("Bearer {token}");
        let headers = [
            ("authorization", asked.as_str()),
            ("access-control-request-headers", "authorization"),
        ];
        let answer = service.ask(Method::GET, path, &headers, None).await;
        assert_eq!(
            answer.header("strict-transport-security"),
            Some("max-age=10886400"),
            "{path}"
        );
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
        assert_eq!(answer.header("access-control-max-age"), Some("3600"), "{path}");
        assert_eq!(answer.header("access-control-allow-methods"), Some(METHODS), "{path}");
        assert_eq!(
            answer.header("access-control-allow-headers"),
            Some("authorization"),
            "{path}"
        );
        assert!(answer.header("x-request-id").is_some(), "{path}");
    }
}

#[tokio::test]
async fn options_on_any_path_is_200_without_a_token() {
    let service = friboo().await;
    for path in ["/apps", "/apps/kio", "/nowhere", "/.well-known/health", "/"] {
        let answer = service
            .ask(
                Method::OPTIONS,
                path,
                &[("access-control-request-headers", "x-a, x-b")],
                None,
            )
            .await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{path}");
        assert_eq!(
            answer.header("access-control-allow-headers"),
            Some("x-a, x-b"),
            "{path}"
        );
        assert_eq!(answer.header("access-control-allow-methods"), Some(METHODS), "{path}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_404_in_the_originals_words() {
    let service = friboo().await;
    for (method, path) in [
        (Method::GET, "/nowhere"),
        (Method::POST, "/apps"),
        (Method::DELETE, "/apps/kio"),
        (Method::GET, "/nowhere/"),
        (Method::PUT, "/.well-known/schema-discovery"),
    ] {
        let answer = service
            .ask(method.clone(), path, &[("authorization", "Bearer good")], None)
            .await;
        assert_eq!(answer.status, 404, "{method} {path}");
        let shown = path.trim_end_matches('/');
        let said = answer.json();
        assert!(
            said == json!({"message": format!("{method} {path} not found."), "details": null})
                || said == json!({"message": format!("{method} {shown} not found."), "details": null}),
            "{said}"
        );
    }
    let head = service
        .ask(Method::HEAD, "/apps/kio", &[("authorization", "Bearer good")], None)
        .await;
    assert_eq!(head.status, 404);
}

#[tokio::test]
async fn identity_answers_an_undefined_method_with_405_and_allow() {
    let service = start(ErrorShape::OAuth, &environment()).await;
    let answer = service
        .ask(Method::POST, "/apps/kio", &[("authorization", "Bearer good")], None)
        .await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.json()["error"], "not_allowed");
    assert!(answer.header("allow").unwrap().contains("PUT"), "{answer:?}");
    assert_eq!(service.get("/nowhere").await.json()["error"], "not_found");
    let head = service
        .ask(Method::HEAD, "/apps/kio", &[("authorization", "Bearer good")], None)
        .await;
    assert_eq!(head.status, 200);
}

#[tokio::test]
async fn a_trailing_slash_is_ignored() {
    let service = friboo().await;
    assert_eq!(service.get("/apps/kio/").await.json()["id"], "kio");
    assert_eq!(service.get("/apps/?limit=3").await.json()["limit"], 3);
    assert_eq!(
        service.get_open("/.well-known/health/").await.json(),
        json!({"health": true})
    );
    let refused = service.get_open("/apps/kio/").await;
    assert_eq!(refused.status, 401, "it is guarded as well");
}

#[tokio::test]
async fn errors_come_in_the_shape_that_the_caller_prefers() {
    let service = friboo().await;
    let answer = service.get("/apps/none").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.json(),
        json!({"message": "There is no application none.", "details": null})
    );

    let headers = [
        ("authorization", "Bearer good"),
        ("accept", "application/problem+json"),
        ("x-request-id", "abc-1"),
    ];
    let answer = service.ask(Method::GET, "/apps/none", &headers, None).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(
        answer.json(),
        json!({"type": "about:blank", "title": "Not Found", "status": 404, "detail": "There is no application none.",
               "instance": "abc-1"})
    );
}

#[tokio::test]
async fn request_ids_are_kept_when_sane_and_reach_handlers() {
    let service = friboo().await;
    let headers = [("authorization", "Bearer good"), ("x-request-id", "abc-1")];
    let answer = service.ask(Method::GET, "/apps/kio", &headers, None).await;
    assert_eq!(answer.header("x-request-id"), Some("abc-1"));
    assert_eq!(answer.json()["request_id"], "abc-1");

    let headers = [("authorization", "Bearer good"), ("x-request-id", "a b\"c")];
    let answer = service.ask(Method::GET, "/apps/kio", &headers, None).await;
    assert_ne!(answer.header("x-request-id"), Some("a b\"c"));
    assert_eq!(answer.json()["request_id"].as_str(), answer.header("x-request-id"));
}

#[tokio::test]
async fn gzip_only_for_200_and_not_for_tiny_answers() {
    let service = friboo().await;
    for (path, status, compressed) in [
        ("/apps/kio", 200, true),
        ("/apps", 200, false),
        ("/apps/none", 404, false),
    ] {
        let headers = [("authorization", "Bearer good"), ("accept-encoding", "gzip, deflate")];
        let answer = service.ask(Method::GET, path, &headers, None).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("content-encoding") == Some("gzip"), compressed, "{path}");
    }
    assert_eq!(
        service.get("/apps/kio").await.header("content-encoding"),
        None,
        "not asked for"
    );
}

#[tokio::test]
async fn cors_can_be_limited_to_origins() {
    let mut environment = environment();
    environment.limits.cors_origins = vec!["https://yourturn.example.org".to_owned()];
    let service = start(ErrorShape::Friboo, &environment).await;
    for (origin, allowed) in [
        ("https://yourturn.example.org", Some("https://yourturn.example.org")),
        ("https://evil.example.org", None),
    ] {
        let answer = service.ask(Method::OPTIONS, "/apps", &[("origin", origin)], None).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
}

#[tokio::test]
async fn the_callers_address_is_known() {
    let service = friboo().await;
    let forged = service
        .ask(Method::GET, "/origin", &[("x-forwarded-for", "203.0.113.9")], None)
        .await;
    assert_eq!(forged.json()["address"], "127.0.0.1");
    let mut environment = environment();
    environment.limits.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let service = start(ErrorShape::Friboo, &environment).await;
    let forwarded = service
        .ask(Method::GET, "/origin", &[("x-forwarded-for", "203.0.113.9")], None)
        .await;
    assert_eq!(forwarded.json()["address"], "203.0.113.9");
}
