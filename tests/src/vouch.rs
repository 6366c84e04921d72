//! Whom a service asks about its callers, when identity is not what is tested.

use axum::extract::Path;
use axum::{Json, Router, routing::any};

/// Vouches for every token (`/tokeninfo`): it is `/employees/jdoe`'s, who may read audit trails and is in every team
/// (`/teams/{id}`); and knows every application (`/apps/{id}`), of the team `stups`, and every
/// scope (`/resource-types/{id}/scopes/{id}`). Answers its address.
///
/// Panics when there is no free port.
pub async fn vouch() -> String {
    let token = serde_json::json!({
        "access_token": "token", "uid": "jdoe", "realm": "/employees", "scope": ["uid", "audit.read"],
        "token_type": "Bearer", "expires_in": 3600, "cn": "jdoe", "client_id": "test"
    });
    let team = serde_json::json!({"id": "stups", "name": "stups", "members": ["jdoe"]});
    let application = async |Path(id): Path<String>| {
        let time = "2026-01-02T03:04:05.678Z";
        Json(serde_json::json!({
            "id": id, "name": id, "team_id": "stups", "active": true,
            "created": time, "created_by": "jdoe", "last_modified": time, "last_modified_by": "jdoe"
        }))
    };
    let scope = async |Path((_, id)): Path<(String, String)>| {
        Json(serde_json::json!({"id": id, "summary": id, "is_resource_owner_scope": false, "criticality_level": 1}))
    };
    let app = Router::new()
        .route("/tokeninfo", any(async move || Json(token.clone())))
        .route("/apps/{id}", any(application))
        .route("/resource-types/{id}/scopes/{scope}", any(scope))
        .route("/teams/{id}", any(async move || Json(team.clone())))
        .fallback(async || Json(serde_json::json!([])));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}
