//! Who may do what (contract essentials 2.5 and 3), on both databases.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use stups_store::audit::{Filter, Outcome, page};
use stups_testkit::error_message;

use crate::support::{ADMIN, ASMITH, Essentials, JDOE};

fn body() -> Value {
    json!({"name": "x"})
}

#[tokio::test]
async fn what_belongs_to_an_application_is_for_its_team_and_the_rest_for_administrators() {
    for essentials in Essentials::on_both_databases().await {
        for (resource_type, who, status) in [
            ("kio", JDOE, 200),
            ("kio", ASMITH, 403),
            // Administrators have no say in what belongs to an application.
            ("kio", ADMIN, 403),
            ("kio", "/services/robot", 200),
            ("user-filtering.module", JDOE, 200),
            ("user-filtering.module", ASMITH, 403),
            // Nobody owns another application's name by its beginning.
            ("sales_order", ASMITH, 403),
            ("sales_order", JDOE, 403),
            ("sales_order", ADMIN, 200),
            ("kio1", JDOE, 403),
            ("kio1", ADMIN, 200),
            ("a.b", ADMIN, 200),
            ("a.b", "/services/admin", 403),
            // An application without a team is nobody's.
            ("orphan", ADMIN, 403),
        ] {
            let at = format!("/resource-types/{resource_type}");
            let answer = essentials.call("PUT", &at, who, Some(body())).await;
            assert_eq!(
                answer.status,
                status,
                "{resource_type} as {who}: {}",
                answer.text().unwrap()
            );
            let scope = json!({"summary": "x", "is_resource_owner_scope": false});
            if essentials.get(&at).await.status == 200 {
                let scopes = format!("{at}/scopes/read");
                assert_eq!(essentials.call("PUT", &scopes, who, Some(scope)).await.status, status);
                assert_eq!(
                    essentials.call("PATCH", &scopes, who, Some(json!({}))).await.status,
                    status
                );
                assert_eq!(
                    essentials
                        .call("DELETE", &format!("{scopes}?force=true"), who, None)
                        .await
                        .status,
                    status
                );
            }
        }
        let refused: Value = essentials
            .call("PUT", "/resource-types/kio", ASMITH, Some(body()))
            .await
            .json()
            .unwrap();
        assert_eq!(refused["message"], "ACCESS DENIED");
        assert_eq!(
            refused["details"],
            json!({"payload": {"team": "stups"}, "user": "asmith"})
        );
        let refused = essentials
            .call("DELETE", "/resource-types/sales_order", JDOE, None)
            .await;
        assert_eq!(
            (refused.status.as_u16(), error_message(&refused)),
            (403, "Unauthorized".to_owned())
        );
    }
}

#[tokio::test]
async fn with_the_switch_the_beginning_of_a_name_counts() {
    let essentials = Essentials::on_sqlite(true).await;
    for (resource_type, who, status) in [
        ("sales_order", ASMITH, 200),
        ("sales_order", ADMIN, 403),
        ("kio1", JDOE, 200),
        ("s3-bucket", ADMIN, 200),
    ] {
        let at = format!("/resource-types/{resource_type}");
        assert_eq!(
            essentials.call("PUT", &at, who, Some(body())).await.status,
            status,
            "{resource_type} as {who}"
        );
    }
}

#[tokio::test]
async fn whom_nobody_can_be_asked_about_may_not_write() {
    for essentials in Essentials::on_both_databases().await {
        essentials.kio_is_away.store(true, Ordering::Relaxed);
        for who in [JDOE, ADMIN] {
            let answer = essentials.call("PUT", "/resource-types/kio", who, Some(body())).await;
            assert_eq!(answer.status, 503, "{who}");
            assert!(answer.headers.contains_key("retry-after"));
        }
        essentials.kio_is_away.store(false, Ordering::Relaxed);
        essentials.teams.away(true);
        assert_eq!(
            essentials
                .call("PUT", "/resource-types/kio", JDOE, Some(body()))
                .await
                .status,
            503
        );
        assert_eq!(essentials.get("/resource-types").await.status, 200);
    }
}

#[tokio::test]
async fn reading_is_for_some_realms() {
    for essentials in Essentials::on_both_databases().await {
        essentials.with_sales_order().await;
        for path in [
            "/resource-types",
            "/resource-types/sales_order",
            "/resource-types/sales_order/scopes",
            "/scopes",
        ] {
            for (who, status) in [
                ("/employees/nobody", 200),
                ("/services/robot", 200),
                ("/customers/jdoe", 403),
                ("/employees/", 403),
                ("", 401),
                ("garbage", 401),
            ] {
                assert_eq!(
                    essentials.call("GET", path, who, None).await.status,
                    status,
                    "{path} as {who}"
                );
            }
        }
        let refused = essentials.call("GET", "/scopes", "/customers/jdoe", None).await;
        assert_eq!(error_message(&refused), "user not in realms 'employees, services'");
    }
}

#[tokio::test]
async fn every_write_and_every_refusal_is_on_record() {
    for essentials in Essentials::on_both_databases().await {
        essentials.with_sales_order().await;
        let scope = json!({"summary": "x", "is_resource_owner_scope": false});
        let at = "/resource-types/sales_order/scopes/write";
        essentials.put(at, scope).await;
        essentials.call("DELETE", at, JDOE, None).await;
        essentials.delete(at).await;
        // There is nothing to delete, and nothing to tell.
        essentials.delete(at).await;
        essentials.put(at, json!({})).await;
        essentials.delete("/resource-types/sales_order?force=true").await;

        let records = page(essentials.store.connection(), 0, 100, &Filter::default())
            .await
            .unwrap();
        let told: Vec<(&str, &str, String, Outcome)> = records
            .iter()
            .map(|record| &record.event)
            .map(|event| {
                (
                    event.action.as_str(),
                    event.subject.as_str(),
                    event.actor.name(),
                    event.outcome,
                )
            })
            .collect();
        let admin = ADMIN.to_owned();
        assert_eq!(
            told,
            [
                ("resource_type.modified", "sales_order", admin.clone(), Outcome::Success),
                ("scope.modified", "sales_order.write", admin.clone(), Outcome::Success),
                ("scope.deleted", "sales_order.write", JDOE.to_owned(), Outcome::Denied),
                ("scope.deleted", "sales_order.write", admin.clone(), Outcome::Success),
                ("resource_type.deleted", "sales_order", admin, Outcome::Success),
            ]
        );
        assert_eq!(records[3].event.details["before"]["summary"], "x");
        assert_eq!(records[3].event.details["now"], Value::Null);
    }
}
