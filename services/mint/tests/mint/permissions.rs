//! Who may do what (contract mint-berry 2.3 and 3; 4, rows 5 and 6), on both databases.

use serde_json::{Value, json};
use stups_store::audit::{Filter, Outcome, page};
use stups_testkit::error_message;

use crate::support::{ADMIN, JDOE, Running, WORKER};

const ASMITH: &str = "/employees/asmith+uid";
const STRANGER: &str = "/services/stranger+uid+application.write_all_sensitive";
const ROBOT: &str = "/services/robot+uid+application.write_sensitive";

#[tokio::test]
async fn the_originals_matrix() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        for (who, status) in [
            (JDOE, 200),
            (ASMITH, 403),
            (ROBOT, 200),
            ("/services/robot+uid", 403),
            ("/services/other-robot+uid+application.write_sensitive", 403),
            (WORKER, 200),
            // Only one of name and scope.
            (STRANGER, 403),
            ("/services/worker+uid", 403),
            ("/employees/worker+uid+application.write_all_sensitive", 403),
            ("/customers/jdoe+uid", 403),
            ("/employees/", 403),
            ("", 401),
        ] {
            let body = json!({"is_client_confidential": true, "s3_buckets": ["bucket"]});
            assert_eq!(
                mint.call("PUT", "/apps/kio", who, Some(body)).await.status,
                status,
                "PUT as {who}"
            );
            assert_eq!(
                mint.call("POST", "/apps/kio/renewal", who, None).await.status,
                status,
                "renewal as {who}"
            );
            let gone = mint.call("DELETE", "/apps/kio", who, None).await;
            assert_eq!(gone.status, status, "DELETE as {who}");
            if status == 200 {
                mint.configured("kio", &["bucket"]).await;
            }
        }
        for (who, status) in [
            (WORKER, 200),
            (JDOE, 403),
            (ROBOT, 403),
            (STRANGER, 403),
            ("/services/worker+uid", 403),
        ] {
            let patch = mint
                .call("PATCH", "/apps/kio", who, Some(json!({"message": "x"})))
                .await;
            assert_eq!(patch.status, status, "PATCH as {who}");
        }
        for (who, status) in [(ADMIN, 409), (JDOE, 403), (WORKER, 403)] {
            assert_eq!(
                mint.call("POST", "/brake/release", who, None).await.status,
                status,
                "release as {who}"
            );
        }
        for path in ["/apps", "/apps/kio", "/brake"] {
            for (who, status) in [
                (JDOE, 200),
                (ASMITH, 200),
                (ROBOT, 200),
                ("/customers/x", 403),
                ("", 401),
            ] {
                assert_eq!(
                    mint.call("GET", path, who, None).await.status,
                    status,
                    "{path} as {who}"
                );
            }
        }
    }
}

#[tokio::test]
async fn refusals_say_why_and_are_on_record() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        let put = async |who| {
            let body = json!({"is_client_confidential": true});
            mint.call("PUT", "/apps/kio", who, Some(body)).await
        };
        let denied = put(ASMITH).await;
        assert_eq!(error_message(&denied), "ACCESS DENIED");
        let details: Value = denied.json().unwrap();
        assert_eq!(
            details["details"],
            json!({"payload": {"team": "stups"}, "user": "asmith"})
        );
        assert_eq!(
            error_message(&put("/services/robot+uid").await),
            "Service user robot is missing required scope."
        );
        mint.call("POST", "/apps/kio/renewal", JDOE, None).await;

        let records = page(mint.store.connection(), 0, 100, &Filter::default()).await.unwrap();
        let told: Vec<(&str, String, Outcome)> = records
            .iter()
            .map(|record| &record.event)
            .map(|event| (event.action.as_str(), event.actor.name(), event.outcome))
            .collect();
        assert_eq!(
            told,
            [
                ("application.configured", "/employees/jdoe".to_owned(), Outcome::Success),
                (
                    "application.configured",
                    "/employees/asmith".to_owned(),
                    Outcome::Denied
                ),
                ("application.configured", "/services/robot".to_owned(), Outcome::Denied),
                ("application.renewed", "/employees/jdoe".to_owned(), Outcome::Success),
            ]
        );
    }
}

#[tokio::test]
async fn whom_nobody_can_be_asked_about_may_not_write() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        for (beginning, body) in [
            ("GET kio/apps/kio", json!({"is_client_confidential": true})),
            (
                "GET essentials/",
                json!({"is_client_confidential": true, "scopes": [{"resource_type_id": "sales_order", "scope_id": "read"}]}),
            ),
        ] {
            mint.world.facts().refused.insert(beginning.to_owned(), 500);
            let answer = mint.put("kio", body).await;
            assert_eq!(answer.status, 503, "{beginning}");
            assert!(answer.headers.contains_key("retry-after"));
            mint.world.facts().refused.clear();
        }
        assert_eq!(mint.json("/apps/kio").await["s3_buckets"], json!(["bucket"]));
    }
}
