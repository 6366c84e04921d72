//! Durable jobs on both databases.

use sea_orm::ConnectionTrait as _;
use serde_json::json;
use stups_store::jobs::{self, NewJob};
use stups_store::{Dialect, Store};

use crate::support::{TestDatabase, count};

on_both_databases!(
    a_job_exists_only_with_the_write_that_promised_it,
    a_job_is_done_once_by_many_workers,
    a_key_is_in_a_queue_once,
    a_job_that_fails_comes_again_and_dies_in_the_end,
    a_worker_that_vanishes_loses_its_job,
    what_is_not_due_waits,
);

fn job(number: i64) -> NewJob {
    NewJob {
        queue: "press",
        payload: json!({"number": number}),
        key: None,
        due_at: 0,
        attempts: 2,
    }
}

async fn enqueue(store: &Store, job: NewJob) -> bool {
    let write = store.write().await.unwrap();
    let new = jobs::enqueue(write.transaction(), job).await.unwrap();
    write.commit_unaudited().await.unwrap();
    new
}

/// As if the time had passed.
async fn everything_is_due(store: &Store) {
    let write = store.write().await.unwrap();
    let statement = "UPDATE jobs SET due_at = 0, leased_until = CASE WHEN leased_until > 0 THEN 1 ELSE 0 END";
    write.transaction().execute_unprepared(statement).await.unwrap();
    write.commit_unaudited().await.unwrap();
}

async fn a_job_exists_only_with_the_write_that_promised_it(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    let write = store.write().await.unwrap();
    jobs::enqueue(write.transaction(), job(1)).await.unwrap();
    drop(write);
    assert!(jobs::claim(&store, "press", 9).await.unwrap().is_empty());

    enqueue(&store, job(2)).await;
    let claimed = jobs::claim(&store, "press", 9).await.unwrap().pop().unwrap();
    assert_eq!((claimed.payload.clone(), claimed.attempt), (json!({"number": 2}), 1));
    // It ends with the write that did it, or not at all.
    let write = store.write().await.unwrap();
    assert!(claimed.complete(write.transaction()).await.unwrap());
    drop(write);
    assert_eq!(count(&store, "jobs").await, 1);
    let write = store.write().await.unwrap();
    assert!(claimed.complete(write.transaction()).await.unwrap());
    assert!(!claimed.complete(write.transaction()).await.unwrap());
    write.commit_unaudited().await.unwrap();
    assert_eq!(count(&store, "jobs").await, 0);
}

async fn a_job_is_done_once_by_many_workers(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let stores = [database.open().await, database.open().await];
    for number in 0..30 {
        enqueue(&stores[0], job(number)).await;
    }
    let done = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let workers = (0..6).map(|worker| {
        let (store, done) = (stores[worker % 2].clone(), std::sync::Arc::clone(&done));
        tokio::spawn(async move {
            let work = async |job: jobs::Job| {
                done.lock().unwrap().push(job.payload["number"].as_i64().unwrap());
                Ok(())
            };
            while jobs::work(&store, "press", work).await.unwrap() {}
        })
    });
    futures::future::try_join_all(workers).await.unwrap();
    let mut done = done.lock().unwrap().clone();
    done.sort_unstable();
    assert_eq!(done, (0..30).collect::<Vec<_>>());
    assert_eq!(count(&stores[0], "jobs").await, 0);
}

async fn a_key_is_in_a_queue_once(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    let keyed = |number| NewJob {
        key: Some("apple".to_owned()),
        ..job(number)
    };
    assert!(enqueue(&store, keyed(1)).await);
    assert!(!enqueue(&store, keyed(2)).await);
    assert!(
        enqueue(
            &store,
            NewJob {
                queue: "oven",
                ..keyed(3)
            }
        )
        .await
    );
    assert!(enqueue(&store, job(4)).await);
    assert!(enqueue(&store, job(5)).await);
    jobs::work(&store, "press", async |_| Ok(())).await.unwrap();
    assert!(enqueue(&store, keyed(6)).await, "it may come again when it is done");
}

async fn a_job_that_fails_comes_again_and_dies_in_the_end(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    enqueue(
        &store,
        NewJob {
            key: Some("apple".to_owned()),
            ..job(1)
        },
    )
    .await;
    let fail = async |_| Err("the press is\0 stuck".to_owned());
    assert!(jobs::work(&store, "press", fail).await.unwrap());
    assert!(!jobs::work(&store, "press", fail).await.unwrap(), "it rests first");
    everything_is_due(&store).await;
    assert!(jobs::work(&store, "press", fail).await.unwrap());
    everything_is_due(&store).await;
    assert!(!jobs::work(&store, "press", fail).await.unwrap(), "it is dead");

    let dead = jobs::dead(store.connection(), "press", 9).await.unwrap().pop().unwrap();
    assert_eq!(
        (dead.payload, dead.error.as_str()),
        (json!({"number": 1}), "the press is\u{fffd} stuck")
    );
    assert!(dead.died_at > 0);

    // While another one of its key waits it stays dead.
    enqueue(
        &store,
        NewJob {
            key: Some("apple".to_owned()),
            ..job(2)
        },
    )
    .await;
    let revive = async || {
        let write = store.write().await.unwrap();
        let revived = jobs::revive(write.transaction(), &dead.id).await.unwrap();
        write.commit_unaudited().await.unwrap();
        revived
    };
    assert!(!revive().await);
    assert!(jobs::work(&store, "press", async |_| Ok(())).await.unwrap());
    assert!(revive().await);
    assert!(!revive().await);
    assert!(
        jobs::work(&store, "press", async |job| if job.attempt == 1 {
            Ok(())
        } else {
            Err(String::new())
        })
        .await
        .unwrap()
    );
    assert_eq!(count(&store, "jobs").await, 0);
}

async fn a_worker_that_vanishes_loses_its_job(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    enqueue(&store, job(1)).await;
    let lost = jobs::claim(&store, "press", 1).await.unwrap().pop().unwrap();
    assert!(lost.keep(&store).await.unwrap());
    assert!(jobs::claim(&store, "press", 1).await.unwrap().is_empty());

    everything_is_due(&store).await;
    let second = jobs::claim(&store, "press", 1).await.unwrap().pop().unwrap();
    assert_eq!((&second.id, second.attempt), (&lost.id, 2));
    // What the first one says now is not heard.
    assert!(!lost.keep(&store).await.unwrap());
    lost.fail(&store, "too late").await.unwrap();
    let write = store.write().await.unwrap();
    assert!(!lost.complete(write.transaction()).await.unwrap());
    drop(write);
    assert!(second.keep(&store).await.unwrap());

    // The second one vanishes in the last attempt.
    everything_is_due(&store).await;
    assert!(jobs::claim(&store, "press", 1).await.unwrap().is_empty());
    let dead = jobs::dead(store.connection(), "press", 9).await.unwrap();
    assert_eq!(dead[0].error, "the worker ended before the job did");
}

async fn what_is_not_due_waits(dialect: Dialect) {
    let database = TestDatabase::new(dialect).await;
    let store = database.open().await;
    let tomorrow = jiff::Timestamp::now().as_millisecond() + 86_400_000;
    enqueue(
        &store,
        NewJob {
            due_at: tomorrow,
            ..job(1)
        },
    )
    .await;
    enqueue(&store, job(2)).await;
    let claimed = jobs::claim(&store, "press", 9).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].payload, json!({"number": 2}));
}
