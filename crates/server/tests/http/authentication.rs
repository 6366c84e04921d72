//! Contract kio 2.1, 2.2: who is let in.

use super::*;
use stups_server::StartError;

#[tokio::test]
async fn every_form_of_a_token_is_taken() {
    let service = friboo().await;
    for header in ["Bearer good", "bearer good", "Token good", "Basic b2F1dGgyOmdvb2Q="] {
        let answer = service
            .ask(Method::GET, "/apps/kio", &[("authorization", header)], None)
            .await;
        assert_eq!(
            (answer.status, &answer.json()["uid"]),
            (200, &json!("jdoe")),
            "{header}"
        );
    }
}

#[tokio::test]
async fn everybody_else_is_refused() {
    let service = friboo().await;
    for (header, status, message) in [
        (None, 401, "Unauthorized"),
        (Some("Bearer bad"), 401, "Unauthorized"),
        (Some("Basic dXNlcjpnb29k"), 401, "Unauthorized"),
        (Some("good"), 401, "Unauthorized"),
        (Some("Bearer nobody"), 403, "Forbidden"),
        (
            Some("Bearer away"),
            503,
            "A dependency is unavailable: tokens cannot be verified now.",
        ),
    ] {
        let headers: Vec<_> = header.map(|value| ("authorization", value)).into_iter().collect();
        let answer = service.ask(Method::GET, "/apps/kio", &headers, None).await;
        assert_eq!(answer.status, status, "{header:?}");
        assert_eq!(
            answer.json(),
            json!({"message": message, "details": null}),
            "{header:?}"
        );
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{header:?}");
        assert_eq!(answer.header("retry-after").is_some(), status == 503, "{header:?}");
    }
}

/// `list_apps` does not ask who is calling: the service does.
#[tokio::test]
async fn a_handler_that_forgets_to_ask_is_guarded_too() {
    let service = friboo().await;
    assert_eq!(service.get_open("/apps").await.status, 401);
    assert_eq!(service.get("/apps").await.status, 200);
}

#[tokio::test]
async fn the_token_is_checked_before_the_body() {
    let service = friboo().await;
    let answer = service
        .ask(Method::PUT, "/apps/kio", &[("content-type", "text/plain")], Some("x"))
        .await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn open_routes_are_open_and_may_ask() {
    let service = friboo().await;
    assert_eq!(service.get_open("/origin").await.json()["uid"], Value::Null);
    assert_eq!(service.get("/origin").await.json()["uid"], "jdoe");
}

#[tokio::test]
async fn a_token_in_the_query_is_not_taken() {
    let service = friboo().await;
    assert_eq!(service.get_open("/apps?access_token=good").await.status, 401);
}

#[tokio::test]
async fn a_service_that_cannot_verify_tokens_does_not_start() {
    let error = Service::new("kio", "1").build().err().unwrap();
    assert!(matches!(error, StartError::NoVerifier { service: "kio" }));
    let error = environment().verifier("kio").unwrap_err();
    assert!(error.to_string().contains("--insecure-no-auth"), "{error}");
}

#[tokio::test]
async fn without_authentication_only_when_typed() {
    let mut environment = environment();
    environment.insecure_no_auth = true;
    let built = Service::new("kio", "1")
        .environment(&environment)
        .verifier(environment.verifier("kio").unwrap())
        .routes(OpenApiRouter::new().routes(routes!(get_app)))
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/apps/kio", listener.local_addr().unwrap());
    tokio::spawn(stups_server::serve(
        listener,
        built.router,
        None,
        std::future::pending(),
    ));
    let client = Client::builder().tls_backend_preconfigured(no_tls()).build().unwrap();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    assert_eq!(
        client.get(&url).bearer_auth("anything").send().await.unwrap().status(),
        200
    );
}
