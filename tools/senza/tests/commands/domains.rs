//! `senza domains`

use crate::account::senza;
use crate::scripted::{HOSTED_ZONES, RECORD_SETS, hosted_zones, record_sets, recorded, records, stacks};

#[tokio::test]
async fn records_are_read_again_for_each_picture_and_zones_are_not() {
    let with_weight = |weight| record_sets("a.example.org", &[("a-1".to_owned(), weight)], None);
    let (session, script) = recorded(&[
        ("ListStacks", stacks(&[("a-1", "CREATE_COMPLETE")], None)),
        ("ListStackResources", records(&[("MainDomain", "a.example.org")])),
        (HOSTED_ZONES, hosted_zones()),
        (RECORD_SETS, with_weight(10)),
        (RECORD_SETS, with_weight(20)),
        (RECORD_SETS, with_weight(30)),
    ]);
    let (terminal, captured) = stups_terminal::Terminal::captured("");
    let words = ["senza", "domains", "a", "-w", "1", "-o", "tsv", "-f", "weight"];
    let words = words.map(Into::into).to_vec();
    // Whoever is asked a third time has seen two pictures.
    tokio::select! {
        ended = Box::pin(senza::run_in(&terminal, &session, words)) => panic!("ended by itself: {ended:?}"),
        () = script.until_asked(RECORD_SETS, 3) => {}
    }
    assert_eq!(captured.stdout(), "weight\n10\nweight\n20\n", "{}", captured.stderr());
    assert_eq!(script.asked(HOSTED_ZONES).len(), 1);
    for wrong in ["0", "301", "soon"] {
        let outcome = senza(&session, &format!("domains -w {wrong}")).await;
        assert_eq!(outcome.exit_code, 2, "{wrong}: {}", outcome.stdout);
    }
}

#[tokio::test]
async fn a_stack_that_was_rolled_back_has_no_domains() {
    // Whoever asks for its resources gets no answer.
    let (session, script) = recorded(&[("ListStacks", stacks(&[("a-1", "ROLLBACK_COMPLETE")], None))]);
    let outcome = senza(&session, "domains a -o json").await;
    assert_eq!(
        (outcome.exit_code, outcome.stdout.as_str()),
        (0, "[]\n"),
        "{}",
        outcome.stderr
    );
    assert!(script.asked("ListStackResources").is_empty());
}
