//! Versions and approvals (contract kio 2.8), on both databases.

use serde_json::{Value, json};
use stups_testkit::error_message;

use crate::support::{JDOE, Kio};

async fn approve(kio: &Kio, who: &str, version: &str, kind: &str) -> u16 {
    let path = format!("/apps/kio/versions/{version}/approvals");
    let body = json!({"approval_type": kind, "notes": "looks good"});
    kio.call("POST", &path, who, Some(body)).await.status.as_u16()
}

#[tokio::test]
async fn a_version_is_registered_and_read() {
    for kio in Kio::on_both_databases().await {
        kio.register("kio").await;
        assert_eq!(kio.json("/apps/kio/versions").await, json!([]));
        let answer = kio
            .put(
                "/apps/kio/versions/1.0-master",
                json!({"artifact": "docker://stups/kio:1.0"}),
            )
            .await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));

        let mut version = kio.json("/apps/kio/versions/1.0-master").await;
        let created = version["created"].take();
        assert_eq!(version["last_modified"].take(), created);
        assert!(created.as_str().unwrap().ends_with('Z') && created.as_str().unwrap().len() == 24);
        assert_eq!(
            version,
            json!({"id": "1.0-master", "application_id": "kio", "artifact": "docker://stups/kio:1.0", "notes": null,
                "created": null, "created_by": "jdoe", "last_modified": null, "last_modified_by": "jdoe"})
        );
        let mut list = kio.json("/apps/kio/versions").await;
        list[0]["last_modified"].take();
        assert_eq!(
            list,
            json!([{"id": "1.0-master", "application_id": "kio", "artifact": "docker://stups/kio:1.0", "last_modified": null}])
        );
    }
}

#[tokio::test]
async fn what_is_not_there_and_what_cannot_be_is_told() {
    for kio in Kio::on_both_databases().await {
        let version = json!({"artifact": "a"});
        let answer = kio.put("/apps/none/versions/1.0", version.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), error_message(&answer)),
            (404, "application not found".to_owned())
        );
        kio.register("kio").await;
        assert_eq!(kio.get("/apps/kio/versions/1.0").await.status, 404);
        assert_eq!(approve(&kio, JDOE, "1.0", "TEST").await, 404);
        assert_eq!(
            kio.call(
                "POST",
                "/apps/none/versions/1.0/approvals",
                JDOE,
                Some(json!({"approval_type": "T"}))
            )
            .await
            .status,
            404
        );
        for id in ["1..-..1", "1.", "-1", "a b"] {
            assert_eq!(
                kio.put(&format!("/apps/kio/versions/{id}"), version.clone())
                    .await
                    .status,
                400,
                "{id}"
            );
            assert_eq!(kio.get(&format!("/apps/kio/versions/{id}")).await.status, 400, "{id}");
        }
        for body in [
            json!({}),
            json!({"artifact": null}),
            json!({"artifact": 1}),
            json!({"artifact": "a", "x": 1}),
            json!([]),
        ] {
            assert_eq!(
                kio.put("/apps/kio/versions/1.0", body.clone()).await.status,
                400,
                "{body}"
            );
        }
        assert_eq!(kio.put("/apps/kio/versions/1.0", version).await.status, 200);
        for body in [
            json!({}),
            json!({"approval_type": null}),
            json!({"approval_type": 1}),
            json!({"approval_type": "T", "x": 1}),
        ] {
            let answer = kio
                .call("POST", "/apps/kio/versions/1.0/approvals", JDOE, Some(body.clone()))
                .await;
            assert_eq!(answer.status, 400, "{body}");
        }
        for path in [
            "/apps/none/versions",
            "/apps/none/versions/1.0/approvals",
            "/apps/none/approvals",
        ] {
            assert_eq!(kio.json(path).await, json!([]), "{path}");
        }
    }
}

#[tokio::test]
async fn approvals_are_for_exactly_what_is_stored() {
    for kio in Kio::on_both_databases().await {
        kio.register("kio").await;
        assert_eq!(
            kio.put("/apps/kio/versions/1.0", json!({"artifact": "a"})).await.status,
            200
        );
        assert_eq!(approve(&kio, JDOE, "1.0", "TEST").await, 200);
        assert_eq!(approve(&kio, JDOE, "1.0", "DEPLOY").await, 200);
        assert_eq!(approve(&kio, "/employees/colleague", "1.0", "TEST").await, 200);
        // The same person does not approve the same twice.
        assert_eq!(approve(&kio, JDOE, "1.0", "TEST").await, 409);

        let approvals = kio.json("/apps/kio/versions/1.0/approvals").await;
        let approvals = approvals.as_array().unwrap();
        assert_eq!(approvals.len(), 3);
        let mut first = approvals[0].clone();
        assert!(first["approved_at"].take().as_str().unwrap().ends_with('Z'));
        assert_eq!(
            first,
            json!({"application_id": "kio", "version_id": "1.0", "approval_type": "TEST", "user_id": "jdoe",
                "approved_at": null, "notes": "looks good"})
        );
        assert_eq!(kio.json("/apps/kio/approvals").await, json!(["DEPLOY", "TEST"]));

        // Even if nothing changes, what is written anew has to be approved anew.
        assert_eq!(
            kio.put("/apps/kio/versions/1.0", json!({"artifact": "a", "notes": "n"}))
                .await
                .status,
            200
        );
        assert_eq!(kio.json("/apps/kio/versions/1.0/approvals").await, json!([]));
        let version = kio.json("/apps/kio/versions/1.0").await;
        assert_eq!(version["notes"], "n");
        assert_eq!(approve(&kio, JDOE, "1.0", "TEST").await, 200);
    }
}

#[tokio::test]
async fn of_many_approvals_at_once_one_counts() {
    for kio in Kio::on_both_databases().await {
        kio.register("kio").await;
        assert_eq!(
            kio.put("/apps/kio/versions/1.0", json!({"artifact": "a"})).await.status,
            200
        );
        let statuses = futures::future::join_all((0..8).map(|_| approve(&kio, JDOE, "1.0", "TEST"))).await;
        assert_eq!(
            statuses.iter().filter(|status| **status == 200).count(),
            1,
            "{statuses:?}"
        );
        assert_eq!(
            statuses.iter().filter(|status| **status == 409).count(),
            7,
            "{statuses:?}"
        );
        assert_eq!(
            kio.json("/apps/kio/versions/1.0/approvals")
                .await
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }
}

#[tokio::test]
async fn versions_that_are_written_at_once_are_all_written() {
    for kio in Kio::on_both_databases().await {
        kio.register("kio").await;
        let write = |number: usize| {
            let kio = &kio;
            async move {
                let body = json!({"artifact": format!("a{number}")});
                kio.put(&format!("/apps/kio/versions/{}.0", number % 4), body)
                    .await
                    .status
                    .as_u16()
            }
        };
        let statuses = futures::future::join_all((0..16).map(write)).await;
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
        let versions: Value = kio.json("/apps/kio/versions").await;
        assert_eq!(versions.as_array().unwrap().len(), 4);
        let history = kio.json("/apps/kio/history").await;
        let created = history
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| entry["action"] == "version.created")
            .count();
        assert_eq!(created, 4);
    }
}
