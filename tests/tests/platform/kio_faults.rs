//! Kio when things go wrong: processes that are killed, databases that go away, instances that compete.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde_json::Value;
use stups_testkit::PostgreSql;
use stups_tests::{KioData, KioProcess, client, put, until, verify_audit};

fn ids(applications: &Value) -> BTreeSet<String> {
    let applications = applications.as_array().unwrap();
    applications
        .iter()
        .map(|application| application["id"].as_str().unwrap().to_owned())
        .collect()
}

/// What was registered, as the trail tells it.
fn created(records: &[Value]) -> Vec<String> {
    let created = records
        .iter()
        .filter(|record| record["event"]["action"] == "application.created");
    created
        .map(|record| record["event"]["subject"].as_str().unwrap().to_owned())
        .collect()
}

/// `stups audit verify` against the running service.
async fn verify(data: &KioData, kio: &KioProcess) -> String {
    verify_audit(kio.url(), "kio", "token", data.directory()).await
}

/// Registers applications with many hands, kills the process in the middle, starts it again, several times over.
async fn survives_kill_at_any_moment(data: &KioData) {
    const ROUNDS: usize = 5;
    const HANDS: usize = 8;
    let mut answered = BTreeSet::new();
    let mut asked = 0;
    for round in 0..ROUNDS {
        let kio = data.start().await;
        let url = kio.url().to_owned();
        let count = Arc::new(AtomicUsize::new(0));
        let hands: Vec<_> = (0..HANDS)
            .map(|hand| {
                let (client, url, count) = (client(), url.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    let mut answered = Vec::new();
                    for number in 0.. {
                        let id = format!("app-{round}-{hand}-{number}");
                        match put(&client, &url, &id, "Name").await {
                            Some(StatusCode::OK) => answered.push(id),
                            Some(status) => panic!("{id}: {status}"),
                            None => return (answered, number + 1),
                        }
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                    unreachable!("the process is killed");
                })
            })
            .collect();
        // Each round at another moment.
        let enough = 7 + 13 * round;
        until("enough writes", async || count.load(Ordering::SeqCst) >= enough).await;
        kio.kill().await;
        for hand in hands {
            let (ids, count) = hand.await.unwrap();
            answered.extend(ids);
            asked += count;
        }
    }

    let kio = data.start().await;
    let stored = ids(&kio.json("/apps").await);
    assert!(
        answered.is_subset(&stored),
        "answered, but lost: {:?}",
        answered.difference(&stored)
    );
    assert!(stored.len() <= asked);
    let records = kio.audit().await;
    let recorded = created(&records);
    // No write without its record, no record without its write.
    assert_eq!(recorded.iter().cloned().collect::<BTreeSet<_>>(), stored);
    assert_eq!(recorded.len(), stored.len());
    assert!(
        verify(data, &kio)
            .await
            .starts_with(&format!("{} records of kio are", records.len()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_has_every_write_with_its_record_on_sqlite() {
    survives_kill_at_any_moment(&KioData::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_has_every_write_with_its_record_on_postgresql() {
    let cluster = PostgreSql::shared().await;
    survives_kill_at_any_moment(&KioData::postgresql(cluster).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_and_comes_back() {
    let cluster = PostgreSql::start_new().await.unwrap();
    let data = KioData::postgresql(&cluster).await;
    let kio = data.start().await;
    assert_eq!(kio.put("before", "Name").await, Some(StatusCode::OK));

    for crash in [false, true] {
        if crash {
            cluster.crash().await.unwrap();
        } else {
            cluster.stop().await.unwrap();
        }
        let answer = kio.get("/apps/before").await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key(RETRY_AFTER));
        assert_eq!(
            kio.put("meanwhile", "Name").await,
            Some(StatusCode::SERVICE_UNAVAILABLE)
        );
        cluster.start().await.unwrap();
        until("the way back", async || {
            kio.get("/apps/before").await.unwrap().status() == StatusCode::OK
        })
        .await;
        until("the next write", async || {
            kio.put("after", "Name").await == Some(StatusCode::OK)
        })
        .await;
    }
    let stored = ids(&kio.json("/apps").await);
    assert_eq!(stored, BTreeSet::from(["before", "after"].map(str::to_owned)));
    let records = kio.audit().await;
    assert_eq!(created(&records), ["before", "after"]);
    verify(&data, &kio).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_are_one_service() {
    const HANDS: usize = 12;
    let data = KioData::postgresql(PostgreSql::shared().await).await;
    // They also start together, and migrate together.
    let (one, other) = tokio::join!(data.start(), data.start());
    let urls = [one.url().to_owned(), other.url().to_owned()];

    // All want to register the same application, and change it afterwards.
    let hands = (0..HANDS).map(|hand| {
        let (client, url) = (client(), urls[hand % 2].clone());
        tokio::spawn(async move {
            let body = serde_json::json!({"team_id": "stups", "active": true, "name": format!("Name {hand}")});
            let first = client.put(format!("{url}/apps/first")).bearer_auth("token");
            let first = first
                .header("if-none-match", "*")
                .json(&body)
                .send()
                .await
                .unwrap()
                .status();
            let mut done = 0;
            for number in 0..5 {
                match put(&client, &url, "shared", &format!("Name {hand} {number}")).await {
                    Some(StatusCode::OK) => done += 1,
                    Some(StatusCode::CONFLICT) => {}
                    other => panic!("{other:?}"),
                }
            }
            (first, done)
        })
    });
    let outcomes = futures::future::try_join_all(hands).await.unwrap();
    let winners = outcomes.iter().filter(|(first, _)| *first == StatusCode::OK).count();
    assert_eq!(winners, 1, "{outcomes:?}");
    assert!(
        outcomes
            .iter()
            .all(|(first, _)| [StatusCode::OK, StatusCode::PRECONDITION_FAILED].contains(first))
    );

    let records = one.audit().await;
    let of = |subject: &str, outcome: &str| {
        let records = records.iter().filter(|record| record["event"]["subject"] == subject);
        records.filter(|record| record["event"]["outcome"] == outcome).count()
    };
    assert_eq!(of("first", "success"), 1);
    assert_eq!(
        of("shared", "success"),
        outcomes.iter().map(|(_, done)| done).sum::<usize>()
    );
    assert_eq!(created(&records).iter().filter(|id| *id == "shared").count(), 1);
    // The last record tells what both answer now.
    let last = records
        .iter()
        .rev()
        .find(|record| record["event"]["subject"] == "shared")
        .unwrap();
    for instance in [&one, &other] {
        assert_eq!(
            instance.json("/apps/shared").await["name"],
            last["event"]["details"]["application"]["name"]
        );
    }
    assert_eq!(verify(&data, &one).await, verify(&data, &other).await);
}
