//! `senza logs`

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};
use stups_aws::cloudwatchlogs::types::InputLogEvent;
use stups_terminal::Terminal;
use stups_testkit::{Account, until};

use crate::account::{account, create_stack, senza, senza_on, topic_template};
use crate::instances::run_instances;
use crate::scripted;

/// A time so many seconds ago, in milliseconds.
fn ago(seconds: u64) -> i64 {
    let time = SystemTime::now() - Duration::from_secs(seconds);
    i64::try_from(time.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Writes lines, with their times, to a stream; group and stream are made if need be.
async fn write(account: &Account, group: &str, stream: &str, lines: &[(i64, &str)]) {
    let logs = account.session().logs();
    // Whether they are there already makes no difference.
    let _ = logs.create_log_group().log_group_name(group).send().await;
    let request = logs.create_log_stream().log_group_name(group);
    let _ = request.log_stream_name(stream).send().await;
    let events = lines.iter().map(|(time, message)| {
        let event = InputLogEvent::builder().timestamp(*time).message(*message);
        event.build().unwrap()
    });
    let request = logs.put_log_events().log_group_name(group).log_stream_name(stream);
    request.set_log_events(Some(events.collect())).send().await.unwrap();
}

/// Two versions with a log group each; instances of both write to another group that they share.
async fn account_with_logs() -> (Account, Vec<String>) {
    let account = account().await;
    let mut instances = Vec::new();
    for version in ["v1", "v2"] {
        let template = json!({"Resources": {"Logs": {"Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": format!("app-{version}-own")}}}});
        create_stack(&account, &format!("app-{version}"), &template.to_string()).await;
        instances.extend(run_instances(&account, "app", version, 1).await);
    }
    write(
        &account,
        "app-v1-own",
        "main",
        &[(ago(300), "one"), (ago(100), "three ERROR: x")],
    )
    .await;
    write(&account, "app-v2-own", "main", &[(ago(150), "of the other version")]).await;
    write(
        &account,
        "system",
        &instances[0],
        &[(ago(7200), "long ago"), (ago(200), "two")],
    )
    .await;
    write(
        &account,
        "system",
        &instances[1],
        &[(ago(250), "of the other instance")],
    )
    .await;
    (account, instances)
}

/// The last words of the lines: what is behind time, stack and stream.
fn messages(stdout: &str) -> Vec<&str> {
    stdout.lines().map(|line| line.splitn(4, ' ').nth(3).unwrap()).collect()
}

#[tokio::test]
async fn what_a_stack_wrote_is_shown_in_the_order_of_time() {
    let (account, instances) = account_with_logs().await;
    let session = account.session();
    for (words, expected) in [
        ("logs app v1", vec!["one", "two", "three ERROR: x"]),
        ("logs app v1 --since 150s", vec!["three ERROR: x"]),
        (
            "logs app v1 --since 3h",
            vec!["long ago", "one", "two", "three ERROR: x"],
        ),
        ("logs app v1 --filter two", vec!["two"]),
        ("logs app v1 --group system", vec!["two"]),
        ("logs --group system", vec!["of the other instance", "two"]),
        (
            "logs app",
            vec![
                "one",
                "of the other instance",
                "two",
                "of the other version",
                "three ERROR: x",
            ],
        ),
        ("logs app v1 --filter nothing", vec![]),
    ] {
        let outcome = senza(&session, words).await;
        assert_eq!(outcome.exit_code, 0, "{words}: {}", outcome.stderr);
        assert_eq!(messages(&outcome.stdout), expected, "{words}");
    }
    let outcome = senza(&session, "logs app v1 --filter two").await;
    let line = outcome.stdout.trim_end();
    assert!(line.ends_with(&format!("Z app-v1 {} two", instances[0])), "{line}");
    let on_terminal = senza_on(Terminal::captured_tty(""), &session, &["logs", "app", "v1"]).await;
    assert!(
        on_terminal.stdout.contains("\u{1b}[31m\u{1b}[1m"),
        "{}",
        on_terminal.stdout
    );
}

#[tokio::test]
async fn programs_get_rows() {
    let (account, instances) = account_with_logs().await;
    let session = account.session();
    let rows = |stdout: &str| serde_json::from_str::<Vec<Json>>(stdout).unwrap();
    let outcome = senza(&session, "logs app v1 --filter two -o json").await;
    let found = rows(&outcome.stdout);
    let time = found[0]["event_time"].clone();
    assert!(time.as_f64().unwrap() < ago(100) as f64 / 1000.0, "{time}");
    let expected = json!([{"stack_name": "app", "version": "v1", "log_group": "system", "log_stream": instances[0],
        "event_time": time, "message": "two"}]);
    assert_eq!(Json::from(found), expected);
    let outcome = senza(&session, "logs app v1 -o jsonl").await;
    assert_eq!(outcome.stdout.lines().count(), 3);
    let outcome = senza(&session, "logs app v1 -o tsv").await;
    let heading = "stack_name\tversion\tlog_group\tlog_stream\tevent_time\tmessage";
    assert_eq!(outcome.stdout.lines().next(), Some(heading));
    let outcome = senza(&session, "logs --group app-v2-own -o json").await;
    assert_eq!(rows(&outcome.stdout)[0]["stack_name"], Json::Null);
    assert_eq!(
        senza(&session, "logs app v1 --filter nothing -o json").await.stdout,
        "[]\n"
    );
}

#[tokio::test]
async fn what_is_written_later_is_shown_once() {
    let (account, _) = account_with_logs().await;
    let (terminal, captured) = Terminal::captured("");
    let session = account.session();
    let words = ["senza", "logs", "app", "v1", "-f", "-i", "1"].map(Into::into).to_vec();
    let shows = |text: &'static str| {
        let captured = &captured;
        async move { until(text, || async { captured.stdout().contains(text) }).await }
    };
    let others = async {
        shows("three").await;
        write(&account, "app-v1-own", "main", &[(ago(0), "four")]).await;
        shows("four").await;
        // It arrives later than what happened after it.
        write(&account, "app-v1-own", "late", &[(ago(5), "between")]).await;
        shows("between").await;
    };
    tokio::select! {
        ended = Box::pin(senza::run_in(&terminal, &session, words)) => panic!("ended by itself: {ended:?}"),
        () = others => {}
    }
    let stdout = captured.stdout();
    assert_eq!(messages(&stdout), ["one", "two", "three ERROR: x", "four", "between"]);
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let account = account().await;
    create_stack(&account, "quiet-1", &topic_template("No logs")).await;
    let session = account.session();
    for (words, exit_code, expected) in [
        ("logs", 2, "STACK_REF"),
        ("logs app", 1, "Error: Stack app not found!\n"),
        ("logs quiet", 1, "Error: The stacks have no log group: "),
        ("logs quiet --group nowhere", 1, "Error: Log group nowhere not found!\n"),
        ("logs quiet --since never", 2, "never"),
    ] {
        let outcome = senza(&session, words).await;
        assert_eq!((outcome.exit_code, outcome.stdout.as_str()), (exit_code, ""), "{words}");
        assert!(outcome.stderr.contains(expected), "{words}: {}", outcome.stderr);
    }
}

