//! What goes wrong, and how far it reaches (contract mint-berry 2.7; 4, rows 3, 4, 10).

use std::time::Duration;

use serde_json::{Value, json};
use stups_store::audit::{Filter, page};

use crate::support::{JDOE, Running};

const HOUR: Duration = Duration::from_hours(1);

fn refuse(mint: &Running, beginning: &str, status: u16) {
    mint.world.facts().refused.insert(beginning.to_owned(), status);
}

#[tokio::test]
async fn a_bucket_that_cannot_be_written_to_is_left_alone_longer_and_longer() {
    for mint in Running::on_both_databases().await {
        for id in ["kio", "mai"] {
            mint.configured(id, &["good", "bad"]).await;
        }
        mint.configured("other", &["good"]).await;
        refuse(&mint, "PUT s3/bad/", 403);
        let status = mint.cycle().await;
        assert_eq!((status.failed, status.passwords), (2, 1), "on {}", mint.database);
        let calls = mint.world.calls();
        assert!(
            calls
                .iter()
                .all(|call| !call.starts_with("POST users/services/stups_kio/")),
            "no password for nobody"
        );
        // The second application does not ask the bucket again.
        assert_eq!(calls.iter().filter(|call| call.starts_with("PUT s3/bad/")).count(), 1);
        let found = mint.json("/apps/kio").await;
        let message = found["message"].as_str().unwrap();
        assert!(
            message.starts_with("Unwritable buckets: (bad: ") && message.contains("s3:PutObject"),
            "{message}"
        );
        assert_eq!((&found["has_problems"], &found["s3_errors"]), (&json!(true), &json!(1)));
        assert_eq!(mint.json("/apps/mai").await["s3_errors"], 0);

        // Every ten seconds for an hour: 10, 20, 40 ... seconds between two attempts, and the counter stays.
        mint.world.calls();
        for _ in 0..360 {
            mint.pass(Duration::from_secs(10));
            mint.cycle().await;
        }
        let attempts = mint
            .world
            .calls()
            .iter()
            .filter(|call| call.starts_with("PUT s3/bad/"))
            .count();
        assert!((6..=10).contains(&attempts), "{attempts} attempts");
        assert!(mint.json("/apps/kio").await["s3_errors"].as_i64().unwrap() >= 2);

        // A renewal is a reason to try at once.
        mint.world.facts().refused.clear();
        assert_eq!(mint.call("POST", "/apps/kio/renewal", JDOE, None).await.status, 200);
        let status = mint.cycle().await;
        assert_eq!((status.passwords, status.failed), (1, 0));
        let found = mint.json("/apps/kio").await;
        assert_eq!(
            (&found["has_problems"], &found["s3_errors"], &found["message"]),
            (&json!(false), &json!(0), &json!(""))
        );
        assert_eq!(
            mint.world.file("bad/kio/user.json"),
            mint.world.file("good/kio/user.json")
        );
        mint.pass(HOUR);
        mint.cycle().await;
        assert_eq!(mint.json("/apps/mai").await["has_problems"], false);
    }
}

/// What takes no probe does not count as healthy because none failed: all applications together leave it alone longer and longer.
#[tokio::test]
async fn a_place_that_takes_no_probes_is_left_alone_longer_and_longer_too() {
    for mint in Running::on_both_databases().await {
        refuse(&mint, "POST s3/", 400);
        for number in 0..6 {
            mint.configured(&format!("app-{number}"), &["secretsmanager://stups"])
                .await;
        }
        mint.world.calls();
        for _ in 0..360 {
            mint.cycle().await;
            mint.pass(Duration::from_secs(10));
        }
        let passwords = |call: &&String| call.starts_with("POST users/") && call.ends_with("/password");
        let attempts = mint.world.calls().iter().filter(passwords).count();
        assert!((6..=12).contains(&attempts), "{attempts} attempts on {}", mint.database);
        assert_eq!(mint.json("/apps/app-0").await["has_problems"], true);
    }
}

/// Bucket 2 of 3 fails in the middle: no commit, and all three get the next password.
#[tokio::test]
async fn a_partial_failure_is_never_committed() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["b-1", "b-2", "b-3"]).await;
        mint.cycle().await;
        mint.pass(2 * HOUR);
        refuse(&mint, "PUT s3/b-2/kio/user.json", 500);
        mint.world.calls();
        assert_eq!(mint.cycle().await.failed, 1);
        let calls = mint.world.calls();
        assert!(calls.contains(&"POST users/services/stups_kio/password".to_owned()));
        assert!(!calls.contains(&"PUT users/services/stups_kio/password".to_owned()));
        mint.world.facts().refused.clear();
        mint.pass(HOUR);
        assert_eq!(mint.cycle().await.passwords, 1);
        let files = ["b-1", "b-2", "b-3"].map(|bucket| mint.world.file(&format!("{bucket}/kio/user.json")));
        assert!(files.iter().all(|file| *file == files[0] && *file != Value::Null));
    }
}

#[tokio::test]
async fn whom_identity_or_essentials_refuse_does_not_stop_the_others() {
    for mint in Running::on_both_databases().await {
        for id in ["aaa", "mmm", "zzz"] {
            mint.configured(id, &["bucket"]).await;
        }
        refuse(&mint, "PUT users/services/stups_aaa", 400);
        let status = mint.cycle().await;
        assert_eq!((status.failed, status.passwords, status.problems), (1, 2, 1));
        let found = mint.json("/apps/aaa").await;
        // The counter is for buckets only.
        assert_eq!((&found["has_problems"], &found["s3_errors"]), (&json!(true), &json!(0)));
        assert!(found["message"].as_str().unwrap().contains("as it was told"));
        mint.world.facts().refused.clear();
        let status = mint.cycle().await;
        assert_eq!((status.failed, status.passwords), (0, 1));
        assert_eq!(mint.json("/apps/aaa").await["has_problems"], false);
    }
}

