//! Where reports go and what is in them.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};

use futures::FutureExt;
use serde_json::Value as Json;
use stups_aws::{Credentials, ErrorKind, Session};
use stups_terminal::Terminal;

use super::*;
use crate::clean_up::CleanUp;
use crate::cli::{guarded, reported};
use crate::context::Context;

fn error(message: &str) -> Error {
    Error::from(stups_aws::Error {
        kind: ErrorKind::Other,
        service: "ec2".to_owned(),
        operation: "DescribeImages".to_owned(),
        code: Some("InternalError".to_owned()),
        message: message.to_owned(),
    })
}

fn report(message: &str) -> Report {
    Report::new(
        "images",
        &["--tag".to_owned(), "Password=hunter2".to_owned()],
        &error(message),
    )
}

/// A Sentry that gives this answer to one request; its head and body.
fn sentry(status: &'static str) -> (String, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dsn = format!("http://public-key@{}/42", listener.local_addr().unwrap());
    let (sender, seen) = channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            head += &line;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        )
        .unwrap();
        sender.send((head, String::from_utf8(body).unwrap())).unwrap();
    });
    (dsn, seen)
}

fn settings(dsn: &str) -> Settings {
    let directory = tempfile::tempdir().unwrap();
    Settings::of(directory.path(), &format!("sentry: {{endpoint: '{dsn}'}}"))
}

/// The content of the file that a message names, which is then gone.
fn stored(message: &str) -> String {
    let path = PathBuf::from(message.rsplit(' ').next().unwrap());
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.starts_with("senza-traceback-"), "{message}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let content = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    content
}

