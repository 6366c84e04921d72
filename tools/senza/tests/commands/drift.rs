//! `senza drift`, with answers as CloudFormation gives them.

use serde_json::{Value as Json, json};

use crate::account::{Outcome, senza};
use crate::scripted::{Script, recorded, stacks};

fn resource(id: &str, kind: &str, status: &str, differences: &[(&str, &str, &str)]) -> String {
    let differences: Vec<String> = differences
        .iter()
        .map(|(path, expected, actual)| {
            format!(
                "<member><PropertyPath>{path}</PropertyPath><ExpectedValue>{expected}</ExpectedValue>\
                 <ActualValue>{actual}</ActualValue><DifferenceType>NOT_EQUAL</DifferenceType></member>"
            )
        })
        .collect();
    let differences = differences.concat();
    format!(
        "<member><StackId>a</StackId><LogicalResourceId>{id}</LogicalResourceId><ResourceType>{kind}</ResourceType>\
         <PropertyDifferences>{differences}</PropertyDifferences><StackResourceDriftStatus>{status}\
         </StackResourceDriftStatus><Timestamp>2026-01-01T00:00:00Z</Timestamp></member>"
    )
}

fn page(resources: &str, next: &str) -> (&'static str, String) {
    (
        "DescribeStackResourceDrifts",
        format!("<StackResourceDrifts>{resources}</StackResourceDrifts><NextToken>{next}</NextToken>"),
    )
}

/// A state of the comparison.
fn detection(status: &str) -> (&'static str, String) {
    (
        "DescribeStackDriftDetectionStatus",
        format!(
            "<StackId>a</StackId><StackDriftDetectionId>d-1</StackDriftDetectionId><DetectionStatus>{status}</DetectionStatus>\
             <DetectionStatusReason>no rights</DetectionStatusReason><Timestamp>2026-01-01T00:00:00Z</Timestamp>"
        ),
    )
}

async fn drift(words: &str, answers: &[(&str, String)]) -> (Outcome, Script) {
    let mut all = vec![
        ("ListStacks", stacks(&[("a-1", "CREATE_COMPLETE")], None)),
        (
            "DetectStackDrift",
            "<StackDriftDetectionId>d-1</StackDriftDetectionId>".to_owned(),
        ),
    ];
    all.extend(answers.iter().cloned());
    let (session, script) = recorded(&all);
    (senza(&session, words).await, script)
}

fn group(differences: &[(&str, &str, &str)]) -> String {
    resource("Server", "AWS::AutoScaling::AutoScalingGroup", "MODIFIED", differences)
}

#[tokio::test]
async fn each_property_that_differs_is_shown() {
    let answers = [
        detection("DETECTION_IN_PROGRESS"),
        detection("DETECTION_COMPLETE"),
        page(
            &group(&[("/DesiredCapacity", "1", "3"), ("/HealthCheckType", "EC2", "ELB")]),
            "more",
        ),
        page(&resource("Bucket", "AWS::S3::Bucket", "DELETED", &[]), ""),
    ];
    let (outcome, script) = drift("drift a 1 -o json", &answers).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let rows: Json = serde_json::from_str(&outcome.stdout).unwrap();
    let row = |id: &str, kind: &str, drift: &str, by_senza: bool, property: Option<[&str; 3]>| {
        json!({"stack_name": "a", "version": "1", "LogicalResourceId": id, "resource_type": kind, "drift": drift,
            "by_senza": by_senza, "property": property.map(|of| of[0]), "in_template": property.map(|of| of[1]),
            "in_account": property.map(|of| of[2])})
    };
    let kind = "AutoScaling::AutoScalingGroup";
    let expected = [
        row("Bucket", "S3::Bucket", "DELETED", false, None),
        row("Server", kind, "NOT_EQUAL", true, Some(["DesiredCapacity", "1", "3"])),
        row(
            "Server",
            kind,
            "NOT_EQUAL",
            false,
            Some(["HealthCheckType", "EC2", "ELB"]),
        ),
    ];
    assert_eq!(rows, json!(expected));
    assert_eq!(script.bodies("DescribeStackDriftDetectionStatus").len(), 2);
}

#[tokio::test]
async fn the_exit_code_says_whether_somebody_else_changed_something() {
    let complete = || detection("DETECTION_COMPLETE");
    let by_senza = group(&[("/LaunchTemplate/Version", "1", "2")]);
    let by_others = group(&[("/Cooldown", "1", "2")]);
    for (found, words, exit_code) in [
        ("", "--exit-code", 0),
        (by_senza.as_str(), "--exit-code", 0),
        (by_others.as_str(), "--exit-code", 3),
        (by_others.as_str(), "-o json", 0),
    ] {
        let (outcome, _) = drift(&format!("drift a 1 {words}"), &[complete(), page(found, "")]).await;
        assert_eq!(outcome.exit_code, exit_code, "{found} {}", outcome.stderr);
    }
    let (outcome, _) = drift("drift", &[]).await;
    assert_eq!(outcome.exit_code, 2);
}

#[tokio::test]
async fn a_comparison_that_fails_tells_what_it_found() {
    let answers = [
        detection("DETECTION_FAILED"),
        page(&group(&[("/Cooldown", "1", "2")]), ""),
    ];
    let (outcome, _) = drift("drift a 1 -o tsv", &answers).await;
    assert_eq!(outcome.exit_code, 0);
    assert!(
        outcome
            .stderr
            .contains("Stack a-1 could not be compared as a whole: no rights"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stdout.contains("Cooldown\t1\t2\t"), "{}", outcome.stdout);
}
