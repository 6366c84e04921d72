//! `senza dump`

use crate::account::{account, create_stack, senza};

#[tokio::test]
async fn templates_are_sorted_and_indented() {
    let account = account().await;
    create_stack(
        &account,
        "app-1",
        r#"{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Description": "é"}"#,
    )
    .await;
    let session = account.session();
    let json = "{\n    \"Description\": \"\\u00e9\",\n    \"Resources\": {\n        \"Topic\": {\n            \"Type\": \
                \"AWS::SNS::Topic\"\n        }\n    }\n}\n";
    let yaml = "Description: \"\\xE9\"\nResources:\n    Topic:\n        Type: AWS::SNS::Topic\n";
    for (words, expected) in [
        ("dump app 1", json),
        ("dump app -o json", json),
        ("dump app -o yaml", yaml),
        ("dump nobody", ""),
    ] {
        let outcome = senza(&session, words).await;
        assert_eq!(
            (outcome.exit_code, outcome.stdout.as_str(), outcome.stderr.as_str()),
            (0, expected, ""),
            "{words}"
        );
    }
    let outcome = senza(&session, "dump -o text").await;
    assert_eq!(outcome.exit_code, 2);
}

#[tokio::test]
async fn templates_in_yaml_are_templates_too_and_several_follow_each_other() {
    let account = account().await;
    create_stack(&account, "app-1", "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n").await;
    create_stack(
        &account,
        "app-2",
        r#"{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}"#,
    )
    .await;
    let outcome = senza(&account.session(), "dump app -o yaml").await;
    assert_eq!(outcome.stdout.matches("---\n").count(), 1, "{}", outcome.stdout);
    for part in [
        "Topic:\n        Type: AWS::SNS::Topic\n",
        "Queue:\n        Type: AWS::SQS::Queue\n",
    ] {
        assert!(outcome.stdout.contains(part), "{}", outcome.stdout);
    }
    let outcome = senza(&account.session(), "dump app").await;
    assert_eq!(outcome.stdout.matches("}\n{\n").count(), 1, "{}", outcome.stdout);
}
