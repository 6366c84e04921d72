//! `senza traffic` where moto is not like AWS: stacks that CloudFormation is at work on, names with many records.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use stups_testkit::Account;

use crate::account::{account, create_stack, senza};
use crate::proxy::{Proxy, Verdict};
use crate::scripted::{
    HOSTED_ZONES, RECORD_SETS, described, hosted_zones, record_sets, recorded, records, session, stacks,
};

const WAITING: &str = "Waiting for stack a-1 (UPDATE_IN_PROGRESS) to perform requested operation..\n";

#[tokio::test]
async fn stacks_in_progress_are_waited_for() {
    for (first, then) in [
        ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"),
        ("CREATE_IN_PROGRESS", "CREATE_FAILED"),
    ] {
        let session = session(&[
            ("ListStacks", stacks(&[("a-1", first)], None)),
            ("ListStacks", stacks(&[("a-1", then)], None)),
            // It goes on with what is there now: nothing.
            ("DescribeStacks", described(&[])),
        ]);
        let outcome = senza(&session, "traffic a 1 100 -t 600 -i 1").await;
        let waited = WAITING.replace("UPDATE_IN_PROGRESS", first);
        assert_eq!(outcome.stderr.matches("Waiting").count(), 1, "{}", outcome.stderr);
        assert!(outcome.stderr.starts_with(&waited), "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("Stack version 1 not found"),
            "{}",
            outcome.stderr
        );
        assert_eq!(outcome.exit_code, 2);
    }
}

