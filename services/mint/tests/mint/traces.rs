//! The worker's calls, in their order, with their bodies (contract mint-berry 2.7 and 3).

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{JDOE, Running};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn a_new_application_gets_everything_and_then_nothing_is_due() {
    for mint in Running::on_both_databases().await {
        mint.world.facts().applications.insert("kio".to_owned(), true);
        let body = json!({
            "is_client_confidential": true, "redirect_url": "https://kio.example.org/", "s3_buckets": ["b-two", "b-one"],
            "scopes": [
                {"resource_type_id": "sales_order", "scope_id": "write"},
                {"resource_type_id": "sales_order", "scope_id": "read"},
            ],
        });
        assert_eq!(mint.put("kio", body).await.status, 200);
        mint.world.calls();
        let status = mint.cycle().await;
        assert_eq!(
            (
                status.due,
                status.synced,
                status.passwords,
                status.clients,
                status.failed
            ),
            (1, 1, 1, 1, 0)
        );
        let mut calls = mint.world.calls();
        // Of several buckets each gets its file at the same time.
        for start in [1, 7, 10] {
            calls[start..start + 2].sort();
        }
        assert_eq!(
            calls,
            [
                "GET kio/apps",
                "PUT s3/b-one/kio/test-mint-write",
                "PUT s3/b-two/kio/test-mint-write",
                "GET essentials/sales_order/scopes/read",
                "GET essentials/sales_order",
                "GET essentials/sales_order/scopes/write",
                "PUT users/services/stups_kio",
                // The password.
                "POST users/services/stups_kio/password",
                "PUT s3/b-one/kio/user.json",
                "PUT s3/b-two/kio/user.json",
                "PUT users/services/stups_kio/password",
                "POST users/services/stups_kio/client",
                "PUT s3/b-one/kio/client.json",
                "PUT s3/b-two/kio/client.json",
                "PUT users/services/stups_kio/client",
            ]
            .map(str::to_owned)
            .to_vec()
            .tap_sorted(&[(1, 3), (7, 9), (10, 12)]),
            "on {}",
            mint.database
        );
        everything_was_sent(&mint);

        let found = mint.json("/apps/kio").await;
        assert_eq!(found["client_id"], "client-3");
        for name in ["last_synced", "last_password_rotation", "last_client_rotation"] {
            let time = found[name].as_str().unwrap();
            assert!(time.ends_with('Z') && time.len() == 24, "{name}: {time}");
        }
        assert_eq!((&found["has_problems"], &found["message"]), (&json!(false), &json!("")));

        assert_eq!(mint.cycle().await.due, 0);
        assert_eq!(mint.world.calls(), ["GET kio/apps"]);
    }
}

/// What the service user API and the buckets got for the new application.
fn everything_was_sent(mint: &Running) {
    let facts = mint.world.facts();
    assert_eq!(
        facts.bodies["PUT users/services/stups_kio"],
        json!({
            "id": "stups_kio", "name": "KIO", "subtitle": "A subtitle", "owner": "stups",
            "client_config": {
                "redirect_urls": ["https://kio.example.org/"], "confidential": true,
                "scopes": [
                    {"realm": "employees", "scopes": ["uid"]},
                    {"realm": "services", "scopes": ["uid", "sales_order.write"]},
                    {"realm": "customers", "scopes": ["sales_order.read"]},
                ],
            },
            "user_config": {"scopes": ["sales_order.write"]},
        })
    );
    assert_eq!(facts.bodies["POST users/services/stups_kio/password"], json!({}));
    assert_eq!(
        facts.bodies["PUT users/services/stups_kio/password"],
        json!({"txid": "tx-1"})
    );
    assert_eq!(
        facts.bodies["POST users/services/stups_kio/client"],
        json!({"id": "stups_kio", "client_id": "client-of-stups_kio"})
    );
    assert_eq!(
        facts.bodies["PUT users/services/stups_kio/client"],
        json!({"txid": "tx-3"})
    );
    for bucket in ["b-one", "b-two"] {
        assert_eq!(
            facts.files[&format!("{bucket}/kio/user.json")],
            json!({"application_username": "stups_kio", "application_password": "secret-1"})
        );
        assert_eq!(
            facts.files[&format!("{bucket}/kio/client.json")],
            json!({"client_id": "client-3", "client_secret": "secret-3"})
        );
    }
    assert_eq!(facts.headers["content-type"], "application/json");
    assert_eq!(facts.headers["x-amz-acl"], "bucket-owner-full-control");
}

