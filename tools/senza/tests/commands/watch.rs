//! `-W`, `-w`, `--until-settled`: the same table again and again.

use futures::future::join_all;

use crate::account::senza;
use crate::scripted::{events, recorded, stacks};

const NO_RESOURCES: &str = "<StackResourceSummaries></StackResourceSummaries>";

/// The inside of a DescribeInstances answer: one instance.
fn instance(state: &str) -> String {
    format!(
        "<reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><instanceState><code>0</code>\
         <name>{state}</name></instanceState></item></instancesSet></item></reservationSet>"
    )
}

#[tokio::test]
async fn every_table_about_stacks_is_shown_until_they_are_settled() {
    let commands = ["list", "health", "events", "resources", "status", "domains"];
    let runs = commands.map(|command| async move {
        let (session, script) = recorded(&[
            ("ListStacks", stacks(&[("a-1", "UPDATE_IN_PROGRESS")], None)),
            ("ListStacks", stacks(&[("a-1", "UPDATE_COMPLETE")], None)),
            ("ListStackResources", NO_RESOURCES.to_owned()),
            ("DescribeStackResources", "<StackResources></StackResources>".to_owned()),
            ("DescribeStackEvents", events(&[("App", "UPDATE_COMPLETE", "")], None)),
            ("DescribeTags", String::new()),
            ("DescribeInstanceStatus", String::new()),
        ]);
        let words = format!("{command} a --until-settled -w 1 -o tsv -f stack_name");
        let outcome = senza(&session, &words).await;
        assert_eq!(outcome.exit_code, 0, "{words}: {}", outcome.stderr);
        let asked = script.asked("ListStacks").len();
        let shown = outcome.stdout.matches("stack_name\n").count();
        assert_eq!((asked, shown), (2, 2), "{words}: {}", outcome.stdout);
        // What is settled already is shown once, and -W is implied.
        let outcome = senza(&session, &format!("{command} a --until-settled")).await;
        assert_eq!(outcome.exit_code, 0, "{command}: {}", outcome.stderr);
        assert_eq!(script.asked("ListStacks").len(), 3, "{command}");
    });
    join_all(runs).await;
}

#[tokio::test]
async fn instances_are_settled_when_none_is_on_its_way() {
    let (session, script) = recorded(&[
        ("DescribeInstances", instance("pending")),
        ("DescribeInstances", instance("running")),
    ]);
    let outcome = senza(&session, "instances --until-settled -w 1 -o tsv -f state").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "state\nPENDING\nstate\nRUNNING\n");
    assert_eq!(script.asked("DescribeInstances").len(), 2);
}

#[tokio::test]
async fn a_stack_under_review_waits_for_a_person() {
    let (session, script) = recorded(&[("ListStacks", stacks(&[("a-1", "REVIEW_IN_PROGRESS")], None))]);
    let outcome = senza(&session, "list a --until-settled -o tsv -f status").await;
    assert_eq!(outcome.stdout, "status\nREVIEW_IN_PROGRESS\n", "{}", outcome.stderr);
    assert_eq!(script.asked("ListStacks").len(), 1);
}
