//! Contract kio 2.1: health and API documents, without a token.

use super::*;

#[tokio::test]
async fn health_and_discovery_need_no_token() {
    let service = friboo().await;
    assert_eq!(
        service.get_open("/.well-known/health").await.json(),
        json!({"health": true})
    );
    assert_eq!(
        service.get_open("/.well-known/ready").await.json(),
        json!({"ready": true})
    );
    assert_eq!(
        service.get_open("/.well-known/schema-discovery").await.json(),
        json!({"schema_url": "/swagger.json", "schema_type": "swagger-2.0", "ui_url": "/ui/"})
    );
    for method in [Method::HEAD, Method::POST, Method::PUT, Method::DELETE] {
        let answer = service.ask(method.clone(), "/.well-known/health", &[], None).await;
        assert_eq!(answer.status, 200, "{method}");
    }
    for path in ["/.well-known/ready", "/openapi.json", "/swagger.json", "/ui/"] {
        assert_eq!(service.ask(Method::HEAD, path, &[], None).await.status, 200, "{path}");
    }
    let icon = service.get_open("/favicon.ico").await;
    assert_eq!(icon.status, 404);
    assert!(icon.header("content-type").unwrap().starts_with("text/plain"));
}

#[tokio::test]
async fn both_documents_describe_the_routes() {
    let service = friboo().await;
    let openapi = service.get_open("/openapi.json").await.json();
    assert!(openapi["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(openapi["info"]["title"], "test");
    assert_eq!(
        openapi["paths"]["/apps/{id}"]["get"]["security"],
        json!([{"oauth2": ["uid"]}])
    );
    assert_eq!(openapi["paths"]["/origin"]["get"]["security"], Value::Null);
    assert!(
        openapi["paths"]["/apps"]["get"]["responses"]["default"]["content"]["application/problem+json"].is_object()
    );
    assert!(openapi["paths"]["/audit"]["get"].is_object());

    let swagger = service
        .ask(Method::GET, "/swagger.json", &[("host", "kio.example.org:8080")], None)
        .await
        .json();
    assert_eq!(swagger["swagger"], "2.0");
    assert_eq!(swagger["host"], "kio.example.org:8080");
    assert_eq!(
        swagger["paths"]["/apps/{id}"]["put"]["parameters"][1]["schema"]["$ref"],
        "#/definitions/App"
    );
    assert!(swagger["definitions"]["App"]["properties"]["name"].is_object());
}

#[tokio::test]
async fn the_pages_are_served_and_guarded_by_headers() {
    let service = friboo().await;
    let root = service.get_open("/").await;
    assert_eq!((root.status, root.header("location")), (302, Some("/ui/")));
    let page = service.get_open("/ui/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("frame-ancestors 'none'")
    );
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let script = service.get_open("/ui/swagger-initializer.js").await;
    assert!(script.body.contains("/openapi.json"), "{}", script.body);
    assert_eq!(service.get_open("/ui/nothing.js").await.status, 404);
}
