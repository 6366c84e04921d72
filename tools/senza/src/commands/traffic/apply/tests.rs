//! What cannot be seen from outside: somebody else at work between the calculation and the change.

use serde_json::json;
use stups_terminal::Terminal;
use stups_testkit::{Account, AwsApi};

use super::*;
use crate::commands::traffic::{domain, version};
use crate::stacks::parse_references;

async fn context_with_stacks(weights: &[i64]) -> Context {
    let account = Account::builder(AwsApi::shared().await)
        .hosted_zone("stups.example.org")
        .build()
        .await;
    let session = account.session();
    for (index, weight) in weights.iter().enumerate() {
        let name = format!("hello-v{}", index + 1);
        let template = json!({"Resources": {"MainDomain": {"Type": "AWS::Route53::RecordSet", "Properties": {
            "Name": "hello.stups.example.org.", "HostedZoneName": "stups.example.org.", "Type": "CNAME", "TTL": "20",
            "ResourceRecords": ["elb.example.com"], "SetIdentifier": name, "Weight": weight}}}});
        let request = session.cloudformation().create_stack().stack_name(name);
        request.template_body(template.to_string()).send().await.unwrap();
    }
    Context {
        terminal: Terminal::captured("").0,
        session,
        settings: crate::settings::Settings::default(),
        clean_up: crate::clean_up::CleanUp::default(),
        command: String::new(),
    }
}

async fn prepared(context: &Context, dns: &Dns, target: &str, percentage: f64) -> Change {
    let references = parse_references(&["hello".to_owned()]).unwrap();
    let versions = version::list(&context.session, &references).await.unwrap();
    let target = version::find(&versions, target).unwrap();
    let domains = domain::read(&context.session, dns, &versions, target).await.unwrap();
    let shift = |domain: domain::Domain| domain.shift(&target.identifier, percentage);
    let shifts = domains.into_iter().map(shift).collect();
    prepare(&context.session, &versions, shifts).await.unwrap()
}

async fn weights(context: &Context) -> Vec<i64> {
    let records = Dns::new(&context.session)
        .address_records("hello.stups.example.org")
        .await
        .unwrap();
    live_weights(&records)
        .into_iter()
        .map(|(_, _, weight)| weight)
        .collect()
}

#[tokio::test]
async fn the_second_of_two_people_changes_nothing() {
    let context = context_with_stacks(&[200, 0, 0]).await;
    let (first_dns, second_dns) = (Dns::new(&context.session), Dns::new(&context.session));
    let first = Box::pin(prepared(&context, &first_dns, "v2", 50.0)).await;
    let second = Box::pin(prepared(&context, &second_dns, "v3", 30.0)).await;
    Box::pin(apply(&context, &first_dns, &first, "hello")).await.unwrap();
    assert_eq!(weights(&context).await, [100, 100, 0]);
    let error = Box::pin(apply(&context, &second_dns, &second, "hello"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("were changed by somebody else meanwhile"), "{error}");
    assert!(
        error.contains("hello-v1 100.0%, hello-v2 0.0%, hello-v3 0.0% before"),
        "{error}"
    );
    assert!(
        error.contains("hello-v1 50.0%, hello-v2 50.0%, hello-v3 0.0% now"),
        "{error}"
    );
    assert_eq!(weights(&context).await, [100, 100, 0]);
}

/// As if each stack had been deleted just now and had left its record.
fn without_stacks(mut change: Change) -> Change {
    for update in change.steps.iter_mut().filter_map(|step| step.update.as_mut()) {
        update.stack_id = "hello-gone".to_owned();
    }
    change
}

#[tokio::test]
async fn without_any_stack_the_records_are_changed() {
    let context = context_with_stacks(&[120, 60, 20, 0]).await;
    for (target, percentage, expected) in [("v4", 100.0, [0, 0, 0, 200]), ("v3", 10.0, [0, 0, 20, 180])] {
        let dns = Dns::new(&context.session);
        let change = without_stacks(Box::pin(prepared(&context, &dns, target, percentage)).await);
        assert!(change.steps.iter().all(|step| step.update.is_some()));
        Box::pin(apply(&context, &dns, &change, "hello")).await.unwrap();
        assert_eq!(weights(&context).await, expected);
    }
    let templates = context.session.cloudformation();
    let template = templates.get_template().stack_name("hello-v4").send().await.unwrap();
    let template = template.template_body.unwrap();
    assert!(template.contains("\"Weight\":0"), "Route 53 only: {template}");
}

#[tokio::test]
async fn a_record_that_went_with_its_stack_does_not_come_back() {
    let context = context_with_stacks(&[200, 0]).await;
    let dns = Dns::new(&context.session);
    let change = without_stacks(Box::pin(prepared(&context, &dns, "v2", 50.0)).await);
    for stack in ["hello-v1", "hello-v2"] {
        let request = context.session.cloudformation().delete_stack().stack_name(stack);
        request.send().await.unwrap();
    }
    assert!(weights(&context).await.is_empty());
    let action = context.terminal.action("Setting weights..");
    let progress = Mutex::new(vec![Progress::NotStarted; change.steps.len()]);
    let attempt = Attempt {
        context: &context,
        dns: &dns,
        change: &change,
        action: &action,
        progress: &progress,
    };
    let error = Box::pin(attempt.make(0, &change.steps[0])).await.unwrap_err();
    assert!(error.ends_with(": the stack is gone, and so is its record"), "{error}");
    assert!(weights(&context).await.is_empty());
}

#[test]
fn how_far_it_got_is_said() {
    let step = |identifier: &str| Step {
        identifier: identifier.to_owned(),
        gain: 0,
        update: None,
        records: Vec::new(),
        obsolete: Vec::new(),
    };
    let steps = [step("hello-v1"), step("hello-v2"), step("hello-v3")];
    let progress = Mutex::new(vec![Progress::Done, Progress::Done, Progress::Started]);
    assert_eq!(
        how_far(&steps, &progress),
        "Changed: hello-v1, hello-v2. Under way in AWS: hello-v3. Not changed: none."
    );
}

#[test]
fn only_settled_stacks_are_updated() {
    for status in ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"] {
        assert!(can_be_updated(status), "{status}");
    }
    for status in [
        "ROLLBACK_COMPLETE",
        "DELETE_FAILED",
        "UPDATE_ROLLBACK_FAILED",
        "CREATE_FAILED",
    ] {
        assert!(!can_be_updated(status), "{status}");
    }
}
