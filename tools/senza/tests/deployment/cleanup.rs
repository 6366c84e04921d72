//! `senza cleanup`

use serde_json::{Value as Json, json};

use crate::application::{Application, ZONE, record, template};

async fn versions(application: &Application) -> Vec<String> {
    let answer = application
        .session
        .cloudformation()
        .describe_stacks()
        .send()
        .await
        .unwrap();
    let mut names: Vec<String> = answer
        .stacks()
        .iter()
        .map(|stack| stack.stack_name().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn old_versions_without_traffic_go() {
    let application = Application::with_weights(&[0, 50, 0, 150, 0]).await;
    let dry = application
        .senza(&["cleanup", "hello", "--keep", "1", "--dry-run", "-o", "json"])
        .await
        .succeeded();
    let rows: Json = serde_json::from_str(&dry.stdout).unwrap();
    let decided: Vec<(&Json, &Json, &Json)> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["version"], &row["action"], &row["reason"]))
        .collect();
    let (keep, delete) = (json!("keep"), json!("delete"));
    let (traffic, newest, nothing) = (json!("it has traffic"), json!("the newest"), Json::Null);
    assert_eq!(
        decided,
        [
            (&json!("v5"), &keep, &newest),
            (&json!("v4"), &keep, &traffic),
            (&json!("v3"), &delete, &nothing),
            (&json!("v2"), &keep, &traffic),
            (&json!("v1"), &delete, &nothing),
        ]
    );
    assert_eq!(versions(&application).await.len(), 5);
    let outcome = application
        .senza(&["cleanup", "hello", "--keep", "1", "--yes"])
        .await
        .succeeded();
    let deleted: Vec<&str> = outcome
        .stderr
        .lines()
        .filter(|line| line.starts_with("Deleting"))
        .collect();
    assert_eq!(
        deleted,
        [
            "Deleting Cloud Formation stack hello-v1.. OK",
            "Deleting Cloud Formation stack hello-v3.. OK"
        ]
    );
    assert_eq!(versions(&application).await, ["hello-v2", "hello-v4", "hello-v5"]);
    let again = application
        .senza(&["cleanup", "hello", "--keep", "1", "--yes"])
        .await
        .succeeded();
    assert!(again.stderr.contains("Nothing to clean up."), "{}", again.stderr);
}

#[tokio::test]
async fn young_versions_and_other_applications_stay() {
    let application = Application::with_weights(&[0, 200]).await;
    application
        .create(
            "hello-world-v1",
            &json!({"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}),
        )
        .await;
    let words = ["cleanup", "hello", "--keep", "0", "--older-than", "1", "--yes"];
    application.senza(&words).await.succeeded();
    assert_eq!(versions(&application).await.len(), 3);
    application
        .senza(&["cleanup", "hello", "--keep", "0", "--yes"])
        .await
        .succeeded();
    assert_eq!(versions(&application).await, ["hello-v2", "hello-world-v1"]);
    let several = application.senza(&["cleanup", "hello.*", "--keep", "0", "--yes"]).await;
    assert!(
        several.failure().1.contains("several match: hello, hello-world"),
        "{:?}",
        several.failure()
    );
    let nobody = application.senza(&["cleanup", "nobody", "--keep", "0"]).await;
    assert_eq!(nobody.failure(), (1, "Stack nobody not found!"));
    assert_eq!(
        application.senza(&["cleanup", "hello"]).await.failure().0,
        2,
        "how many is always said"
    );
}

#[tokio::test]
async fn traffic_in_any_domain_protects() {
    let application = Application::with_weights(&[0, 200]).await;
    let second = format!("second.{ZONE}");
    let mut resources = template("hello-v3", 0);
    resources["Resources"]["SecondDomain"] = record(&second, "hello-v3", 10);
    application.create("hello-v3", &resources).await;
    application.create("hello-v4", &template("hello-v4", 0)).await;
    application
        .senza(&["cleanup", "hello", "--keep", "0", "--yes"])
        .await
        .succeeded();
    assert_eq!(versions(&application).await, ["hello-v2", "hello-v3"]);
}

#[tokio::test]
async fn all_zero_weights_are_traffic_for_all() {
    let application = Application::with_weights(&[0, 0]).await;
    let outcome = application
        .senza(&["cleanup", "hello", "--keep", "0", "--yes"])
        .await
        .succeeded();
    assert!(
        outcome.stdout.contains("all weights of hello.stups.example.org are 0"),
        "{}",
        outcome.stdout
    );
    assert_eq!(versions(&application).await.len(), 2);
}

#[tokio::test]
async fn a_person_can_decline() {
    let application = Application::with_weights(&[0, 200]).await;
    let outcome = application.senza_tty("n\n", &["cleanup", "hello", "--keep", "1"]).await;
    assert!(outcome.stdout.contains("Delete 1 stack? [y/N]: "), "{}", outcome.stdout);
    assert_eq!(outcome.failure().1, "Aborted!");
    assert_eq!(versions(&application).await.len(), 2);
}
