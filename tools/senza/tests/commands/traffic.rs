//! `senza traffic` where moto is not like AWS: stacks that CloudFormation is at work on, names with many records.

use crate::account::senza;
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