/// Sorts parts of a list, as the calls that are made at the same time are sorted.
trait TapSorted {
    fn tap_sorted(self, parts: &[(usize, usize)]) -> Self;
}

impl TapSorted for Vec<String> {
    fn tap_sorted(mut self, parts: &[(usize, usize)]) -> Self {
        for (start, end) in parts {
            self[*start..*end].sort();
        }
        self
    }
}

#[tokio::test]
async fn each_is_rotated_in_its_time() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        mint.cycle().await;
        let first = mint.world.file("bucket/kio/user.json");
        mint.pass(HOUR);
        assert_eq!(mint.cycle().await.due, 0);
        mint.world.calls();
        mint.pass(HOUR);
        assert_eq!(mint.cycle().await.passwords, 1);
        assert_eq!(
            mint.world.calls(),
            [
                "GET kio/apps",
                "PUT s3/bucket/kio/test-mint-write",
                "POST users/services/stups_kio/password",
                "PUT s3/bucket/kio/user.json",
                "PUT users/services/stups_kio/password",
            ]
        );
        assert_ne!(mint.world.file("bucket/kio/user.json"), first);
        mint.pass(21 * DAY);
        let status = mint.cycle().await;
        assert_eq!((status.passwords, status.clients), (1, 0));
        mint.pass(14 * DAY);
        let status = mint.cycle().await;
        assert_eq!((status.passwords, status.clients), (1, 1));
    }
}

#[tokio::test]
async fn a_change_reaches_the_service_user_and_a_new_bucket_gets_its_files() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        mint.cycle().await;
        mint.world.calls();
        let scopes = json!([{"resource_type_id": "sales_order", "scope_id": "write"}]);
        let body = json!({"is_client_confidential": true, "s3_buckets": ["bucket"], "scopes": scopes});
        assert_eq!(mint.put("kio", body.clone()).await.status, 200);
        mint.world.calls();
        let status = mint.cycle().await;
        assert_eq!((status.synced, status.passwords, status.clients), (1, 0, 0));
        assert_eq!(
            mint.world.calls(),
            [
                "GET kio/apps",
                "GET essentials/sales_order/scopes/write",
                "PUT users/services/stups_kio"
            ]
        );
        // The same again changes nothing.
        assert_eq!(mint.put("kio", body).await.status, 200);
        assert_eq!(mint.cycle().await.due, 0);

        mint.configured("kio", &["bucket", "newcomer"]).await;
        let status = mint.cycle().await;
        assert_eq!((status.synced, status.passwords, status.clients), (1, 1, 1));
        assert_eq!(
            mint.world.file("newcomer/kio/user.json"),
            mint.world.file("bucket/kio/user.json")
        );
        assert_ne!(mint.world.file("newcomer/kio/client.json"), Value::Null);
    }
}

#[tokio::test]
async fn a_client_without_a_secret_is_told_and_never_rotated() {
    for mint in Running::on_both_databases().await {
        mint.world.facts().applications.insert("kio".to_owned(), true);
        let body = json!({"is_client_confidential": false, "s3_buckets": ["bucket"]});
        assert_eq!(mint.put("kio", body).await.status, 200);
        let status = mint.cycle().await;
        assert_eq!((status.passwords, status.clients), (1, 0));
        assert_eq!(
            mint.world.file("bucket/kio/client.json"),
            json!({"client_id": "client-of-stups_kio", "client_secret": null})
        );
        mint.pass(35 * DAY);
        assert_eq!(mint.cycle().await.clients, 0);
    }
}

