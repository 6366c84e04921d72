//! The original command lines, unmodified, and ours, against the service (contract kio 6).

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use stups_kio_cli::Context;
use stups_terminal::Terminal;
use stups_testkit::{PythonEnvironment, Requirements, inline_flags_shim};

use crate::support::{JDOE, Kio};

/// How a command ended.
#[derive(Debug)]
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs an original as `jdoe`.
async fn original(kio: &Kio, requirements: Requirements, arguments: &[&str]) -> Ended {
    let url = kio.url.to_string();
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let run = move || {
        let environment = PythonEnvironment::get(requirements).unwrap();
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(environment.executable("kio"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", home.path())
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .env("KIO_URL", url.trim_end_matches('/'))
            .env("OAUTH2_ACCESS_TOKENS", format!("kio={JDOE}"));
        if matches!(requirements, Requirements::KioOld) {
            command.env("PYTHONPATH", Path::new(inline_flags_shim()));
        }
        let output = command.output().unwrap();
        Ended {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// Runs ours as `jdoe`.
async fn ours(kio: &Kio, arguments: &[&str]) -> Ended {
    let (terminal, captured) = Terminal::captured("");
    let context = Context::new(terminal.clone(), kio.url.clone(), JDOE.into()).unwrap();
    let arguments = ["kio"].iter().chain(arguments).map(Into::into).collect();
    let result = stups_kio_cli::run_in(&context, arguments).await;
    let code = result.as_ref().err().map_or(0, |failure| i32::from(failure.exit_code));
    let _ = terminal.finish(result);
    Ended {
        code,
        stdout: captured.stdout(),
        stderr: captured.stderr(),
    }
}

/// The text without ages, which depend on when it was printed, and what pads them.
fn ageless(text: &str) -> String {
    let ageless = |line: &str| match line.rsplit_once(" ago") {
        Some((before, _)) => {
            let before = before.trim_end_matches(['s', 'm', 'h', 'd']);
            let before = before.trim_end_matches(|character: char| character.is_ascii_digit());
            // Ages stand at the right of their column, which is as wide as the longest of them.
            format!("{}<age>", before.trim_end_matches(' '))
        }
        None => line.to_owned(),
    };
    text.lines().map(ageless).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_original_registers_changes_and_lists() {
    let new = Requirements::Kio;
    for kio in Kio::on_both_databases().await {
        // D2: an empty registry is listed.
        let empty = original(&kio, new, &["app", "list", "-o", "json"]).await;
        assert_eq!((empty.code, empty.stdout.as_str()), (0, "[]\n"), "{empty:?}");

        let created = original(&kio, new, &["app", "create", "my-app", "name=My", "team_id=stups"]).await;
        assert_eq!(
            (created.code, created.stderr.as_str()),
            (0, "Creating application my-app.. OK\n"),
            "{created:?}"
        );
        let again = original(&kio, new, &["app", "create", "my-app", "name=My", "team_id=stups"]).await;
        assert_eq!(again.code, 2);

        // Texts for booleans and numbers, and the whole detail with its nulls put back.
        let updated = original(
            &kio,
            new,
            &["app", "up", "my-app", "active=false", "criticality_level=1"],
        )
        .await;
        assert_eq!(
            (updated.code, updated.stderr.as_str()),
            (0, "Updating application my-app.. OK\n"),
            "{updated:?}"
        );
        let detail = kio.json("/apps/my-app").await;
        assert_eq!(
            (&detail["active"], &detail["criticality_level"]),
            (&json!(false), &json!(1))
        );
        assert_eq!(detail["required_approvers"], 1);

        let hidden = original(&kio, new, &["app", "list", "-o", "json"]).await;
        assert_eq!(hidden.stdout, "[]\n");
        // D1: times are read, and no error is in the output.
        let all = original(&kio, new, &["app", "list", "-a", "-o", "json"]).await;
        let rows: Vec<Value> = serde_json::from_str(&all.stdout).unwrap();
        assert_eq!(
            (&rows[0]["id"], &rows[0]["criticality_level"]),
            (&json!("my-app"), &json!(1))
        );
        assert!(rows[0]["last_modified_time"].is_f64(), "{}", all.stdout);

        for format in ["text", "json", "tsv"] {
            let shown = original(&kio, new, &["app", "show", "my-app", "-o", format]).await;
            assert!(
                shown.code == 0 && shown.stdout.contains("required_approvers"),
                "{shown:?}"
            );
        }
        assert_eq!(original(&kio, new, &["app", "show", "nothing"]).await.code, 1);
        assert_eq!(
            original(&kio, new, &["app", "create", "x-app", "name=X", "team_id=nobody"])
                .await
                .code,
            1
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_original_registers_and_approves_versions() {
    let old = Requirements::KioOld;
    for kio in Kio::on_both_databases().await {
        kio.register("kio").await;
        let created = original(&kio, old, &["ver", "create", "kio", "1.0", "docker://stups/kio:1.0"]).await;
        assert_eq!(
            (created.code, created.stderr.as_str()),
            (0, "Creating version kio 1.0.. OK\n"),
            "{created:?}"
        );
        let approved = original(&kio, old, &["ver", "approve", "kio", "1.0", "-m", "fine"]).await;
        assert_eq!(approved.code, 0, "{approved:?}");
        let lines: Vec<String> = ["SPECIFICATION", "CODE_CHANGE", "TEST", "DEPLOY"]
            .map(|kind| format!("Approving {kind} of version kio 1.0.. OK"))
            .to_vec();
        assert_eq!(approved.stderr.lines().collect::<Vec<_>>(), lines);
        assert_eq!(original(&kio, old, &["ver", "approve", "kio", "1.0"]).await.code, 1);

        let expected = "SPECIFICATION: jdoe, CODE_CHANGE: jdoe, TEST: jdoe, DEPLOY: jdoe";
        let listed = original(&kio, old, &["ver", "list", "kio", "-o", "json"]).await;
        let rows: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
        assert_eq!(
            (&rows[0]["id"], &rows[0]["approvals"]),
            (&json!("1.0"), &json!(expected)),
            "{listed:?}"
        );
        let shown = original(&kio, old, &["ver", "show", "kio", "1.0"]).await;
        assert!(shown.stdout.contains("docker://stups/kio:1.0"), "{shown:?}");
        assert_eq!(shown.stdout.matches(" by jdoe on ").count(), 4, "{shown:?}");

        // What it shows is what ours shows.
        for arguments in [["ver", "list", "kio"], ["app", "list", "-a"]] {
            let (theirs, ours) = (original(&kio, old, &arguments).await, ours(&kio, &arguments).await);
            assert_eq!((theirs.code, ours.code), (0, 0), "{theirs:?} {ours:?}");
            if arguments[0] == "ver" {
                assert_eq!(ageless(&ours.stdout), ageless(&theirs.stdout));
            }
        }
        let (theirs, ours) = (
            original(&kio, old, &["ver", "show", "kio", "1.0"]).await,
            ours(&kio, &["ver", "show", "kio", "1.0"]).await,
        );
        assert_eq!(ours.stdout, theirs.stdout);

        assert_eq!(
            original(&kio, old, &["app", "update", "kio", "subtitle=registry"])
                .await
                .code,
            0
        );
        assert_eq!(kio.json("/apps/kio").await["subtitle"], "registry");
        assert_eq!(original(&kio, old, &["app", "show", "kio"]).await.code, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ours_prints_what_the_original_prints() {
    // Which database it is, no command line can see.
    let kio = Kio::on_sqlite().await;
    for (id, extra) in [
        (
            "kio",
            json!({"subtitle": "STUPS application registry and much more", "incident_contact": "sre", "criticality_level": 2}),
        ),
        (
            "order-engine",
            json!({"name": "Bestellungen f\u{fc}r alle", "active": false}),
        ),
    ] {
        let mut body = json!({"team_id": "stups", "active": true, "name": "Kio"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        assert_eq!(kio.put(&format!("/apps/{id}"), body).await.status, 200);
    }
    for arguments in [
        &["app", "list"][..],
        &["app", "l", "-a"],
        &["applications", "list", "-t", "stups"],
        &["app", "list", "--team", "other"],
        &["app", "list", "--incident-contact", "sre"],
        &["app", "list", "-s", "1h"],
        &["app", "list", "--since", "2015-01-01 00:00:00"],
        &["app", "list", "-s", "-2h"],
        &["app", "show", "kio"],
        &["app", "sh", "order-engine"],
    ] {
        for format in ["text", "json", "tsv"] {
            let arguments: Vec<&str> = arguments.iter().copied().chain(["-o", format]).collect();
            let theirs = original(&kio, Requirements::Kio, &arguments).await;
            let ours = ours(&kio, &arguments).await;
            assert_eq!((theirs.code, ours.code), (0, 0), "{arguments:?}: {theirs:?} {ours:?}");
            assert_eq!(ageless(&ours.stdout), ageless(&theirs.stdout), "{arguments:?}");
        }
    }
    // Wrong usage ends alike.
    for arguments in [
        &["app", "create", "kio", "name=Kio", "team_id=stups"][..],
        &["app", "create", "new", "name=New"],
        &["app", "up", "kio", "nme=x"],
        &["app", "up", "kio", "name="],
        &["app", "x"],
        &["app", "show"],
        &["app", "list", "-o", "xml"],
    ] {
        let theirs = original(&kio, Requirements::Kio, arguments).await;
        let ours = ours(&kio, arguments).await;
        assert_eq!((theirs.code, ours.code), (2, 2), "{arguments:?}: {theirs:?} {ours:?}");
        assert!(ours.stderr.contains("Error: "), "{ours:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ours_registers_changes_clears_and_approves() {
    for kio in Kio::on_both_databases().await {
        let created = ours(
            &kio,
            &[
                "app",
                "create",
                "kio",
                "name=Kio",
                "team_id=stups",
                "criticality_level=1",
            ],
        )
        .await;
        assert_eq!(
            (created.code, created.stderr.as_str()),
            (0, "Creating application kio.. OK\n"),
            "{created:?}"
        );

        // D12: yes is true, and what is the same is not written.
        let before = kio.json("/apps/kio").await;
        let same = ours(&kio, &["app", "update", "kio", "active=yes", "name=Kio"]).await;
        assert_eq!(
            (same.code, same.stderr.as_str()),
            (0, "Updating application kio.. unchanged\n"),
            "{same:?}"
        );
        assert_eq!(kio.json("/apps/kio").await, before);

        let updated = ours(&kio, &["app", "update", "kio", "active=no", "subtitle=registry"]).await;
        assert_eq!(
            (updated.code, updated.stderr.as_str()),
            (0, "Updating application kio.. OK\n"),
            "{updated:?}"
        );
        let cleared = ours(
            &kio,
            &[
                "app",
                "up",
                "kio",
                "active=true",
                "--clear",
                "criticality_level",
                "--clear",
                "subtitle",
            ],
        )
        .await;
        assert_eq!(cleared.code, 0, "{cleared:?}");
        let detail = kio.json("/apps/kio").await;
        assert_eq!(
            (&detail["active"], &detail["criticality_level"], &detail["subtitle"]),
            (&json!(true), &Value::Null, &Value::Null)
        );

        let version = ours(
            &kio,
            &["ver", "create", "kio", "1.0", "docker://stups/kio:1.0", "-m", "first"],
        )
        .await;
        assert_eq!(version.stderr, "Creating version kio 1.0.. OK\n", "{version:?}");
        let approved = ours(&kio, &["ver", "approve", "kio", "1.0", "-t", "TEST,DEPLOY"]).await;
        assert_eq!(approved.code, 0, "{approved:?}");
        // A second time does what is left to do.
        let again = ours(&kio, &["ver", "approve", "kio", "1.0", "-t", "TEST,CODE_CHANGE"]).await;
        assert_eq!(
            (again.code, again.stderr.as_str()),
            (
                0,
                "Approving TEST of version kio 1.0.. already approved\nApproving CODE_CHANGE of version kio 1.0.. OK\n"
            )
        );

        // What the registry says comes through in one line.
        for (arguments, text) in [
            (
                &["app", "up", "kio", "team_id=nobody"][..],
                "400 Bad Request: Team nobody does not exist.",
            ),
            (&["app", "show", "nothing"], "Application \"nothing\" does not exist"),
            (
                &["ver", "show", "kio", "2.0"],
                "Version \"2.0\" of application \"kio\" does not exist",
            ),
            (
                &["ver", "approve", "kio", "2.0", "-t", "TEST"],
                "404 Not Found: There is no such version.",
            ),
            (
                &["app", "create", "Bad_Id", "name=x", "team_id=stups"],
                "400 Bad Request: Value \"Bad_Id\" in path->application_id",
            ),
        ] {
            let failed = ours(&kio, arguments).await;
            assert_eq!(failed.code, 1, "{arguments:?}: {failed:?}");
            let last = failed.stderr.lines().last().unwrap();
            assert!(
                last.starts_with("Error: ") && last.contains(text),
                "{arguments:?}: {failed:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ours_knows_the_commands_of_the_first_releases() {
    let kio = Kio::on_sqlite().await;
    for id in ["order-engine", "kio", "pierone"] {
        kio.register(id).await;
    }
    // Without a command, options list; without options, there is help, as in the last releases.
    for arguments in [["app", "-o", "tsv"], ["app", "-o", "json"]] {
        let bare = ours(&kio, &arguments).await;
        let listed = ours(&kio, &["app", "list", arguments[1], arguments[2]]).await;
        assert_eq!((bare.code, &bare.stdout), (0, &listed.stdout), "{bare:?}");
        assert!(bare.stdout.contains("pierone"));
    }
    let help = ours(&kio, &["applications"]).await;
    assert!(format!("{}{}", help.stdout, help.stderr).contains("print"), "{help:?}");
    for arguments in [
        &["app", "-l", "2", "-o", "json"][..],
        &["app", "l", "--limit", "2", "-o", "json"],
    ] {
        let limited: Vec<Value> = serde_json::from_str(&ours(&kio, arguments).await.stdout).unwrap();
        let ids: Vec<&Value> = limited.iter().map(|row| &row["id"]).collect();
        assert_eq!(ids, ["kio", "order-engine"], "{arguments:?}");
    }
    assert_eq!(ours(&kio, &["app", "-l", "two"]).await.code, 2);

    let printed = ours(&kio, &["app", "print", "kio"]).await;
    assert_eq!(printed.stdout.lines().count(), 1, "{printed:?}");
    let printed: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(printed, kio.json("/apps/kio").await);
    assert_eq!(ours(&kio, &["app", "print", "ghost"]).await.code, 1);

    ours(&kio, &["ver", "create", "kio", "1.0", "docker://stups/kio:1.0"]).await;
    let approved = ours(&kio, &["ver", "approve", "kio", "1.0", "--approval-type", "DEPLOY"]).await;
    assert_eq!(
        approved.stderr, "Approving DEPLOY of version kio 1.0.. OK\n",
        "{approved:?}"
    );
    assert_eq!(
        ours(
            &kio,
            &["ver", "approve", "kio", "1.0", "--approval-types", "TEST,CODE_CHANGE"]
        )
        .await
        .code,
        0
    );
    let types = kio.json("/apps/kio/approvals").await;
    assert_eq!(types.as_array().unwrap().len(), 3, "{types}");
}
