//! `senza scale`

use stups_terminal::Terminal;

use crate::account::{account, senza, senza_on};
use crate::groups::{group, sizes, with_configuration};

#[tokio::test]
async fn a_group_gets_the_desired_number_of_instances() {
    for (before, words, after) in [
        ((1, 1, 1), "2", (1, 2, 2)),
        ((1, 2, 4), "3", (1, 3, 4)),
        ((3, 3, 5), "2", (2, 2, 5)),
        ((1, 1, 5), "3 --min-size 2", (2, 3, 5)),
        ((1, 2, 5), "2 --min-size 2", (2, 2, 5)),
        ((1, 2, 5), "1 --min-size 0", (0, 1, 5)),
        // Clamped.
        ((1, 1, 1), "3 --min-size 1 --force --region us-east-1", (1, 3, 3)),
    ] {
        let account = account().await;
        let name = with_configuration(&account, "app-1", before).await;
        let outcome = senza(&account.session(), &format!("scale app 1 {words}")).await;
        let capacity = words.split(' ').next().unwrap();
        assert_eq!(
            (outcome.exit_code, outcome.stderr),
            (
                0,
                format!("Scaling {name} from {} to {capacity} instances.. OK\n", before.1)
            ),
            "{words}"
        );
        assert_eq!(outcome.stdout, "");
        let group = group(&account, &name).await;
        assert_eq!(sizes(&group), after, "{words}");
        assert_eq!(group.instances().len(), usize::try_from(after.1).unwrap());
    }
}

#[tokio::test]
async fn what_changes_nothing_is_said() {
    let account = account().await;
    let name = with_configuration(&account, "app-1", (1, 2, 3)).await;
    let before = account.requests().len();
    let outcome = senza(&account.session(), "scale app 1 2 -o json").await;
    assert_eq!(
        outcome.stderr,
        format!("Scaling {name} from 2 to 2 instances.. NO CHANGES\n")
    );
    assert_eq!(
        outcome.stdout,
        format!(
            "[{{\"group\": \"{name}\", \"new_capacity\": 2, \"old_capacity\": 2, \"result\": \"no changes\", \
             \"stack_name\": \"app\", \"version\": \"1\"}}]\n"
        )
    );
    assert!(!account.requests()[before..].contains(&"autoscaling:UpdateAutoScalingGroup".to_owned()));
    let outcome = senza(&account.session(), "scale nobody 7").await;
    assert_eq!((outcome.exit_code, outcome.stderr.as_str()), (0, ""));
}

#[tokio::test]
async fn a_minimum_above_the_desired_number_is_refused() {
    let account = account().await;
    let name = with_configuration(&account, "app-1", (1, 1, 5)).await;
    let outcome = senza(&account.session(), "scale app 1 2 --min-size 4").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome
            .stderr
            .ends_with("Desired capacity must be bigger than specified min_size value\n"),
        "{}",
        outcome.stderr
    );
    assert_eq!(sizes(&group(&account, &name).await), (1, 1, 5));
}

#[tokio::test]
async fn a_minimum_of_nothing_is_pointed_out() {
    let account = account().await;
    with_configuration(&account, "app-1", (0, 1, 5)).await;
    let outcome = senza(&account.session(), "scale app 1 2").await;
    assert_eq!(outcome.exit_code, 0);
    assert!(
        outcome.stderr.contains("MinSize was set to 0 previously."),
        "{}",
        outcome.stderr
    );
}

#[tokio::test]
async fn several_stacks_are_scaled_after_a_question_or_by_force() {
    const QUESTION: &str = "Number of stacks to be scaled - 2. Do you want to continue? [y/N]: ";
    let account = account().await;
    let one = with_configuration(&account, "app-1", (1, 1, 5)).await;
    let two = with_configuration(&account, "app-2", (1, 1, 5)).await;
    let session = account.session();
    let capacities = async || {
        (
            sizes(&group(&account, &one).await).1,
            sizes(&group(&account, &two).await).1,
        )
    };
    for answer in ["n\n", "\n", ""] {
        let outcome = senza_on(Terminal::captured(answer), &session, &["scale", "app", "2"]).await;
        assert_eq!(outcome.exit_code, 1);
        assert!(outcome.stdout.starts_with(QUESTION), "{}", outcome.stdout);
        assert!(outcome.stderr.ends_with("Aborted!\n"), "{}", outcome.stderr);
        assert_eq!(capacities().await, (1, 1));
    }
    let outcome = senza_on(Terminal::captured("y\n"), &session, &["scale", "app", ".*", "2"]).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert_eq!(capacities().await, (2, 2));
    let outcome = senza(&session, "scale app .* 250 --force").await;
    assert_eq!(
        (outcome.exit_code, outcome.stdout.as_str()),
        (0, ""),
        "{}",
        outcome.stderr
    );
    assert_eq!(capacities().await, (100, 100), "clamped");
}

#[tokio::test]
async fn wrong_usage_is_told() {
    let session = account().await.session();
    for words in ["scale", "scale app many", "scale app 1 1.5", "scale app 2 --min-size x"] {
        let outcome = senza(&session, words).await;
        assert_eq!((outcome.exit_code, outcome.stdout.as_str()), (2, ""), "{words}");
    }
}
