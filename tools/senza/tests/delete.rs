//! `senza delete` against an AWS API.

mod application;

use application::{Application, template};

async fn stacks(application: &Application) -> Vec<String> {
    let listed = application
        .session
        .cloudformation()
        .describe_stacks()
        .send()
        .await
        .unwrap();
    let mut names: Vec<String> = listed
        .stacks()
        .iter()
        .map(|stack| stack.stack_name().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_stack_without_traffic_is_deleted() {
    let application = Application::with_weights(&[0, 200]).await;
    let outcome = application.senza(&["delete", "hello", "v1"]).await.succeeded();
    assert_eq!(outcome.stderr, "Deleting Cloud Formation stack hello-v1.. OK\n");
    assert_eq!(outcome.stdout, "");
    assert_eq!(stacks(&application).await, ["hello-v2"]);
}

#[tokio::test]
async fn the_only_match_needs_no_version() {
    let application = Application::with_weights(&[0]).await;
    application.senza(&["del", "hello", "--wait"]).await.succeeded();
    assert!(stacks(&application).await.is_empty());
}

#[tokio::test]
async fn the_agents_form_is_understood() {
    let application = Application::with_weights(&[200]).await;
    let dry = application
        .senza(&["delete", "--region", "us-east-1", "--dry-run", "--force", "hello", "v1"])
        .await
        .succeeded();
    assert_eq!(stacks(&application).await, ["hello-v1"]);
    let real = application
        .senza(&[
            "delete",
            "--region",
            "us-east-1",
            "-o",
            "json",
            "--force",
            "hello",
            "v1",
        ])
        .await
        .succeeded();
    assert_eq!(dry.stderr, real.stderr, "a dry run prints the same lines");
    assert_eq!(dry.stdout, "", "its progress lines are all that text has");
    let rows: serde_json::Value = serde_json::from_str(&real.stdout).unwrap();
    let row = &rows[0];
    assert_eq!(
        (&row["stack_name"], &row["version"], &row["result"]),
        (&"hello".into(), &"v1".into(), &"deleted".into())
    );
    assert!(row["stack_id"].as_str().unwrap().contains(":stack/hello-v1/"), "{row}");
    assert!(stacks(&application).await.is_empty());
}

#[tokio::test]
async fn programs_are_told_what_became_of_each_stack() {
    let application = Application::with_weights(&[0, 0]).await;
    let results = |stdout: &str| -> Vec<String> {
        let lines = stdout.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
        lines.map(|cells| format!("{} {}", cells[1], cells[3])).collect()
    };
    let dry = ["delete", "hello", "--dry-run", "-o", "tsv"];
    let outcome = application.senza(&dry).await.succeeded();
    assert!(
        outcome.stdout.starts_with("stack_name\tversion\tstack_id\tresult\n"),
        "{}",
        outcome.stdout
    );
    assert_eq!(results(&outcome.stdout), ["v2 dry run", "v1 dry run"]);
    let none = application
        .senza(&["delete", "nobody", "-g", "-o", "json"])
        .await
        .succeeded();
    assert_eq!(none.stdout, "[]\n");
    let outcome = application
        .senza(&["delete", "hello", "v1", "v2", "-o", "tsv"])
        .await
        .succeeded();
    assert_eq!(results(&outcome.stdout), ["v2 deleted", "v1 deleted"]);
}

#[tokio::test]
async fn several_matches_need_force_or_versions() {
    let application = Application::with_weights(&[0, 0, 0]).await;
    let outcome = application.senza(&["delete", "hello"]).await;
    let (exit_code, message) = outcome.failure();
    assert_eq!(exit_code, 1);
    assert!(
        message.starts_with("3 matching stacks found. Please use the \"--force\" flag"),
        "{message}"
    );
    application.senza(&["delete", "hello", "--dry-run"]).await.succeeded();
    assert_eq!(stacks(&application).await.len(), 3);
    application.senza(&["delete", "hello", "v1", "v2"]).await.succeeded();
    assert_eq!(stacks(&application).await, ["hello-v3"]);
    application.create("hello-v4", &template("hello-v4", 0)).await;
    application.senza(&["delete", "hello", "-f"]).await.succeeded();
    assert!(stacks(&application).await.is_empty());
}

#[tokio::test]
async fn traffic_protects_all_of_them() {
    let application = Application::with_weights(&[0, 200]).await;
    for words in [
        &["delete", "hello", "v2"][..],
        &["delete", "hello", "v1", "v2"],
        &["delete", "hello", "v2", "--dry-run"],
    ] {
        let outcome = application.senza(words).await;
        assert_eq!(
            outcome.failure(),
            (
                1,
                "Stack hello-v2 has traffic!\nUse --force if you really want to delete it"
            )
        );
        assert!(
            !outcome.stderr.contains("Deleting"),
            "all are checked before any is deleted"
        );
    }
    assert_eq!(stacks(&application).await, ["hello-v1", "hello-v2"]);
    application
        .senza(&["delete", "hello", "v2", "--force"])
        .await
        .succeeded();
    assert_eq!(stacks(&application).await, ["hello-v1"]);
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let application = Application::with_weights(&[0]).await;
    assert_eq!(
        application.senza(&["delete"]).await.failure(),
        (2, "Please specify at least one stack")
    );
    assert_eq!(
        application.senza(&["delete", "nobody", "v1"]).await.failure(),
        (1, "Stack nobody not found!")
    );
    application.senza(&["delete", "nobody", "v1", "-g"]).await.succeeded();
    let outcome = application.senza(&["delete", "hello", "v1", "v2"]).await.succeeded();
    assert!(
        outcome.stderr.contains("Stack hello v2 not found!"),
        "{}",
        outcome.stderr
    );
    assert!(stacks(&application).await.is_empty());
}

#[tokio::test]
async fn a_person_can_decline_each_one() {
    let application = Application::with_weights(&[0, 0]).await;
    // Newest first.
    let outcome = application
        .senza_tty("n\ny\n", &["delete", "-i", "hello", "v1", "v2"])
        .await
        .succeeded();
    assert!(
        outcome.stdout.contains("Delete 'hello-v1'? [y/N]: "),
        "{}",
        outcome.stdout
    );
    assert_eq!(stacks(&application).await.len(), 1);
    let outcome = application.senza(&["delete", "-i", "hello"]).await;
    assert!(outcome.failure().1.contains("Aborted!"));
    assert_eq!(stacks(&application).await.len(), 1);
}

#[tokio::test]
async fn termination_protection_is_respected() {
    let application = Application::new().await;
    let name = "hello-v1";
    application
        .session
        .cloudformation()
        .create_stack()
        .stack_name(name)
        .template_body(template(name, 0).to_string())
        .enable_termination_protection(true)
        .send()
        .await
        .unwrap();
    let outcome = application.senza(&["delete", "hello", "v1", "--force"]).await;
    let (exit_code, message) = outcome.failure();
    assert_eq!(exit_code, 1);
    assert!(
        message.starts_with("Stack hello-v1 is protected against termination!"),
        "{message}"
    );
    assert_eq!(stacks(&application).await, [name]);
}