#[tokio::test]
async fn all_pages_are_read() {
    let page = |message: &str, token: Option<&str>| {
        let event = json!({"eventId": message, "logStreamName": "s", "message": message, "timestamp": 1});
        json!({"events": [event], "nextToken": token}).to_string()
    };
    let empty = json!({"events": [], "nextToken": "b"}).to_string();
    // The last page names itself as the next one.
    let answers = [
        page("one", Some("a")),
        empty,
        page("two", Some("c")),
        page("three", Some("c")),
    ];
    let (session, script) = scripted::recorded(&answers.map(|answer| ("/", answer)));
    let outcome = senza(&session, "logs --group g --filter ERROR --since 1970-01-01").await;
    assert_eq!(messages(&outcome.stdout), ["one", "two", "three"], "{}", outcome.stderr);
    let bodies: Vec<Json> = script
        .bodies("/")
        .iter()
        .map(|body| serde_json::from_str(body).unwrap())
        .collect();
    let tokens: Vec<&Json> = bodies.iter().map(|body| &body["nextToken"]).collect();
    assert_eq!(tokens, [&Json::Null, &json!("a"), &json!("b"), &json!("c")]);
    assert_eq!(bodies[0]["filterPattern"], "ERROR");
    assert_eq!(bodies[0]["startTime"], 0);
}
