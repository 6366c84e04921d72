//! `senza rollback`

use serde_json::{Value as Json, json};

use super::Definition;
use crate::application::{Application, DOMAIN};

#[tokio::test]
async fn the_last_change_is_taken_back() {
    let application = Application::with_weights(&[120, 60, 20, 0]).await;
    application.senza(&["traffic", "hello", "v4", "100"]).await.succeeded();
    application.senza(&["traffic", "hello", "v3", "10"]).await.succeeded();
    assert_eq!(application.hello_weights().await, [0, 0, 20, 180]);
    let shown = application
        .senza(&["rollback", "hello", "--dry-run", "-o", "json"])
        .await
        .succeeded();
    let rows: Json = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(rows[2]["new_weight%"], json!(0.0));
    assert_eq!(
        (&rows[3]["new_weight%"], &rows[3]["current"]),
        (&json!(100.0), &json!("<"))
    );
    assert_eq!(application.hello_weights().await, [0, 0, 20, 180]);

    application.senza(&["rollback", "hello", "--yes"]).await.succeeded();
    assert_eq!(application.hello_weights().await, [0, 0, 0, 200]);
    assert_eq!(
        application.template_weight("hello-v4").await,
        json!(200),
        "through CloudFormation"
    );
    // Going back is a change like any other.
    application.senza(&["rollback", "hello", "--yes"]).await.succeeded();
    assert_eq!(application.hello_weights().await, [0, 0, 20, 180]);
}

#[tokio::test]
async fn a_person_is_asked_and_a_script_has_to_say_so() {
    let application = Application::with_weights(&[200, 0]).await;
    application.senza(&["traffic", "hello", "v2", "100"]).await.succeeded();
    let declined = application.senza_tty("n\n", &["rollback", "hello"]).await;
    assert!(
        declined.stdout.contains("Go back to hello-v1 100.0%? [y/N]: "),
        "{}",
        declined.stdout
    );
    assert_eq!(declined.failure().1, "Aborted!");
    let script = application.senza(&["rollback", "hello"]).await;
    assert_eq!(script.failure().0, 1);
    assert_eq!(application.hello_weights().await, [0, 200]);
    application.senza_tty("y\n", &["rollback", "hello"]).await.succeeded();
    assert_eq!(application.hello_weights().await, [200, 0]);
}

#[tokio::test]
async fn versions_that_are_gone_are_no_way_back() {
    let application = Application::with_weights(&[200, 0]).await;
    application.senza(&["traffic", "hello", "v2", "100"]).await.succeeded();
    application.senza(&["delete", "hello", "v1"]).await.succeeded();
    let outcome = application.senza(&["rollback", "hello", "--yes"]).await;
    let (code, message) = outcome.failure();
    assert_eq!(code, 1);
    assert!(
        message.starts_with("There is no way back: hello-v1 had traffic before the change, but it is gone."),
        "{message}"
    );
    assert_eq!(application.hello_weights().await, [200]);
}

#[tokio::test]
async fn an_update_of_a_stack_forgets_nothing() {
    let (application, definition) = (Application::new().await, Definition::of_records());
    let path = definition.path();
    for version in ["v1", "v2"] {
        application.senza(&["create", &path, version]).await.succeeded();
        application
            .senza(&["traffic", "hello", version, "100"])
            .await
            .succeeded();
    }
    let template = async || {
        let request = application
            .session
            .cloudformation()
            .get_template()
            .stack_name("hello-v2");
        request.send().await.unwrap().template_body.unwrap()
    };
    let before = template().await;
    application.senza(&["update", &path, "v2"]).await.succeeded();
    assert_eq!(template().await, before, "for CloudFormation there is nothing to do");
    application.senza(&["update", &path, "v2", "changed"]).await.succeeded();
    application.senza(&["rollback", "hello", "--yes"]).await.succeeded();
    assert_eq!(application.hello_weights().await, [200, 0]);
}

#[tokio::test]
async fn nothing_remembered_is_said() {
    let application = Application::with_weights(&[200, 0]).await;
    let outcome = application.senza(&["rollback", "hello", "--yes"]).await;
    assert!(
        outcome.failure().1.starts_with("There is nothing to go back to"),
        "{:?}",
        outcome.failure()
    );
    let nobody = application.senza(&["rollback", "nobody"]).await;
    assert_eq!(nobody.failure().0, 2);
    let first = Application::with_weights(&[0]).await;
    first.senza(&["traffic", "hello", "v1", "100"]).await.succeeded();
    let outcome = first.senza(&["rollback", "hello", "--yes"]).await;
    assert!(
        outcome
            .failure()
            .1
            .contains("before the last change no version had traffic"),
        "{:?}",
        outcome.failure()
    );
}

#[tokio::test]
async fn changes_by_other_means_are_pointed_out() {
    let application = Application::with_weights(&[200, 0]).await;
    application.senza(&["traffic", "hello", "v2", "50"]).await.succeeded();
    application.upsert(DOMAIN, "hello-v2", 40).await;
    let outcome = application.senza(&["rollback", "hello", "--yes"]).await.succeeded();
    assert!(
        outcome.stderr.contains("somebody changed weights since by other means"),
        "{}",
        outcome.stderr
    );
    assert_eq!(application.hello_weights().await, [200, 0]);
}

#[tokio::test]
async fn the_second_of_two_people_changes_nothing_or_goes_on_from_there() {
    let application = Application::with_weights(&[200, 0]).await;
    application.senza(&["traffic", "hello", "v2", "100"]).await.succeeded();
    let words = ["rollback", "hello", "--yes"];
    let (one, other) = tokio::join!(application.senza(&words), application.senza(&words));
    assert!(one.result.is_ok() || other.result.is_ok());
    let weights = application.hello_weights().await;
    assert_eq!(weights.iter().sum::<i64>(), 200, "{weights:?}");
    assert!(weights.contains(&200), "{weights:?}");
}