#[tokio::test]
async fn a_client_with_a_key_has_no_secret_anywhere() {
    for mint in Running::on_both_databases().await {
        mint.world.facts().applications.insert("kio".to_owned(), true);
        let body = json!({"is_client_confidential": true, "is_client_key": true, "s3_buckets": ["bucket"]});
        assert_eq!(mint.put("kio", body).await.status, 200);
        assert_eq!(mint.cycle().await.clients, 1);
        let file = mint.world.file("bucket/kio/client.json");
        assert_eq!(file["client_secret"], Value::Null);
        assert!(
            file["private_key"]
                .as_str()
                .unwrap()
                .starts_with("-----BEGIN PRIVATE KEY-----\n")
        );
        let sent = mint.world.facts().bodies["POST users/services/stups_kio/client"].clone();
        assert_eq!(sent["public_key"]["kid"], file["key_id"]);
        assert_eq!(sent["public_key"].get("d"), None, "the private half stays here");
        // An original UI says nothing about the key, and takes it from nobody; only who says so does.
        let body = json!({"is_client_confidential": true, "s3_buckets": ["bucket"], "redirect_url": "https://kio.example.org/"});
        assert_eq!(mint.put("kio", body.clone()).await.status, 200);
        assert_eq!(mint.json("/apps/kio").await["is_client_key"], true);
        assert_eq!(mint.cycle().await.clients, 0);
        let mut without = body;
        without["is_client_key"] = json!(false);
        assert_eq!(mint.put("kio", without).await.status, 200);
        assert_eq!(mint.cycle().await.clients, 1);
        assert!(mint.world.file("bucket/kio/client.json")["client_secret"].is_string());
    }
}

/// The poison pill of the original (contract mint-berry 4, row 1).
#[tokio::test]
async fn an_application_without_a_bucket_does_not_stop_the_others() {
    for mint in Running::on_both_databases().await {
        mint.configured("aaa", &[]).await;
        mint.configured("zzz", &["bucket"]).await;
        let status = mint.cycle().await;
        assert_eq!((status.synced, status.passwords, status.failed), (2, 1, 0));
        assert_eq!(mint.cycle().await.due, 0);
    }
}

#[tokio::test]
async fn an_inactive_application_loses_its_service_user_whatever_its_buckets_are() {
    for mint in Running::on_both_databases().await {
        for id in ["kio", "userless"] {
            mint.configured(id, &["bucket"]).await;
        }
        mint.cycle().await;
        mint.world.facts().refused.insert("PUT s3/".to_owned(), 403);
        mint.world.facts().service_users.remove("stups_userless");
        for id in ["kio", "userless"] {
            mint.world.facts().applications.insert(id.to_owned(), false);
        }
        mint.world.calls();
        assert_eq!(mint.cycle().await.removed, 2);
        assert_eq!(
            mint.world.calls(),
            ["GET kio/apps", "GET users/services", "DELETE users/services/stups_kio"]
        );
        for id in ["kio", "userless"] {
            assert_eq!(mint.get(&format!("/apps/{id}")).await.status, 404);
        }
    }
}

#[tokio::test]
async fn a_renewal_is_done_in_the_next_cycle() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        mint.cycle().await;
        assert_eq!(mint.call("POST", "/apps/kio/renewal", JDOE, None).await.status, 200);
        let found = mint.json("/apps/kio").await;
        assert_eq!(
            (&found["last_password_rotation"], &found["last_client_rotation"]),
            (&Value::Null, &Value::Null)
        );
        let status = mint.cycle().await;
        assert_eq!((status.synced, status.passwords, status.clients), (1, 1, 1));
    }
}

/// A user that somebody has deleted behind mint's back comes back.
#[tokio::test]
async fn a_service_user_that_is_gone_is_made_again() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        mint.cycle().await;
        mint.world.facts().service_users.clear();
        mint.pass(2 * HOUR);
        assert_eq!(mint.cycle().await.failed, 1);
        let status = mint.cycle().await;
        assert_eq!(
            (status.synced, status.passwords, status.failed, status.problems),
            (1, 1, 0, 1)
        );
        assert_eq!(mint.json("/apps/kio").await["has_problems"], false);
    }
}

/// Whose configuration is removed loses its service user, too.
#[tokio::test]
async fn a_removed_configuration_takes_its_service_user_with_it() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        mint.cycle().await;
        assert_eq!(mint.call("DELETE", "/apps/kio", JDOE, None).await.status, 200);
        assert_eq!(mint.call("DELETE", "/apps/kio", JDOE, None).await.status, 404);
        mint.cycle().await;
        assert!(mint.world.facts().service_users.is_empty());
        // One that is configured again keeps it.
        mint.configured("kio", &["bucket"]).await;
        mint.call("DELETE", "/apps/kio", JDOE, None).await;
        mint.configured("kio", &["bucket"]).await;
        mint.cycle().await;
        assert_eq!(mint.world.facts().service_users.len(), 1);
    }
}
