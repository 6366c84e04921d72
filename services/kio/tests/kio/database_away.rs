//! A database that goes away and comes back.

use serde_json::json;
use stups_testkit::{PostgreSql, error_message};

use crate::support::{JDOE, Kio};

#[tokio::test(flavor = "multi_thread")]
async fn meanwhile_the_answer_is_503_and_afterwards_everything_is_there() {
    let cluster = PostgreSql::start_new().await.unwrap();
    let url = cluster.database().await.parse().unwrap();
    let kio = Kio::start("PostgreSQL", &url, tempfile::tempdir().unwrap()).await;
    kio.register("kio").await;

    cluster.stop().await.unwrap();
    let body = json!({"team_id": "stups", "active": true, "name": "Kio"});
    for (method, path, body) in [
        ("GET", "/apps", None),
        ("GET", "/apps/kio", None),
        ("GET", "/apps?search=kio", None),
        ("PUT", "/apps/kio", Some(body.clone())),
        ("PUT", "/apps/new", Some(body)),
        ("PUT", "/apps/kio/versions/1.0", Some(json!({"artifact": "a"}))),
    ] {
        let answer = kio.call(method, path, JDOE, body).await;
        assert_eq!(answer.status, 503, "{method} {path}: {}", answer.text().unwrap());
        assert!(answer.headers.contains_key("retry-after"), "{method} {path}");
        assert!(
            error_message(&answer).starts_with("A dependency is unavailable"),
            "{}",
            error_message(&answer)
        );
    }

    cluster.start().await.unwrap();
    // No restart is needed. A connection that broke meanwhile is noticed by whoever gets it, who is told to try again.
    let body = json!({"team_id": "stups", "active": false, "name": "Kio"});
    for (method, path, body) in [("GET", "/apps", None), ("PUT", "/apps/kio", Some(body))] {
        let mut answer = kio.call(method, path, JDOE, body.clone()).await;
        for _ in 0..50 {
            if answer.status != 503 {
                break;
            }
            answer = kio.call(method, path, JDOE, body.clone()).await;
        }
        assert_eq!(answer.status, 200, "{method} {path}");
    }
    assert_eq!(kio.json("/apps/kio").await["active"], false);
}
