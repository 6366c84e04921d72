//! Our command line against a server that answers as the original does: null for an empty list, `{}` for what is not there, no
//! tags, no PATCH, and every filter ignored.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use stups_kio_cli::Context;
use stups_terminal::Terminal;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// Method and path, status and body.
type Answers = HashMap<(&'static str, &'static str), (u16, Value)>;

/// What was asked: method and path, and the body.
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

struct Original {
    url: Url,
    asked: Asked,
}

impl Original {
    async fn answering(answers: &[(&'static str, &'static str, u16, Value)]) -> Self {
        let answers: Answers = answers
            .iter()
            .map(|(method, path, status, body)| ((*method, *path), (*status, body.clone())))
            .collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let asked = Asked::default();
        let (answers, log) = (Arc::new(answers), asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, answers.clone(), log.clone()));
            }
        });
        Self { url, asked }
    }

    async fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let (terminal, captured) = Terminal::captured("");
        let context = Context::new(terminal.clone(), self.url.clone(), "token".into()).unwrap();
        let arguments = ["kio"].iter().chain(arguments).map(Into::into).collect();
        let result = stups_kio_cli::run_in(&context, arguments).await;
        let code = result.as_ref().err().map_or(0, |failure| i32::from(failure.exit_code));
        let _ = terminal.finish(result);
        (code, captured.stdout(), captured.stderr())
    }

    /// What was written.
    fn written(&self) -> Vec<(String, Value)> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|(request, _)| !request.starts_with("GET"))
            .cloned()
            .collect()
    }
}

