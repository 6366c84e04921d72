//! Who may do what (contract kio 2.2, 2.9 and 3), case by case, on both databases.

use serde_json::{Value, json};
use stups_store::audit::{Filter, Outcome, page};
use stups_testkit::error_message;

use crate::support::{ASMITH, JDOE, Kio, ROBOT};

/// Who, and whether he may write what belongs to the team `stups`.
const WRITERS: &[(&str, bool)] = &[
    (JDOE, true),
    (ASMITH, false),
    ("/employees/nobody", false),
    (ROBOT, true),
    ("/services/robot+uid", false),
    ("/services/robot+application.write_all", false),
    ("/services/stranger+application.write", false),
    ("/employees/admin", true),
    ("/services/admin-robot", true),
    ("/services/admin+application.write", false),
    ("/employees/admin-robot", false),
    ("/customers/jdoe", false),
    ("/customers/admin", false),
    ("/employees/", false),
];

fn body() -> Value {
    json!({"team_id": "stups", "active": true, "name": "Kio"})
}

#[tokio::test]
async fn registering_is_for_the_submitted_team() {
    for kio in Kio::on_both_databases().await {
        for (number, (who, allowed)) in WRITERS.iter().enumerate() {
            let path = format!("/apps/app-{number}");
            let status = kio.call("PUT", &path, who, Some(body())).await.status;
            assert_eq!(status, if *allowed { 200 } else { 403 }, "{who} on {}", kio.database);
            assert_eq!(kio.get(&path).await.status, if *allowed { 200 } else { 404 }, "{who}");
        }
    }
}

#[tokio::test]
async fn changing_is_for_the_stored_team() {
    for kio in Kio::on_both_databases().await {
        kio.register("kio").await;
        for (who, allowed) in WRITERS {
            let expected = if *allowed { 200 } else { 403 };
            assert_eq!(
                kio.call("PUT", "/apps/kio", who, Some(body())).await.status,
                expected,
                "{who}"
            );
            assert_eq!(
                kio.call("PATCH", "/apps/kio", who, Some(json!({}))).await.status,
                expected,
                "{who}"
            );
            let version = json!({"artifact": "docker://stups/kio:1.0"});
            let put = kio.call("PUT", "/apps/kio/versions/1.0", who, Some(version)).await;
            assert_eq!(put.status, expected, "{who}");
        }
        // It does not help to submit one's own team.
        let mine = json!({"team_id": "other", "active": true, "name": "Kio"});
        assert_eq!(kio.call("PUT", "/apps/kio", ASMITH, Some(mine)).await.status, 403);
    }
}

#[tokio::test]
async fn refusals_say_why() {
    for kio in Kio::on_both_databases().await {
        kio.register("kio").await;
        for (who, text) in [
            (ASMITH, "Unauthorized"),
            ("/customers/jdoe", "user not in realms 'employees, services'"),
            (
                "/services/robot+uid",
                "Forbidden: the token does not have the scope application.write.",
            ),
        ] {
            assert_eq!(
                error_message(&kio.call("PUT", "/apps/kio", who, Some(body())).await),
                text
            );
        }
    }
}

#[tokio::test]
async fn reading_is_for_employees_and_services() {
    for kio in Kio::on_both_databases().await {
        kio.register("kio").await;
        for path in [
            "/apps",
            "/apps/kio",
            "/apps/kio/history",
            "/apps/kio/versions",
            "/apps/kio/versions/1/approvals",
        ] {
            for (who, expected) in [
                (JDOE, 200),
                ("/employees/nobody", 200),
                ("/services/robot", 200),
                ("/customers/jdoe", 403),
                ("/employees/", 403),
                ("", 401),
                ("garbage", 401),
            ] {
                assert_eq!(
                    kio.call("GET", path, who, None).await.status,
                    expected,
                    "{path} as {who}"
                );
            }
        }
        // Which approvals are in use is for services, and for people in a team.
        for (who, expected) in [
            (JDOE, 200),
            ("/employees/nobody", 403),
            ("/services/stranger", 200),
            ("/customers/jdoe", 403),
        ] {
            assert_eq!(
                kio.call("GET", "/apps/kio/approvals", who, None).await.status,
                expected,
                "{who}"
            );
        }
    }
}