#[tokio::test]
async fn one_that_stays_in_progress_is_given_up() {
    let session = session(&[("ListStacks", stacks(&[("a-1", "UPDATE_IN_PROGRESS")], None))]);
    let outcome = senza(&session, "traffic a 1 100 -t 1 -i 1").await;
    assert!(outcome.stderr.starts_with(WAITING), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .ends_with("Timeout reached, requested operation not executed.\n"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.exit_code, 1);
}

#[tokio::test]
async fn no_stack_at_all_is_said() {
    let session = session(&[("ListStacks", stacks(&[], None))]);
    let outcome = senza(&session, "traffic a 1 100 -t 600").await;
    assert!(outcome.stderr.contains("Stack not found!"), "{}", outcome.stderr);
    assert_eq!(outcome.exit_code, 1);
}

#[tokio::test]
async fn a_name_with_more_records_than_a_page_has_is_read_to_its_end() {
    let weights: Vec<(String, i64)> = (1..=305).map(|number| (format!("a-{number:03}"), number)).collect();
    let (first, second) = weights.split_at(300);
    let (session, script) = recorded(&[
        (
            "DescribeStacks",
            described(&[("a-305", "CREATE_COMPLETE"), ("b-1", "CREATE_COMPLETE")]),
        ),
        ("ListStackResources", records(&[("MainDomain", "a.example.org")])),
        (HOSTED_ZONES, hosted_zones()),
        (RECORD_SETS, record_sets("a.example.org", first, Some("a-301"))),
        (RECORD_SETS, record_sets("a.example.org", second, None)),
    ]);
    let outcome = senza(&session, "traffic a -o tsv").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let mut rows: Vec<&str> = outcome.stdout.lines().skip(1).collect();
    rows.sort_unstable_by_key(|row| row.split('\t').nth(2));
    let expected: Vec<String> = weights
        .iter()
        .map(|(identifier, weight)| {
            let version = if identifier == "a-305" { "305" } else { "" };
            format!("a\t{version}\t{identifier}\t{}.{}", weight / 2, weight % 2 * 5)
        })
        .collect();
    assert_eq!(rows, expected);
    let asked = script.asked(RECORD_SETS);
    assert_eq!(asked.len(), 2, "{asked:?}");
    for parameter in ["name=a.example.org.", "type=CNAME", "identifier=a-301"] {
        assert!(asked[1].contains(parameter), "{asked:?}");
    }
}

#[tokio::test]
async fn a_page_that_does_not_get_ahead_is_the_last_one() {
    let weights = [("a-1".to_owned(), 200)];
    let (session, script) = recorded(&[
        ("DescribeStacks", described(&[("a-1", "CREATE_COMPLETE")])),
        ("ListStackResources", records(&[("MainDomain", "a.example.org")])),
        (HOSTED_ZONES, hosted_zones()),
        (RECORD_SETS, record_sets("a.example.org", &weights, Some("a-1"))),
    ]);
    let outcome = senza(&session, "traffic a -o tsv").await;
    assert!(outcome.stdout.ends_with("\na\t1\ta-1\t100.0\n"), "{}", outcome.stdout);
    assert_eq!(outcome.stdout.lines().count(), 2);
    assert_eq!(script.asked(RECORD_SETS).len(), 2);
}

/// Three versions of an application; the first one has all traffic.
pub(crate) async fn application() -> Account {
    let account = account().await;
    for (version, weight) in [("v1", 200), ("v2", 0), ("v3", 0)] {
        create_stack(&account, &format!("hello-{version}"), &template(version, weight)).await;
    }
    account
}

fn template(version: &str, weight: u32) -> String {
    let template = serde_json::json!({"Resources": {"MainDomain": {"Type": "AWS::Route53::RecordSet", "Properties": {
        "Name": "hello.stups.example.org.", "HostedZoneName": "stups.example.org.", "Type": "CNAME", "TTL": "20",
        "ResourceRecords": ["elb.example.com"], "SetIdentifier": format!("hello-{version}"), "Weight": weight}}}});
    template.to_string()
}

pub(crate) async fn shares(account: &Account) -> String {
    let outcome = senza(&account.session(), "traffic hello -o tsv").await;
    let rows = outcome.stdout.lines().skip(1);
    let shares = rows.filter_map(|row| row.split('\t').nth(3));
    shares.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_run_that_fails_leaves_alone_what_another_one_changed_meanwhile() {
    let account = application().await;
    // The first run has given v2 its weight and is about to take that of v1; then CloudFormation is at work on v1 for the
    // second run, and refuses.
    let (release, released) = channel();
    let (reach, reached) = tokio::sync::oneshot::channel();
    let held = Mutex::new(Some((reach, released)));
    let updates = AtomicUsize::new(0);
    let proxy = Proxy::start(&account, move |action| {
        if action != "UpdateStack" || updates.fetch_add(1, Ordering::SeqCst) != 1 {
            return Verdict::Pass;
        }
        let Some((reach, released)) = held.lock().unwrap().take() else {
            return Verdict::Pass;
        };
        let _ = reach.send(());
        let refusal = Verdict::Refuse(
            "ValidationError",
            "Stack is in UPDATE_IN_PROGRESS state and can not be updated.",
        );
        Verdict::After(released, Box::new(refusal))
    });
    let session = proxy.session();
    let first = tokio::spawn(async move { senza(&session, "traffic hello v2 100").await });
    reached.await.unwrap();
    let second = senza(&account.session(), "traffic hello v3 50").await;
    assert_eq!(second.exit_code, 0, "{}", second.stderr);
    assert_eq!(shares(&account).await, "25.0 25.0 50.0");
    drop(release);
    let first = first.await.unwrap();
    assert_eq!(first.exit_code, 1);
    assert!(
        first.stderr.contains("Traffic was not changed: hello-v1: ") && first.stderr.contains("somebody else"),
        "{}",
        first.stderr
    );
    assert_eq!(shares(&account).await, "25.0 25.0 50.0", "the second one's");
}

#[tokio::test]
async fn killed_between_two_steps_it_leaves_all_traffic_served() {
    let account = application().await;
    let (release, released) = channel();
    let (reach, reached) = tokio::sync::oneshot::channel();
    let held = Mutex::new(Some((reach, released)));
    let updates = AtomicUsize::new(0);
    let proxy = Proxy::start(&account, move |action| {
        if action != "UpdateStack" || updates.fetch_add(1, Ordering::SeqCst) != 1 {
            return Verdict::Pass;
        }
        match held.lock().unwrap().take() {
            Some((reach, released)) => {
                let _ = reach.send(());
                Verdict::After(released, Box::new(Verdict::Pass))
            }
            None => Verdict::Pass,
        }
    });
    let mut child = crate::process::spawn("traffic hello v2 100", proxy.environment());
    reached.await.unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    std::mem::forget(release);
    assert_eq!(shares(&account).await, "100.0 100.0 0.0", "nobody lost any traffic");
    let again = senza(&account.session(), "traffic hello v2 100").await;
    assert_eq!(again.exit_code, 0, "{}", again.stderr);
    assert_eq!(shares(&account).await, "0.0 100.0 0.0");
}

#[tokio::test]
async fn after_the_wait_the_change_is_made() {
    let record = |weight| record_sets("a.example.org", &[("a-1".to_owned(), weight)], None);
    let template = r#"{"Resources": {"MainDomain": {"Type": "AWS::Route53::RecordSet", "Properties": {
        "Name": "a.example.org.", "Type": "CNAME", "SetIdentifier": "a-1", "Weight": 0}}}}"#;
    let (session, script) = recorded(&[
        ("ListStacks", stacks(&[("a-1", "UPDATE_IN_PROGRESS")], None)),
        ("ListStacks", stacks(&[("a-1", "UPDATE_COMPLETE")], None)),
        ("DescribeStacks", described(&[("a-1", "UPDATE_COMPLETE")])),
        ("ListStackResources", records(&[("MainDomain", "a.example.org")])),
        ("GetTemplate", format!("<TemplateBody>{template}</TemplateBody>")),
        ("UpdateStack", "<StackId>arn</StackId>".to_owned()),
        (HOSTED_ZONES, hosted_zones()),
        (RECORD_SETS, record(0)),
        (RECORD_SETS, record(0)),
        (RECORD_SETS, record(200)),
    ]);
    let outcome = senza(&session, "traffic a 1 100 -t 600 -i 1").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert_eq!(outcome.stderr.matches(WAITING).count(), 1, "{}", outcome.stderr);
    assert!(
        outcome.stderr.ends_with("Setting weights for a.example.org... OK\n"),
        "{}",
        outcome.stderr
    );
    assert_eq!(script.bodies("UpdateStack").len(), 1);
}