async fn answer(stream: TcpStream, answers: Arc<Answers>, asked: Asked) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok()?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(text) = header.strip_prefix("content-length:") {
            length = text.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let path = target.split('?').next()?;
    asked.lock().unwrap().push((
        format!("{method} {target}"),
        serde_json::from_slice(&body).unwrap_or_default(),
    ));
    let not_found = json!({"message": format!("{method} {path} not found."), "details": null});
    let known = answers.iter().find(|((known, at), _)| *known == method && *at == path);
    let (status, body) = known.map_or((404, not_found), |(_, answer)| answer.clone());
    // A PUT is answered without a body.
    let body = if method == "GET" || status != 200 {
        body.to_string()
    } else {
        String::new()
    };
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body.as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

/// As the original lists it.
#[expect(clippy::needless_pass_by_value, reason = "objects are written where they are used")]
fn listed(id: &str, extra: Value) -> Value {
    let mut application = json!({
        "id": id, "team_id": "stups", "active": true, "name": "Kio", "incident_contact": null, "subtitle": null,
        "description": null, "service_url": null, "scm_url": null, "documentation_url": null, "specification_url": null,
        "support_url": null, "specification_type": null, "criticality_level": null, "publicly_accessible": false,
        "created": "2015-11-25T10:00:00.120Z", "created_by": "kio-migration",
        "last_modified": "2015-11-25T10:00:00.120Z", "last_modified_by": "jdoe",
    });
    application
        .as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    application
}

fn detail() -> Value {
    listed(
        "kio",
        json!({"required_approvers": 2, "criticality_level": 2, "subtitle": "STUPS application registry"}),
    )
}

fn applications() -> Value {
    json!([
        listed("order-engine", json!({"team_id": "orders", "criticality_level": 1})),
        listed(
            "kio",
            json!({"criticality_level": 2, "incident_contact": "sre",
            "subtitle": "STUPS application registry and more", "description": "Z\u{fc}rich"})
        ),
        listed(
            "retired",
            json!({"active": false, "last_modified": "2016-01-01T00:00:00.000Z"})
        ),
    ])
}

#[tokio::test]
async fn an_empty_list_may_be_null() {
    let original = Original::answering(&[
        ("GET", "/apps", 200, Value::Null),
        ("GET", "/apps/kio/versions", 200, Value::Null),
    ])
    .await;
    assert_eq!(
        original.run(&["app", "list", "-o", "json"]).await,
        (0, "[]\n".to_owned(), String::new())
    );
    assert_eq!(
        original.run(&["ver", "list", "kio", "-o", "json"]).await,
        (0, "[]\n".to_owned(), String::new())
    );
}

#[tokio::test]
async fn lists_in_every_format() {
    let original = Original::answering(&[("GET", "/apps", 200, applications())]).await;
    let mut printed = String::new();
    for format in ["text", "json", "tsv", "yaml", "jsonl"] {
        let (code, stdout, stderr) = original
            .run(&["applications", "list", "--all", "--absolute-times", "-o", format])
            .await;
        assert_eq!((code, stderr.as_str()), (0, ""));
        printed.extend([format!("{format}:\n{stdout}")]);
    }
    insta::assert_snapshot!(printed);
}

#[tokio::test]
async fn filters_hold_where_the_server_ignores_them() {
    let original = Original::answering(&[("GET", "/apps", 200, applications())]).await;
    for (arguments, ids) in [
        (&[][..], &["kio", "order-engine"][..]),
        (&["-a"], &["kio", "order-engine", "retired"]),
        (&["-t", "orders"], &["order-engine"]),
        (&["--incident-contact", "sre"], &["kio"]),
        (&["-a", "--since", "2015-12-31"], &["retired"]),
        (&["--since", "1d"], &[]),
    ] {
        let arguments: Vec<&str> = ["app", "list", "-o", "json"].iter().chain(arguments).copied().collect();
        let (code, stdout, _) = original.run(&arguments).await;
        let rows: Vec<Value> = serde_json::from_str(&stdout).unwrap();
        let found: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
        assert_eq!((code, found.as_slice()), (0, ids), "{arguments:?}");
    }
    // They are asked for all the same.
    let asked = original.asked.lock().unwrap();
    assert_eq!(asked[0].0, "GET /apps?active=true");
    assert_eq!(asked[2].0, "GET /apps?team_id=orders&active=true");
    assert_eq!(asked[4].0, "GET /apps?modified_after=2015-12-31T00%3A00%3A00.000Z");
}

#[tokio::test]
async fn shows_in_every_format() {
    let original = Original::answering(&[
        ("GET", "/apps/kio", 200, detail()),
        (
            "GET",
            "/apps/kio/versions",
            200,
            json!([{"id": "1.0", "application_id": "kio", "artifact": "docker://stups/kio:1.0", "last_modified": "2015-11-25T10:00:00.120Z"}]),
        ),
        (
            "GET",
            "/apps/kio/versions/1.0",
            200,
            json!({"id": "1.0", "application_id": "kio", "artifact": "docker://stups/kio:1.0", "notes": "",
                "created": "2015-11-25T10:00:00.120Z", "created_by": "jdoe",
                "last_modified": "2015-11-25T10:00:00.120Z", "last_modified_by": "jdoe"}),
        ),
        (
            "GET",
            "/apps/kio/versions/1.0/approvals",
            200,
            json!([
                {"application_id": "kio", "version_id": "1.0", "approval_type": "TEST", "user_id": "jdoe",
                    "approved_at": "2015-11-25T11:00:00.000Z", "notes": ""},
                {"application_id": "kio", "version_id": "1.0", "approval_type": "DEPLOY", "user_id": "asmith",
                    "approved_at": "2015-11-25T12:00:00.000Z", "notes": null},
            ]),
        ),
    ])
    .await;
    let mut printed = String::new();
    for format in ["text", "json", "tsv"] {
        for command in [
            &["app", "show", "kio"][..],
            &["ver", "list", "kio", "--since", "2015-01-01", "--absolute-times"],
            &["ver", "show", "kio", "1.0"],
        ] {
            let arguments: Vec<&str> = command.iter().copied().chain(["-o", format]).collect();
            let (code, stdout, stderr) = original.run(&arguments).await;
            assert_eq!((code, stderr.as_str()), (0, ""));
            printed.extend([format!("{}:\n{stdout}", arguments.join(" "))]);
        }
    }
    insta::assert_snapshot!(printed);
}

#[tokio::test]
async fn an_application_is_registered_with_real_values() {
    let original = Original::answering(&[
        ("GET", "/apps/new-app", 404, json!({})),
        ("PUT", "/apps/new-app", 200, Value::Null),
    ])
    .await;
    let (code, stdout, stderr) = original
        .run(&[
            "app",
            "create",
            "new-app",
            "name=New",
            "team_id=stups",
            "active=false",
            "criticality_level=1",
        ])
        .await;
    assert_eq!(
        (code, stdout.as_str(), stderr.as_str()),
        (0, "", "Creating application new-app.. OK\n")
    );
    assert_eq!(
        original.written(),
        [(
            "PUT /apps/new-app".to_owned(),
            json!({"active": false, "name": "New", "team_id": "stups", "criticality_level": 1})
        )]
    );
}

#[tokio::test]
async fn only_404_means_that_there_is_no_application() {
    for (status, code) in [(200, 2), (401, 1), (403, 1), (500, 1), (503, 1)] {
        let original =
            Original::answering(&[("GET", "/apps/kio", status, json!({"message": "no", "details": null}))]).await;
        let (ended, _, stderr) = original
            .run(&["app", "create", "kio", "name=Kio", "team_id=stups"])
            .await;
        assert_eq!(ended, code, "{status}: {stderr}");
        assert!(original.written().is_empty());
        let expected = if status == 200 {
            "already exists"
        } else {
            &format!("answered {status}")
        };
        assert!(stderr.contains(expected), "{stderr}");
    }
}

#[tokio::test]
async fn a_change_puts_the_whole_detail_back() {
    let original = Original::answering(&[
        ("GET", "/apps/kio", 200, detail()),
        ("PUT", "/apps/kio", 200, Value::Null),
    ])
    .await;
    let (code, _, stderr) = original
        .run(&["app", "up", "kio", "active=False", "criticality_level=1"])
        .await;
    assert_eq!((code, stderr.as_str()), (0, "Updating application kio.. OK\n"));
    let mut expected = detail();
    for key in ["id", "created", "created_by", "last_modified", "last_modified_by"] {
        expected.as_object_mut().unwrap().remove(key);
    }
    expected["active"] = false.into();
    expected["criticality_level"] = 1.into();
    assert_eq!(original.written(), [("PUT /apps/kio".to_owned(), expected)]);

    // The original cannot clear, and says so in its way.
    let (code, _, stderr) = original.run(&["app", "up", "kio", "--clear", "subtitle"]).await;
    assert_eq!(code, 1);
    assert!(
        stderr.ends_with("Error: This registry cannot clear fields.\n"),
        "{stderr}"
    );
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let original = Original::answering(&[
        ("GET", "/apps/none", 404, json!({})),
        ("GET", "/apps/kio/versions/1", 404, json!({})),
    ])
    .await;
    for (arguments, text) in [
        (
            &["app", "show", "none"][..],
            "Error: Application \"none\" does not exist\n",
        ),
        (
            &["app", "up", "none", "a=b"],
            "Error: Application \"none\" does not exist\n",
        ),
        (
            &["ver", "show", "kio", "1"],
            "Error: Version \"1\" of application \"kio\" does not exist\n",
        ),
    ] {
        assert_eq!(original.run(arguments).await, (1, String::new(), text.to_owned()));
    }
}

#[tokio::test]
async fn versions_and_approvals_are_written_as_the_original_client_writes_them() {
    let original = Original::answering(&[
        ("PUT", "/apps/kio/versions/1.0", 200, Value::Null),
        ("POST", "/apps/kio/versions/1.0/approvals", 200, Value::Null),
    ])
    .await;
    assert_eq!(original.run(&["ver", "create", "kio", "1.0", "docker://x"]).await.0, 0);
    let (code, _, stderr) = original.run(&["versions", "approve", "kio", "1.0", "-m", "fine"]).await;
    assert_eq!(code, 0);
    assert_eq!(stderr.lines().count(), 4, "{stderr}");
    let mut expected = vec![(
        "PUT /apps/kio/versions/1.0".to_owned(),
        json!({"artifact": "docker://x", "notes": ""}),
    )];
    for kind in ["SPECIFICATION", "CODE_CHANGE", "TEST", "DEPLOY"] {
        let body = json!({"approval_type": kind, "notes": "fine"});
        expected.push(("POST /apps/kio/versions/1.0/approvals".to_owned(), body));
    }
    assert_eq!(original.written(), expected);
}

#[tokio::test]
async fn wrong_usage_is_told_before_anything_is_asked() {
    let original = Original::answering(&[]).await;
    for (arguments, text) in [
        (&["app", "list", "--since", "yesterday"][..], "'yesterday' is no time"),
        (&["app", "list", "-o", "xml"], "xml"),
        (
            &["app", "create", "kio", "name=Kio"],
            "You must provide the \"team_id\" field.",
        ),
        (&["app", "nothing"], "No such command"),
        (&["applications"], "Usage"),
        (&["x"], "No such command"),
    ] {
        let (code, stdout, stderr) = original.run(arguments).await;
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(
            stderr.contains("Usage: kio") && stderr.contains(text),
            "{arguments:?}: {stderr}"
        );
    }
    assert!(original.asked.lock().unwrap().is_empty());
    let version = format!("Kio CLI {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(original.run(&["-V"]).await, (0, version, String::new()));
}
