//! Pier One when whom it asks about its callers is away, slow, or answers with something else: it never lets anybody in for that.

use std::collections::HashMap;

use axum::extract::{Json, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use serde_json::{Value, json};
use stups_tests::{ServiceProcess, audit, client};

/// What is not an answer, by name.
const FAULTS: [&str; 5] = ["error", "page", "cut", "redirect", "slow"];

async fn faulty(fault: &str) -> Option<Response> {
    Some(match fault {
        "error" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        "page" => ([(header::CONTENT_TYPE, "text/html")], "<html>log in</html>").into_response(),
        "cut" => (StatusCode::BAD_GATEWAY, "{\"uid\":").into_response(),
        "redirect" => (StatusCode::FOUND, [(header::LOCATION, "/login")]).into_response(),
        "slow" => std::future::pending().await,
        _ => return None,
    })
}

/// Says of the token `info-<fault>` what is no answer; all others are somebody's, whose team is asked for with the same
/// name: `team-<fault>`.
async fn stub() -> String {
    let info = async |Query(query): Query<HashMap<String, String>>, headers: HeaderMap| {
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = query
            .get("access_token")
            .map(String::as_str)
            .or(bearer)
            .unwrap_or_default();
        let token = token.trim_start_matches("Bearer ").to_owned();
        if let Some(fault) = token.strip_prefix("info-")
            && let Some(response) = faulty(fault).await
        {
            return response;
        }
        Json(json!({
            "access_token": token, "uid": token, "realm": "/employees", "scope": ["uid", "audit.read"],
            "token_type": "Bearer", "expires_in": 3600,
        }))
        .into_response()
    };
    let policy = async |headers: HeaderMap, Json(_): Json<Value>| {
        let token = headers[header::AUTHORIZATION].to_str().unwrap().to_owned();
        let fault = token.trim_start_matches("Bearer team-").to_owned();
        faulty(&fault)
            .await
            .unwrap_or_else(|| Json(json!("OK")).into_response())
    };
    let app = axum::Router::new()
        .route("/tokeninfo", any(info))
        .route("/auth", any(policy));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

async fn started(tokeninfo: &str, policy: &str, directory: &std::path::Path) -> ServiceProcess {
    let settings = format!(
        "[pierone]\ntokeninfo_url = \"{tokeninfo}/tokeninfo\"\npolicy_url = \"{policy}\"\npublic_read = [\"open/*\"]\n"
    );
    ServiceProcess::start("pierone", directory, &settings, false).await
}

/// Status and code of a request.
async fn answer(process: &ServiceProcess, method: reqwest::Method, path: &str, token: &str) -> (u16, String) {
    let request = client()
        .request(method, format!("{}{path}", process.url()))
        .bearer_auth(token);
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap_or_default();
    (
        status,
        body["errors"][0]["code"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_because_nobody_can_be_asked() {
    let directory = tempfile::tempdir().unwrap();
    let stub = stub().await;
    let process = started(&stub, &stub, directory.path()).await;
    let unavailable = (503, "UNAVAILABLE".to_owned());
    let push = "/v2/stups/app/blobs/uploads/";
    let checks = FAULTS.map(|fault| {
        let (process, unavailable) = (&process, &unavailable);
        async move {
            let token = format!("info-{fault}");
            for path in [
                "/v2/",
                "/v2/stups/app/tags/list",
                "/v2/open/app/tags/list",
                "/v2/token?scope=repository:stups/app:pull,push",
            ] {
                assert_eq!(
                    &answer(process, reqwest::Method::GET, path, &token).await,
                    unavailable,
                    "{token} {path}"
                );
            }
            assert_eq!(
                &answer(process, reqwest::Method::POST, push, &token).await,
                unavailable,
                "{token}"
            );
            let token = format!("team-{fault}");
            assert_eq!(
                &answer(process, reqwest::Method::POST, push, &token).await,
                unavailable,
                "{token}"
            );
            let path = "/v2/token?scope=repository:stups/app:pull,push";
            assert_eq!(
                &answer(process, reqwest::Method::GET, path, &token).await,
                unavailable,
                "{token}"
            );
            // To pull, no team is asked for.
            let path = "/v2/stups/app/tags/list";
            let pulled = answer(process, reqwest::Method::GET, path, &token).await;
            assert_eq!(pulled, (404, "NAME_UNKNOWN".to_owned()), "{token}");
        }
    });
    futures::future::join_all(checks).await;
    assert!(
        audit(process.url(), "auditor")
            .await
            .iter()
            .all(|record| record["event"]["action"] == "policy.changed")
    );
    // Others are let in all the while.
    assert_eq!(
        answer(&process, reqwest::Method::POST, push, "team-member").await.0,
        202
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_when_nobody_listens() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let away = format!("http://{free}");
    let stub = stub().await;
    let push = "/v2/stups/app/blobs/uploads/";
    for (tokeninfo, policy) in [(&away, &stub), (&stub, &away)] {
        let directory = tempfile::tempdir().unwrap();
        let process = started(tokeninfo, policy, directory.path()).await;
        let refused = answer(&process, reqwest::Method::POST, push, "team-member").await;
        assert_eq!(refused, (503, "UNAVAILABLE".to_owned()));
        // What is for everybody is there without them.
        let url = format!("{}/v2/open/app/tags/list", process.url());
        assert_eq!(client().get(url).send().await.unwrap().status(), 404);
    }
}
