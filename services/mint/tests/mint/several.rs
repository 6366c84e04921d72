//! Several workers on one database, and several applications at one worker.

use std::time::Duration;

use sea_orm::{ConnectionTrait as _, Statement};
use stups_mint::Config;
use stups_testkit::until;

use crate::support::{Running, at_once};

/// Six workers, thirty applications: each is rotated once, whoever does it.
#[tokio::test(flavor = "multi_thread")]
async fn no_application_is_rotated_twice_at_a_time() {
    for mint in Running::on_both_databases().await {
        for number in 0..30 {
            mint.configured(&format!("app-{number:02}"), &["bucket"]).await;
        }
        mint.world.calls();
        let workers: Vec<_> = (0..6).map(|_| mint.another_worker(&Config::default())).collect();
        for _ in 0..2 {
            let cycles = futures::future::join_all(workers.iter().map(stups_mint::Worker::run_cycle)).await;
            let statuses: Vec<_> = cycles.into_iter().map(Result::unwrap).collect();
            let rotated: usize = statuses.iter().map(|status| status.passwords).sum();
            let failed: usize = statuses.iter().map(|status| status.failed).sum();
            assert_eq!((rotated, failed), (30, 0), "on {}", mint.database);
            let calls = mint.world.calls();
            for number in 0..30 {
                let made = format!("POST users/services/stups_app-{number:02}/password");
                assert_eq!(calls.iter().filter(|call| **call == made).count(), 1, "{made}");
            }
            mint.pass(Duration::from_hours(2));
        }
    }
}

/// Whoever has to wait for an answer keeps nobody else from having its turn.
#[tokio::test(flavor = "multi_thread")]
async fn several_applications_have_their_turn_at_the_same_time() {
    for mint in Running::on_both_databases().await {
        for id in ["aaa", "bbb", "ccc", "ddd"] {
            mint.configured(id, &["bucket"]).await;
        }
        let worker = mint.another_worker(&at_once(2));
        mint.world.facts().hanging.insert("/services/stups_aaa".to_owned());
        let (status, ()) = tokio::join!(worker.run_cycle(), async {
            until("the last has its turn", async || {
                !mint.world.file("bucket/ddd/user.json").is_null()
            })
            .await;
            mint.world.facts().hanging.clear();
        });
        let status = status.unwrap();
        assert_eq!((status.passwords, status.failed), (4, 0), "on {}", mint.database);
    }
}

/// Whatever the last step for an application is, nobody has to wait for it behind that.
#[tokio::test]
async fn who_is_done_gives_the_application_back() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        let free = async || {
            let connection = mint.store.connection();
            let question = "SELECT id FROM applications WHERE lease_owner IS NULL AND lease_until IS NULL";
            let question = Statement::from_string(connection.get_database_backend(), question);
            connection.query_all_raw(question).await.unwrap().len() == 1
        };
        // The client is the last that is made, and the password where only that is due; problems are forgotten behind both.
        for (password, client) in [(1, 1), (1, 0)] {
            let status = mint.cycle().await;
            assert_eq!(
                (status.passwords, status.clients),
                (password, client),
                "on {}",
                mint.database
            );
            assert!(free().await, "on {}", mint.database);
            mint.pass(Duration::from_hours(2));
        }
        mint.world.facts().refused.insert("PUT s3/bucket/".to_owned(), 403);
        assert_eq!(mint.cycle().await.failed, 1);
        assert!(free().await, "on {}", mint.database);
    }
}

/// What another worker has is left alone, until that worker has shown no sign of life for a while.
#[tokio::test]
async fn who_died_is_replaced() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        // It dies in the middle of its work: at its first call.
        let dying = mint.another_worker(&Config::default());
        let mut cycle = Box::pin(dying.run_cycle());
        std::future::poll_fn(|context| {
            let polled = cycle.as_mut().poll(context);
            if mint.world.facts().calls.iter().any(|call| call.starts_with("PUT s3/")) {
                return std::task::Poll::Ready(());
            }
            assert!(polled.is_pending());
            std::task::Poll::Pending
        })
        .await;
        drop(cycle);
        let status = mint.cycle().await;
        assert_eq!((status.taken, status.passwords), (1, 0), "on {}", mint.database);
        mint.pass(Duration::from_secs(301));
        assert_eq!(mint.cycle().await.passwords, 1);
    }
}

/// Whoever has waited for so long that another worker has the application goes no further; and whatever it has put into the buckets
/// does not stay.
#[tokio::test(flavor = "multi_thread")]
async fn who_waited_for_too_long_goes_no_further() {
    for mint in Running::on_both_databases().await {
        mint.configured("kio", &["bucket"]).await;
        let slow = mint.another_worker(&Config::default());
        let path = "/services/stups_kio/password".to_owned();
        mint.world.facts().hanging.insert(path);
        let waited = async |times: usize| {
            until("they wait for a password", async || mint.world.facts().waited == times).await;
        };
        let other = mint.another_worker(&Config::default());
        let (late, other, ()) = tokio::join!(
            slow.run_cycle(),
            async {
                waited(1).await;
                mint.pass(Duration::from_secs(301));
                other.run_cycle().await
            },
            async {
                waited(2).await;
                mint.world.facts().hanging.clear();
            }
        );
        let other = other.unwrap();
        assert_eq!((other.taken, other.failed), (0, 0), "on {}", mint.database);
        let late = late.unwrap();
        assert_eq!(
            (late.passwords, late.failed),
            (0, 0),
            "it is the other's now: no problem of the application"
        );
        mint.cycle().await;
        let status = mint.cycle().await;
        assert_eq!((status.due, status.failed), (0, 0), "on {}", mint.database);
        // The last file that was written is that of the last password that was made, and that one is committed.
        let calls = mint.world.calls();
        let made = calls
            .iter()
            .rposition(|call| call == "POST users/services/stups_kio/password");
        let stored = calls.iter().rposition(|call| call == "PUT s3/bucket/kio/user.json");
        let committed = calls
            .iter()
            .rposition(|call| call == "PUT users/services/stups_kio/password");
        assert!(made < stored && stored < committed, "{calls:?}");
    }
}