#[tokio::test]
async fn approving_is_for_people_of_the_team() {
    for kio in Kio::on_both_databases().await {
        kio.register("kio").await;
        let version = json!({"artifact": "docker://stups/kio:1.0"});
        assert_eq!(kio.put("/apps/kio/versions/1.0", version).await.status, 200);
        for (who, expected) in [
            (JDOE, 200),
            (ASMITH, 403),
            (ROBOT, 403),
            ("/services/admin-robot+application.write", 403),
            ("/customers/jdoe", 403),
        ] {
            let approval = json!({"approval_type": "TEST"});
            let answer = kio
                .call("POST", "/apps/kio/versions/1.0/approvals", who, Some(approval))
                .await;
            assert_eq!(answer.status, expected, "{who}");
        }
    }
}

#[tokio::test]
async fn a_policy_that_is_away_is_not_a_refusal() {
    for kio in Kio::on_both_databases().await {
        kio.register("kio").await;
        kio.teams.away(true);
        let answer = kio.call("PUT", "/apps/kio", JDOE, Some(body())).await;
        assert_eq!(answer.status, 503);
        assert!(error_message(&answer).starts_with("A dependency is unavailable: "));
        assert!(answer.headers.contains_key("retry-after"));
        assert_eq!(kio.get("/apps/kio").await.status, 200);
        kio.teams.away(false);
        assert_eq!(kio.call("PUT", "/apps/kio", JDOE, Some(body())).await.status, 200);
    }
}

#[tokio::test]
async fn every_write_and_every_refusal_is_on_record() {
    for kio in Kio::on_both_databases().await {
        kio.register("kio").await;
        kio.call("PUT", "/apps/kio", ASMITH, Some(body())).await;
        kio.call("PUT", "/apps/new", "/employees/nobody", Some(body())).await;
        kio.put("/apps/kio/versions/1.0", json!({"artifact": "a"})).await;
        kio.call(
            "POST",
            "/apps/kio/versions/1.0/approvals",
            JDOE,
            Some(json!({"approval_type": "TEST"})),
        )
        .await;
        kio.call(
            "POST",
            "/apps/kio/versions/1.0/approvals",
            ROBOT,
            Some(json!({"approval_type": "TEST"})),
        )
        .await;
        // What is wrong is neither.
        kio.put("/apps/kio", json!({})).await;
        kio.put("/apps/kio", json!({"team_id": "nobody", "active": true, "name": "x"}))
            .await;

        let records = page(kio.store.connection(), 0, 100, &Filter::default()).await.unwrap();
        let told: Vec<(String, String, String, Outcome)> = records
            .iter()
            .map(|record| {
                (
                    record.event.action.clone(),
                    record.event.subject.clone(),
                    record.event.actor.name(),
                    record.event.outcome,
                )
            })
            .collect();
        let told: Vec<(&str, &str, &str, Outcome)> = told
            .iter()
            .map(|(action, subject, actor, outcome)| (action.as_str(), subject.as_str(), actor.as_str(), *outcome))
            .collect();
        assert_eq!(
            told,
            [
                ("application.created", "kio", "/employees/jdoe", Outcome::Success),
                ("application.modified", "kio", "/employees/asmith", Outcome::Denied),
                ("application.created", "new", "/employees/nobody", Outcome::Denied),
                ("version.created", "kio", "/employees/jdoe", Outcome::Success),
                ("version.approved", "kio", "/employees/jdoe", Outcome::Success),
                ("version.approved", "kio", "/services/robot", Outcome::Denied),
            ]
        );
        let actor = &records[0].event.actor;
        assert!(
            actor.address.as_deref() == Some("127.0.0.1") && actor.request_id.is_some(),
            "{actor:?}"
        );

        // What is not refused is in the history, without the refusals.
        let history = kio.json("/apps/kio/history").await;
        let actions: Vec<&str> = history
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["action"].as_str().unwrap())
            .collect();
        assert_eq!(actions, ["application.created", "version.created", "version.approved"]);
        assert_eq!(kio.get("/apps/new/history").await.status, 404);
        let first = kio.get("/apps/kio/history?limit=1").await;
        assert_eq!(
            first.headers["link"],
            "</apps/kio/history?limit=1&cursor=1>; rel=\"next\""
        );
    }
}
