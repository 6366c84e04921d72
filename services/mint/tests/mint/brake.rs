//! Kio is not trusted blindly (contract mint-berry 4, row 2): mass deletions are held back.

use std::time::Duration;

use serde_json::json;
use stups_mint::Config;
use stups_store::audit::{Filter, page};

use crate::support::{ADMIN, Running};

const DAY: Duration = Duration::from_hours(24);

async fn twenty(mint: &Running) {
    for number in 0..20 {
        mint.configured(&format!("app-{number:02}"), &["bucket"]).await;
    }
    assert_eq!(mint.cycle().await.synced, 20);
}

#[tokio::test]
async fn an_empty_and_half_a_list_delete_nothing_however_often_they_come() {
    for mint in Running::on_both_databases().await {
        twenty(&mint).await;
        let all: Vec<String> = mint.world.facts().applications.keys().cloned().collect();
        for lacking in [&all[..], &all[..10], &all[..3]] {
            mint.world.facts().unlisted = lacking.iter().cloned().collect();
            for _ in 0..3 {
                mint.pass(DAY);
                mint.world.calls();
                let status = mint.cycle().await;
                assert_eq!(
                    (status.removed, status.missing),
                    (0, lacking.len()),
                    "on {}",
                    mint.database
                );
                // A list that lacks so many is not worth asking about each.
                let asked = mint
                    .world
                    .calls()
                    .iter()
                    .filter(|call| call.starts_with("GET kio/apps/"))
                    .count();
                assert_eq!(asked, if lacking.len() > 5 { 0 } else { lacking.len() });
            }
        }
        assert_eq!(mint.world.facts().service_users.len(), 20);
    }
}

#[tokio::test]
async fn who_is_gone_for_a_day_goes() {
    for mint in Running::on_both_databases().await {
        twenty(&mint).await;
        mint.world.facts().applications.remove("app-07");
        assert_eq!(mint.cycle().await.missing, 1);
        mint.pass(DAY / 2);
        // It comes back, and its time begins anew.
        mint.world.facts().applications.insert("app-07".to_owned(), true);
        mint.cycle().await;
        mint.world.facts().applications.remove("app-07");
        mint.cycle().await;
        mint.pass(Duration::from_secs(24 * 3600 - 1));
        assert_eq!(mint.cycle().await.removed, 0);
        mint.pass(Duration::from_secs(2));
        assert_eq!(mint.cycle().await.removed, 1);
        assert!(!mint.world.facts().service_users.contains("stups_app-07"));
        assert_eq!(mint.get("/apps/app-07").await.status, 404);
    }
}

#[tokio::test]
async fn a_mass_deletion_waits_for_somebody_to_let_it_through_once() {
    for mint in Running::on_both_databases().await {
        twenty(&mint).await;
        let deactivate = |numbers: std::ops::Range<usize>| {
            for number in numbers {
                mint.world
                    .facts()
                    .applications
                    .insert(format!("app-{number:02}"), false);
            }
        };
        deactivate(0..6);
        for _ in 0..2 {
            let status = mint.cycle().await;
            assert_eq!(
                (status.removed, status.brake_engaged),
                (0, true),
                "on {}",
                mint.database
            );
        }
        let brake = mint.json("/brake").await;
        assert_eq!(
            (&brake["engaged"], &brake["of"], &brake["released"]),
            (&json!(true), &json!(20), &json!(false))
        );
        assert_eq!(brake["applications"].as_array().unwrap().len(), 6);

        let released = mint.call("POST", "/brake/release", ADMIN, None).await;
        assert_eq!(released.json::<serde_json::Value>().unwrap()["released"], true);
        // Whoever comes later was not let through; whoever is active again stays.
        deactivate(6..12);
        mint.world.facts().applications.insert("app-00".to_owned(), true);
        let status = mint.cycle().await;
        assert_eq!((status.removed, status.brake_engaged), (5, true));
        assert_eq!(mint.get("/apps/app-00").await.status, 200);
        mint.world.facts().applications.insert("app-00".to_owned(), false);
        let status = mint.cycle().await;
        assert_eq!((status.removed, status.brake_engaged), (0, true), "the release is over");
        // Few enough: the brake lets go by itself.
        for number in 6..10 {
            mint.world.facts().applications.insert(format!("app-{number:02}"), true);
        }
        let status = mint.cycle().await;
        assert_eq!((status.removed, status.brake_engaged), (3, false));
        assert_eq!(mint.json("/brake").await["engaged"], false);

        let records = page(mint.store.connection(), 0, 1000, &Filter::default())
            .await
            .unwrap();
        let told: Vec<&str> = records
            .iter()
            .map(|record| record.event.action.as_str())
            .filter(|action| action.starts_with("brake."))
            .collect();
        assert_eq!(told, ["brake.engaged", "brake.released", "brake.disengaged"]);
    }
}

#[tokio::test]
async fn share_and_number_are_settings() {
    let mint = Running::on_sqlite().await;
    twenty(&mint).await;
    for number in 0..10 {
        mint.world
            .facts()
            .applications
            .insert(format!("app-{number:02}"), false);
    }
    let careful = mint.another_worker(&Config {
        brake_share: 0.0,
        brake_minimum: 0,
        ..Config::default()
    });
    assert!(careful.run_cycle().await.unwrap().brake_engaged);
    let careless = mint.another_worker(&Config {
        brake_share: 0.5,
        ..Config::default()
    });
    let status = careless.run_cycle().await.unwrap();
    assert_eq!((status.removed, status.brake_engaged), (10, false));
}
