//! The storage API (contract mint-berry 2.2, 2.3 and 3), on both databases.

use http::header::{ETAG, IF_NONE_MATCH};
use serde_json::{Value, json};
use stups_testkit::error_message;

use crate::support::{JDOE, Running, WORKER};

#[tokio::test]
async fn what_is_put_is_read_as_sets() {
    for mint in Running::on_both_databases().await {
        mint.world.facts().applications.insert("kio".to_owned(), true);
        assert_eq!(mint.get("/apps/kio").await.status, 404);
        let body = json!({
            "is_client_confidential": "true", "redirect_url": "",
            "s3_buckets": ["b-two", "b-one", "b-two", "s3://b-one", "ssm://stups?region=eu-west-1", "gs://b-three"],
            "kubernetes_clusters": ["aws:123123123123:eu-central-1:kube-1"],
            "scopes": [
                {"resource_type_id": "sales_order", "scope_id": "write"},
                {"resource_type_id": "sales_order", "scope_id": "read"},
                {"resource_type_id": "sales_order", "scope_id": "read"},
            ],
        });
        let put = mint.put("kio", body).await;
        assert_eq!((put.status.as_u16(), put.text().unwrap()), (200, ""));
        let found = mint.json("/apps/kio").await;
        let modified = found["last_modified"].clone();
        assert_eq!(
            found,
            json!({
                "id": "kio", "username": "stups_kio", "client_id": null, "redirect_url": null, "is_client_confidential": true,
                "is_client_key": false, "last_password_rotation": null, "last_client_rotation": null, "last_synced": null,
                "last_modified": modified, "has_problems": false, "message": "", "s3_errors": 0,
                "s3_buckets": ["b-one", "b-two", "gs://b-three", "ssm://stups?region=eu-west-1"],
                "kubernetes_clusters": ["aws:123123123123:eu-central-1:kube-1"],
                "scopes": [
                    {"resource_type_id": "sales_order", "scope_id": "read"},
                    {"resource_type_id": "sales_order", "scope_id": "write"},
                ],
            })
        );
        // YOUR TURN leaves empty lists out.
        assert_eq!(
            mint.put(
                "kio",
                json!({"is_client_confidential": true, "redirect_url": "https://x"})
            )
            .await
            .status,
            200
        );
        let found = mint.json("/apps/kio").await;
        assert_eq!(
            (&found["s3_buckets"], &found["scopes"], &found["kubernetes_clusters"]),
            (&json!([]), &json!([]), &json!([]))
        );
        assert_eq!(found["redirect_url"], "https://x");
        assert_ne!(found["last_modified"], modified);
        // Nothing, null and an empty text clear the redirect URL; what changes nothing changes nothing.
        for body in [
            json!({"is_client_confidential": true, "redirect_url": null}),
            json!({"is_client_confidential": true}),
        ] {
            assert_eq!(mint.put("kio", body).await.status, 200);
            assert_eq!(mint.json("/apps/kio").await["redirect_url"], Value::Null);
        }
        let modified = mint.json("/apps/kio").await["last_modified"].clone();
        assert_eq!(
            mint.put("kio", json!({"is_client_confidential": true})).await.status,
            200
        );
        assert_eq!(mint.json("/apps/kio").await["last_modified"], modified);
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_named() {
    for mint in Running::on_both_databases().await {
        mint.world.facts().applications.insert("kio".to_owned(), true);
        let with = |name: &str, value: Value| {
            let mut body = json!({"is_client_confidential": true});
            body[name] = value;
            body
        };
        let unknown = json!([{"resource_type_id": "sales_order", "scope_id": "unknown"}]);
        for (id, body, text) in [
            ("kio", json!({}), "':is_client_confidential' is required"),
            ("kio", json!({"is_client_confidential": null}), "it has to have a value"),
            ("kio", with("id", json!("kio")), "':id' is not defined"),
            ("kio", with("redirect_url", json!("http://x")), "an https URL"),
            ("kio", with("s3_buckets", Value::Null), "it is no array"),
            (
                "kio",
                with("s3_buckets", json!(["ab"])),
                "of item 0: it is not a bucket",
            ),
            ("kio", with("s3_buckets", json!(["ssm://../x"])), ". and .. are none"),
            (
                "kio",
                with("s3_buckets", json!(["s3://bucket?region=nowhere"])),
                "region",
            ),
            ("kio", with("kubernetes_clusters", json!(["x y"])), "a cluster"),
            (
                "kio",
                with("scopes", json!([{"resource_type_id": "sales_order"}])),
                "':scope_id' is required",
            ),
            (
                "kio",
                with("scopes", unknown),
                "Scope sales_order.unknown does not exist in essentials",
            ),
            (
                "stranger",
                with("s3_buckets", json!([])),
                "Application 'stranger' does not exist in Kio",
            ),
        ] {
            let answer = mint.put(id, body).await;
            assert_eq!(answer.status, 400, "{}", answer.text().unwrap());
            let message = error_message(&answer);
            assert!(message.contains(text), "{message}");
        }
        let public_key = json!({"is_client_confidential": false, "is_client_key": true});
        assert_eq!(mint.put("kio", public_key).await.status, 400);
        assert_eq!(mint.get("/apps/%2e%2e%2fkio").await.status, 400);
        let many: Vec<String> = (0..201).map(|number| format!("bucket-{number}")).collect();
        assert_eq!(mint.put("kio", with("s3_buckets", json!(many))).await.status, 400);
        assert_eq!(mint.json("/apps").await, json!([]));
    }
}

#[tokio::test]
async fn lists_are_filtered_and_have_tags() {
    for mint in Running::on_both_databases().await {
        for (id, scopes) in [("kio", vec!["read", "write"]), ("mai", vec!["read"]), ("none", vec![])] {
            mint.world.facts().applications.insert(id.to_owned(), true);
            let scopes: Vec<Value> = scopes
                .iter()
                .map(|scope| json!({"resource_type_id": "sales_order", "scope_id": scope}))
                .collect();
            assert_eq!(
                mint.put(id, json!({"is_client_confidential": true, "scopes": scopes}))
                    .await
                    .status,
                200
            );
        }
        let ids = async |query: &str| -> Vec<String> {
            let list = mint.json(&format!("/apps{query}")).await;
            list.as_array()
                .unwrap()
                .iter()
                .map(|found| found["id"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(ids("").await, ["kio", "mai", "none"]);
        assert_eq!(ids("?resource_type_id=sales_order").await, ["kio", "mai"]);
        assert_eq!(ids("?resource_type_id=sales_order&scope_id=write").await, ["kio"]);
        assert_eq!(ids("?scope_id=read").await, ["kio", "mai"]);
        assert!(ids("?resource_type_id=other").await.is_empty());
        assert_eq!(mint.get("/apps?scope_id=X").await.status, 400);
        // The original left `s3_errors` out of filtered lists.
        let filtered = mint.json("/apps?scope_id=write").await;
        assert_eq!(
            (&filtered[0]["s3_errors"], &filtered[0]["has_problems"]),
            (&json!(0), &json!(false))
        );
        assert_eq!(filtered[0].get("scopes"), None);
        for path in ["/apps", "/apps/kio"] {
            let tag = mint.get(path).await.header(&ETAG).unwrap().to_owned();
            let again = mint.call_with("GET", path, JDOE, None, &[(IF_NONE_MATCH, &tag)]).await;
            assert_eq!(again.status, 304, "{path}");
        }
    }
}

/// What a worker of old says (contract mint-berry 2.7): nulls are nothing, and the word of a worker counts.
#[tokio::test]
async fn a_worker_of_old_says_how_secrets_are() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        let patch = async |body: Value| {
            mint.call("PATCH", "/apps/kio", WORKER, Some(body))
                .await
                .status
                .as_u16()
        };
        assert_eq!(
            patch(json!({"last_synced": "2026-06-14T15:30:00.000Z", "client_id": "c-1"})).await,
            200
        );
        assert_eq!(
            patch(json!({"has_problems": true, "s3_errors": null, "message": "it failed"})).await,
            200
        );
        assert_eq!(
            patch(json!({"last_password_rotation": "2026-06-14T15:31:00Z"})).await,
            200
        );
        let found = mint.json("/apps/kio").await;
        for (name, value) in [
            ("last_synced", json!("2026-06-14T15:30:00.000Z")),
            ("last_password_rotation", json!("2026-06-14T15:31:00.000Z")),
            ("client_id", json!("c-1")),
            ("has_problems", json!(true)),
            ("message", json!("it failed")),
            ("s3_errors", json!(0)),
        ] {
            assert_eq!(found[name], value, "{name}");
        }
        assert_eq!(
            patch(json!({"has_problems": false, "s3_errors": 0, "message": ""})).await,
            200
        );
        assert_eq!(patch(json!({"s3_errors": -1})).await, 400);
        assert_eq!(patch(json!({"username": "x"})).await, 400);
        let stranger = mint.call("PATCH", "/apps/stranger", WORKER, Some(json!({}))).await;
        assert_eq!(stranger.status, 404);
    }
}
