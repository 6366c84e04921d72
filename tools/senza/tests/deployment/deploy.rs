//! `senza deploy`

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value as Json, json};

use super::alarms::Alarms;
use super::faults::Between;
use super::{Definition, until_weights};
use crate::application::{Application, template};

/// A web server that answers 200 or 503.
struct Health {
    url: String,
    is_well: Arc<AtomicBool>,
    /// whether nobody is answered for now
    gate: Arc<(Mutex<bool>, Condvar)>,
    asked: Arc<AtomicUsize>,
}

impl Health {
    fn start(is_well: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let health = Self {
            url: format!("http://{}/health", listener.local_addr().unwrap()),
            is_well: Arc::new(AtomicBool::new(is_well)),
            gate: Arc::default(),
            asked: Arc::default(),
        };
        let (is_well, asked) = (Arc::clone(&health.is_well), Arc::clone(&health.asked));
        let gate = Arc::clone(&health.gate);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 1024]);
                asked.fetch_add(1, Ordering::SeqCst);
                drop(gate.1.wait_while(gate.0.lock().unwrap(), |closed| *closed));
                let status = if is_well.load(Ordering::SeqCst) {
                    "200 OK"
                } else {
                    "503 Service Unavailable"
                };
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
            }
        });
        health
    }
}

/// What comes of a command, while something else is done.
async fn alongside<T>(command: impl Future<Output = T>, other: impl Future<Output = ()>) -> T {
    let other = async {
        other.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        outcome = command => outcome,
        () = other => unreachable!("it waits for ever"),
    }
}

#[tokio::test]
async fn the_first_version_gets_everything() {
    let (application, definition) = (Application::new().await, Definition::of_records());
    let outcome = application
        .senza(&["deploy", &definition.path(), "v1", "first", "--pause", "0"])
        .await
        .succeeded();
    assert_eq!(application.hello_weights().await, [200]);
    for line in [
        "Creating Cloud Formation stack hello-v1.. OK\n",
        "CREATE_COMPLETE CloudFormation::Stack hello-v1",
        "Step 1 of 1: 100 % for hello-v1\n",
        "Now: hello-v1 100.0%\n",
        "OK: hello-v1 is deployed.\n",
    ] {
        assert!(outcome.stderr.contains(line), "{line}\n{}", outcome.stderr);
    }
    assert_eq!(outcome.stdout, "");
}