#[tokio::test]
async fn operators_are_told_what_will_be() {
    let account = account().await;
    let session = account.session();
    let topic = session.sns().create_topic().name("ops").send().await.unwrap();
    let topic = topic.topic_arn.unwrap();
    // All versions notify the same topic: it hears of it once.
    for (version, weight) in [("v1", 200), ("v2", 0), ("v3", 0)] {
        let stack = session.cloudformation().create_stack();
        let stack = stack.stack_name(format!("hello-{version}")).notification_arns(&topic);
        stack.template_body(template(version, weight)).send().await.unwrap();
    }
    let proxy = Proxy::start(&account, |_| Verdict::Pass);
    let outcome = senza(&proxy.session(), "traffic hello v2 25").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let published = proxy.bodies("Publish");
    assert_eq!(published.len(), 1, "{published:?}");
    let pair = |name: &str| {
        let prefix = format!("{name}=");
        let found = published[0].split('&').find_map(|pair| pair.strip_prefix(&prefix));
        found.unwrap().replace('+', " ")
    };
    assert_eq!(pair("Subject"), "SenzaTrafficRedirect");
    let message = reqwest::Url::parse(&format!("http://x/?m={}", pair("Message"))).unwrap();
    let message = message.query_pairs().next().unwrap().1.into_owned();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&message).unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["version"].as_str().unwrap(),
                row["old_weight%"].as_f64(),
                row["new_weight%"].as_f64(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("v1", Some(100.0), Some(75.0)),
            ("v2", Some(0.0), Some(25.0)),
            ("v3", Some(0.0), Some(0.0))
        ],
        "{message}"
    );
}