#[tokio::test]
async fn a_file_has_what_happened_and_where() {
    let report = report("Something about hunter2 broke");
    let message = report.deliver(&settings("")).await;
    assert!(
        message.starts_with("Please create an issue with the content of "),
        "{message}"
    );
    let content = stored(&message);
    let expected = format!(
        "senza/{}, senza images\n{} {}\n\nUnknown Error: ec2 DescribeImages: InternalError: Something about **** broke\n\nBacktrace:\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    assert!(content.starts_with(&expected), "{content}");
    // Of the place where the error was met.
    assert!(content.contains("unknown_error::tests::error"), "{content}");
}

#[tokio::test]
async fn sentry_takes_it_instead() {
    let (dsn, seen) = sentry("200 OK");
    let message = report("Something about hunter2 broke").deliver(&settings(&dsn)).await;
    let (head, body) = seen.recv().unwrap();
    assert!(head.starts_with("POST /api/42/envelope/ HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("sentry_key=public-key"), "{head}");
    let event: Json = serde_json::from_str(body.lines().nth(2).unwrap()).unwrap();
    let id = event["event_id"].as_str().unwrap();
    assert_eq!(message, format!("This error was sent to Sentry as event {id}."));
    assert_eq!(event["level"], Json::Null, "error is what Sentry assumes");
    assert_eq!(event["release"], RELEASE);
    assert_eq!(event["transaction"], "senza images");
    assert_eq!(event["tags"]["command"], "images");
    assert_eq!(
        event["exception"]["values"][0]["type"],
        "ec2 DescribeImages InternalError"
    );
    assert_eq!(
        event["exception"]["values"][0]["value"],
        "Unknown Error: ec2 DescribeImages: InternalError: Something about **** broke"
    );
    assert!(!body.contains("hunter2"), "{body}");
}

#[tokio::test]
async fn what_sentry_does_not_take_is_in_a_file() {
    let (dsn, _seen) = sentry("429 Too Many Requests");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (dsn, reason) in [
        (dsn, "it answered 429 Too Many Requests"),
        (format!("http://key@{closed}/1"), "refused"),
        ("https://example.org".to_owned(), "sentry.endpoint is not a DSN"),
    ] {
        let message = report("x").deliver(&settings(&dsn)).await;
        assert!(
            message.starts_with("Sentry did not take this error: ") && message.contains(reason),
            "{message}"
        );
        assert!(stored(&message).contains("DescribeImages"));
    }
}

#[test]
fn secrets_are_known_by_their_place() {
    let words = [
        "create",
        "a.yaml",
        "v1",
        "Password=hunter2",
        "N=1",
        "--tag=owner=me-and-you",
    ]
    .map(str::to_owned);
    let environment = |name: &str| (name == "AWS_SECRET_ACCESS_KEY").then(|| "very-secret-key".to_owned());
    assert_eq!(
        secrets(&words, environment),
        ["owner=me-and-you", "very-secret-key", "hunter2"]
    );
}

fn mistaken() -> Result<(), Error> {
    panic!("what was worked on: hunter2")
}

/// Not a test: a command with a mistake in it, in a process of its own, for what notes a panic is the whole process's.
#[tokio::test]
#[ignore = "run by another test as a process of its own"]
async fn a_mistake() {
    let terminal = Terminal::from_process();
    let nobody = Credentials::new("nobody", "nobody", None, None, "test");
    let context = Context {
        session: Session::with_credentials(nobody, "us-east-1", None),
        settings: Settings::load(&terminal),
        terminal,
        clean_up: CleanUp::default(),
        command: "images".to_owned(),
    };
    let words = ["senza", "images", "Password=hunter2"].map(OsString::from);
    let error = guarded(async { mistaken() }.boxed()).await.unwrap_err();
    let failure = reported(&context, &words, error, None).await;
    let exit_code = i32::from(failure.exit_code);
    context.terminal.report(&failure);
    // What libtest would print is not part of it.
    std::process::exit(exit_code);
}

/// What [`a_mistake`] leaves behind on stderr, with this configuration file; temporary files are in `home`.
fn run_a_mistake(home: &std::path::Path, config: &str) -> String {
    std::fs::create_dir_all(home.join("senza")).unwrap();
    std::fs::write(home.join("senza/config.yaml"), config).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "unknown_error::tests::a_mistake",
        "--ignored",
        "--nocapture",
        "--quiet",
    ]);
    command
        .env("XDG_CONFIG_HOME", home)
        .env("TMPDIR", home)
        .env("NO_PROXY", "127.0.0.1");
    let Output { status, stderr, .. } = command.output().unwrap();
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stderr).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_panic_is_one_line_and_a_file() {
    let home = tempfile::tempdir().unwrap();
    let stderr = run_a_mistake(home.path(), "");
    let (line, hint) = stderr.split_once('\n').unwrap();
    let place = line.strip_prefix("Error: Unknown Error: internal error at ").unwrap();
    assert!(place.contains("unknown_error/tests.rs:"), "{stderr}");
    let path = hint
        .strip_prefix("Please create an issue with the content of ")
        .unwrap();
    assert!(
        std::path::Path::new(path.trim_end()).starts_with(home.path()),
        "{stderr}"
    );
    let content = stored(path.trim_end());
    for part in [
        ", senza images\n",
        line.trim_start_matches("Error: "),
        "unknown_error::tests::a_mistake",
    ] {
        assert!(content.contains(part), "{part} in\n{content}");
    }
    // Neither what the panic says nor what the command line sets by name.
    assert!(
        !stderr.contains("hunter2") && !content.contains("hunter2"),
        "{stderr}\n{content}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_panic_is_sent_to_sentry() {
    let (dsn, seen) = sentry("200 OK");
    let home = tempfile::tempdir().unwrap();
    let stderr = run_a_mistake(home.path(), &format!("sentry: {{endpoint: '{dsn}'}}\n"));
    let (_, body) = seen.recv().unwrap();
    let event: Json = serde_json::from_str(body.lines().nth(2).unwrap()).unwrap();
    let id = event["event_id"].as_str().unwrap();
    assert!(
        stderr.ends_with(&format!("\nThis error was sent to Sentry as event {id}.\n")),
        "{stderr}"
    );
    assert_eq!(event["exception"]["values"][0]["type"], "internal error");
    assert!(
        event["extra"]["backtrace"]
            .as_str()
            .unwrap()
            .contains("unknown_error::tests::a_mistake"),
        "{body}"
    );
    assert!(!body.contains("hunter2"), "{body}");
}