#[tokio::test]
async fn traffic_is_moved_in_steps() {
    let (application, definition) = (Application::with_weights(&[200]).await, Definition::of_records());
    let path = definition.path();
    let words = [
        "deploy",
        &path,
        "v2",
        "--steps",
        "10,50,100",
        "--pause",
        "0",
        "-o",
        "json",
    ];
    let outcome = application.senza(&words).await.succeeded();
    assert_eq!(application.hello_weights().await, [0, 200]);
    for now in [
        "hello-v1 90.0%, hello-v2 10.0%",
        "hello-v1 50.0%, hello-v2 50.0%",
        "hello-v2 100.0%",
    ] {
        assert!(outcome.stderr.contains(&format!("Now: {now}\n")), "{}", outcome.stderr);
    }
    let result: Json = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(result[0]["result"], json!("deployed"));
    // Once more: nothing is left to do.
    let outcome = application.senza(&words).await.succeeded();
    assert!(outcome.stderr.contains("hello-v2.. EXISTS\n"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("Setting weights"), "{}", outcome.stderr);
    // What there was before all of it.
    application.senza(&["rollback", "hello", "--yes"]).await.succeeded();
    assert_eq!(application.hello_weights().await, [200, 0]);
}

#[tokio::test]
async fn who_has_traffic_is_protected_on_request() {
    let (application, definition) = (Application::with_weights(&[200]).await, Definition::of_records());
    let path = definition.path();
    let health = Health::start(false);
    let words = ["deploy", &path, "v2", "--pause", "0", "--protect-traffic"];
    let failing = [
        &words[..],
        &["--steps", "50", "--pause", "1h", "-i", "1"],
        &["--health-failures", "1", "--health-url", &health.url],
    ];
    let outcome = application.senza(&failing.concat()).await;
    assert!(outcome.failure().1.ends_with("traffic is shared as before."));
    assert_eq!(
        application.account.protected_stacks().await,
        ["hello-v1"],
        "the new one got it and lost it"
    );
    application.senza(&words).await.succeeded();
    assert_eq!(application.account.protected_stacks().await, ["hello-v2"]);
    let cleaned = [
        "deploy",
        &path,
        "v3",
        "--pause",
        "0",
        "--protect-traffic",
        "--cleanup",
        "1",
    ];
    application.senza(&cleaned).await.succeeded();
    assert_eq!(application.account.protected_stacks().await, ["hello-v3"]);
    assert_eq!(
        application.hello_weights().await,
        [200],
        "nothing was in the way of cleaning up"
    );
}

#[tokio::test]
async fn a_version_never_changes() {
    let (application, definition) = (Application::with_weights(&[200]).await, Definition::of_records());
    let path = definition.path();
    application
        .senza(&["deploy", &path, "v2", "one", "--no-traffic"])
        .await
        .succeeded();
    assert_eq!(application.hello_weights().await, [200, 0]);
    let other = application.senza(&["deploy", &path, "v2", "two"]).await;
    let (code, message) = other.failure();
    assert_eq!(code, 1);
    assert!(
        message.starts_with("Stack hello-v2 exists, and its template is another one"),
        "{message}"
    );
    assert_eq!(application.hello_weights().await, [200, 0]);
    let words = ["deploy", &path, "v2", "two", "--use-existing", "--pause", "0"];
    application.senza(&words).await.succeeded();
    assert_eq!(application.hello_weights().await, [0, 200]);
}

#[tokio::test]
async fn an_alarm_during_the_pause_takes_it_back() {
    let (application, definition) = (Application::with_weights(&[150, 50]).await, Definition::of_records());
    let alarms = Alarms::default();
    alarms.set("errors", "OK");
    let mut between = Between::with_alarms(&application, alarms.clone());
    let path = definition.path();
    let words = [
        "deploy", &path, "v3", "--steps", "10,100", "--pause", "1h", "-i", "1", "--alarm", "errors",
    ];
    let raise = async {
        until_weights(&application, &[140, 40, 20]).await;
        alarms.set("errors", "ALARM");
    };
    let outcome = alongside(between.run(&application, &words), raise).await.unwrap();
    assert_eq!(
        outcome.failure(),
        (
            1,
            "Deployment of hello-v3 failed: Alarm errors is in state ALARM: 5 errors; traffic is shared as before."
        )
    );
    assert_eq!(application.hello_weights().await, [150, 50, 0]);

    // As long as it rings nothing is begun.
    let again = between.run(&application, &words).await.unwrap();
    assert!(
        again.failure().1.ends_with("Nothing was changed."),
        "{:?}",
        again.failure()
    );
    let unknown = ["deploy", &path, "v4", "--alarm", "nobody"];
    let unknown = between.run(&application, &unknown).await.unwrap();
    assert!(unknown.failure().1.contains("There is no CloudWatch alarm \"nobody\""));
    assert_eq!(application.hello_weights().await.len(), 3, "no stack was made");
}

#[tokio::test]
async fn a_health_url_that_fails_takes_it_back() {
    let (application, definition) = (Application::with_weights(&[200]).await, Definition::of_records());
    let health = Health::start(false);
    let path = definition.path();
    let failing = [
        "deploy",
        &path,
        "v2",
        "--steps",
        "25,100",
        "--pause",
        "1h",
        "-i",
        "1",
        "--health-url",
        &health.url,
    ];
    let outcome = application
        .senza(&[&failing[..], &["--health-failures", "2"]].concat())
        .await;
    let (_, message) = outcome.failure();
    assert!(
        message.contains("failed 2 times in a row: it answered 503 Service Unavailable; traffic is shared as before"),
        "{message}"
    );
    assert_eq!(health.asked.load(Ordering::SeqCst), 2);
    assert_eq!(application.hello_weights().await, [200, 0]);

    // One failure is none, and the same command begins anew.
    health.is_well.store(true, Ordering::SeqCst);
    let words = [
        "deploy",
        &path,
        "v2",
        "--steps",
        "25,100",
        "--pause",
        "0",
        "--health-url",
        &health.url,
    ];
    application.senza(&words).await.succeeded();
    assert_eq!(application.hello_weights().await, [0, 200]);
    assert_eq!(
        health.asked.load(Ordering::SeqCst),
        4,
        "after each step, the last one too"
    );
}

#[tokio::test]
async fn the_first_version_has_nobody_to_give_traffic_back_to() {
    let (application, definition) = (Application::new().await, Definition::of_records());
    let health = Health::start(false);
    let path = definition.path();
    let words = [
        "deploy",
        &path,
        "v1",
        "--pause",
        "0",
        "--health-url",
        &health.url,
        "--health-failures",
        "1",
    ];
    let outcome = application.senza(&words).await;
    assert!(
        outcome.failure().1.contains("failed once: ") && outcome.failure().1.contains("no version had traffic before"),
        "{:?}",
        outcome.failure()
    );
    assert_eq!(application.hello_weights().await, [200]);
}

#[tokio::test]
async fn somebody_elses_change_stops_it() {
    let (application, definition) = (Application::with_weights(&[200]).await, Definition::of_records());
    let health = Health::start(true);
    let path = definition.path();
    let words = [
        "deploy",
        &path,
        "v2",
        "--steps",
        "10,100",
        "--pause",
        "0",
        "--health-timeout",
        "1h",
        "--health-url",
        &health.url,
    ];
    let (asked, gate) = (Arc::clone(&health.asked), Arc::clone(&health.gate));
    *gate.0.lock().unwrap() = true;
    let intervene = async {
        // It looks whether all is well, and has to wait for the answer.
        while asked.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        application.senza(&["traffic", "hello", "v2", "1"]).await.succeeded();
        *gate.0.lock().unwrap() = false;
        gate.1.notify_all();
    };
    let outcome = alongside(application.senza(&words), intervene).await;
    let (code, message) = outcome.failure();
    assert_eq!(code, 1);
    assert!(
        message
            .contains("Somebody else changed weights meanwhile (hello-v1 90.0%, hello-v2 10.0% before, hello-v1 99.0%"),
        "{message}"
    );
    assert_eq!(application.hello_weights().await, [198, 2]);
}

#[tokio::test]
async fn old_versions_are_cleaned_up_in_the_end() {
    let (application, definition) = (Application::with_weights(&[0, 0, 200]).await, Definition::of_records());
    let words = ["deploy", &definition.path(), "v4", "--pause", "0", "--cleanup", "2"];
    let outcome = application.senza(&words).await.succeeded();
    for stack in ["hello-v1", "hello-v2"] {
        assert!(
            outcome
                .stderr
                .contains(&format!("Deleting Cloud Formation stack {stack}.. OK"))
        );
    }
    assert_eq!(application.hello_weights().await, [0, 200]);
}

#[tokio::test]
async fn a_worker_has_no_traffic() {
    let application = Application::new().await;
    let definition =
        Definition::write("SenzaInfo: {StackName: hello}\nResources: {Topic: {Type: 'AWS::SNS::Topic'}}\n");
    let outcome = application
        .senza(&["deploy", &definition.path(), "v1"])
        .await
        .succeeded();
    assert!(
        outcome.stderr.contains("shares no name with other versions"),
        "{}",
        outcome.stderr
    );
}

#[tokio::test]
async fn wrong_words_are_usage_errors() {
    let application = Application::new().await;
    let definition = Definition::of_records();
    for words in [
        &["--steps", "50,10"][..],
        &["--pause", "soon"],
        &["--health-url", "ftp://x"],
        &["--on-interrupt", "maybe"],
        &["--protect", "--on-failed-create", "delete"],
    ] {
        let path = definition.path();
        let outcome = application.senza(&[&["deploy", &path, "v1"], words].concat()).await;
        assert_eq!(outcome.failure().0, 2, "{words:?}");
    }
    assert!(
        application
            .account
            .requests()
            .iter()
            .all(|request| !request.contains("CreateStack"))
    );
    // A stack in the way of the others is left alone.
    application.create("hello-v1", &template("hello-v1", 0)).await;
}