#[tokio::test]
async fn whose_identity_hangs_does_not_stop_the_others() {
    for mint in Running::on_both_databases().await {
        for id in ["aaa", "zzz"] {
            mint.configured(id, &["bucket"]).await;
        }
        // First before anything was made, then between a password and its commit.
        for (hanging, passwords) in [("/services/stups_aaa", 1), ("/services/stups_aaa/password", 1)] {
            mint.world.facts().hanging.insert(hanging.to_owned());
            let status = mint.cycle().await;
            assert_eq!((status.failed, status.passwords), (1, passwords), "{hanging}");
            let found = mint.json("/apps/aaa").await;
            assert_eq!((&found["has_problems"], &found["s3_errors"]), (&json!(true), &json!(0)));
            let message = found["message"].as_str().unwrap();
            assert!(message.contains("did not answer in time"), "{message}");
            mint.world.facts().hanging.clear();
            mint.pass(3 * HOUR);
            mint.cycle().await;
            assert_eq!(mint.json("/apps/aaa").await["has_problems"], false);
            mint.pass(3 * HOUR);
        }
    }
}

#[tokio::test]
async fn a_kio_that_hangs_ends_the_cycle_and_nothing_is_lost() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        mint.cycle().await;
        let file = mint.world.file("bucket/kio/user.json");
        mint.pass(3 * HOUR);
        mint.world.facts().hanging.insert("/apps".to_owned());
        let error = mint.worker.run_cycle().await.unwrap_err();
        assert!(error.contains("did not answer in time"), "{error}");
        assert_eq!(mint.world.file("bucket/kio/user.json"), file);
        // Who only reads needs nobody.
        assert_eq!(mint.json("/apps/kio").await["has_problems"], false);
        mint.world.facts().hanging.clear();
        assert_eq!(mint.cycle().await.passwords, 1);
    }
}

/// A scope that was deleted by force is the problem of who holds it.
#[tokio::test]
async fn a_scope_that_is_gone_is_told() {
    for mint in Running::on_both_databases().await {
        mint.world.facts().applications.insert("kio".to_owned(), true);
        let scopes = json!([{"resource_type_id": "sales_order", "scope_id": "write"}]);
        mint.put(
            "kio",
            json!({"is_client_confidential": true, "s3_buckets": ["bucket"], "scopes": scopes}),
        )
        .await;
        refuse(&mint, "GET essentials/sales_order/scopes/write", 404);
        assert_eq!(mint.cycle().await.failed, 1);
        let message = mint.json("/apps/kio").await["message"].clone();
        assert_eq!(message, "Scope sales_order.write does not exist in essentials any more");
    }
}

#[tokio::test]
async fn who_is_asked_too_often_is_left_alone_for_90_seconds() {
    for mint in Running::on_both_databases().await {
        for id in ["aaa", "zzz"] {
            mint.configured(id, &["bucket"]).await;
        }
        refuse(&mint, "PUT users/services/stups_aaa", 429);
        let status = mint.cycle().await;
        assert_eq!((status.paused, status.passwords, status.failed), (true, 0, 0));
        mint.world.facts().refused.clear();
        mint.world.calls();
        mint.pass(Duration::from_secs(80));
        assert!(mint.cycle().await.paused);
        assert!(mint.world.calls().is_empty());
        mint.pass(Duration::from_secs(11));
        assert_eq!(mint.cycle().await.passwords, 2);
    }
}

#[tokio::test]
async fn without_kio_nothing_is_done_and_the_status_says_so() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        refuse(&mint, "GET kio/apps", 500);
        let error = mint.worker.run_cycle().await.unwrap_err();
        assert!(error.contains("/apps answered 500"), "{error}");
        mint.world.facts().refused.clear();
        assert_eq!(mint.cycle().await.passwords, 1);
        // A list that is not one is as good as none.
        mint.world.facts().applications.clear();
        assert_eq!(mint.cycle().await.missing, 1);
    }
}

/// The clock jumps a year ahead and comes back: everything is rotated, and goes on.
#[tokio::test]
async fn a_clock_that_jumps_stops_nothing() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        mint.cycle().await;
        let year = Duration::from_hours(24 * 365);
        mint.pass(year);
        let status = mint.cycle().await;
        assert_eq!((status.passwords, status.clients), (1, 1));
        refuse(&mint, "PUT s3/", 403);
        mint.pass(3 * HOUR);
        mint.cycle().await;
        mint.world.facts().refused.clear();
        mint.clock.turn_back(year);
        let status = mint.cycle().await;
        assert_eq!(
            (status.passwords, status.clients, status.failed),
            (1, 1, 0),
            "on {}",
            mint.database
        );
        assert_eq!(mint.cycle().await.due, 0);
    }
}

/// What the worker says is one line without a secret.
#[tokio::test]
async fn messages_have_no_secret() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        for beginning in ["PUT s3/bucket/kio/user.json", "PUT users/services/stups_kio/password"] {
            refuse(&mint, beginning, 500);
            mint.pass(HOUR);
            mint.cycle().await;
            mint.world.facts().refused.clear();
            let found = mint.json("/apps/kio").await.to_string();
            assert!(
                found.contains("\"has_problems\":true") && !found.contains("secret-"),
                "{found}"
            );
        }
        let records = page(mint.store.connection(), 0, 100, &Filter::default()).await.unwrap();
        let records = format!("{records:?}");
        assert!(!records.contains("secret-"), "{records}");
    }
}
