//! Kio killed while applications are changed, and while versions are written and approved: what is stored is what the trail
//! tells, and the trail tells everything that was answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::header::ETAG;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stups_testkit::PostgreSql;
use stups_tests::{KioData, KioProcess, client, until, verify_audit};

/// Somebody who works on an application of their own until the process is gone.
struct Hand {
    client: reqwest::Client,
    url: String,
    application: String,
    count: Arc<AtomicUsize>,
    /// What each write that was answered had in it, and in nothing else.
    answered: Vec<String>,
}

impl Hand {
    /// Writes; none when no answer came.
    async fn write(&mut self, method: Method, path: &str, mark: &str, body: Value) -> Option<()> {
        let at = format!("{}/apps/{}{path}", self.url, self.application);
        let request = self.client.request(method, &at).bearer_auth("token").json(&body);
        let answer = request.send().await.ok()?;
        let status = answer.status();
        assert_eq!(status, StatusCode::OK, "{at}: {:?}", answer.text().await);
        self.answered.push(mark.to_owned());
        self.count.fetch_add(1, Ordering::SeqCst);
        Some(())
    }

    /// Changes the application, clears what it has set before, writes a version, approves it twice, and writes it anew: the
    /// approvals go with what they were for.
    async fn turn(&mut self, name: &str) -> Option<()> {
        let mark = |what: &str| format!("{name}-{what}");
        let put = |mark: &str| json!({"team_id": "stups", "active": true, "name": mark});
        for what in ["put", "again"] {
            let mark = mark(what);
            self.write(Method::PUT, "", &mark, put(&mark)).await?;
        }
        for (what, kept, cleared) in [
            ("patch", "subtitle", "description"),
            ("repatch", "description", "subtitle"),
        ] {
            let mark = mark(what);
            self.write(Method::PATCH, "", &mark, json!({kept: mark, cleared: null}))
                .await?;
        }
        let version = format!("/versions/{name}");
        let approvals = format!("{version}/approvals");
        for (what, approved) in [("first", &["CODE_CHANGE", "TEST"][..]), ("second", &["DEPLOY"])] {
            let mark = mark(what);
            let body = json!({"artifact": mark, "notes": null});
            self.write(Method::PUT, &version, &mark, body).await?;
            for kind in approved {
                let body = json!({"approval_type": kind, "notes": format!("{mark}-{kind}")});
                self.write(Method::POST, &approvals, &format!("{mark}-{kind}"), body)
                    .await?;
            }
        }
        Some(())
    }
}

/// What was answered until the process was gone.
async fn work_until_killed(data: &KioData, round: usize, enough: usize) -> Vec<String> {
    const HANDS: usize = 4;
    let kio = data.start().await;
    let count = Arc::new(AtomicUsize::new(0));
    let hands: Vec<_> = (0..HANDS)
        .map(|number| {
            let mut hand = Hand {
                client: client(),
                url: kio.url().to_owned(),
                // The next round goes on with the same applications.
                application: format!("app-{number}"),
                count: Arc::clone(&count),
                answered: Vec::new(),
            };
            tokio::spawn(async move {
                let mut turn = 0;
                while hand.turn(&format!("{round}-{number}-{turn}")).await.is_some() {
                    turn += 1;
                }
                hand.answered
            })
        })
        .collect();
    until("enough writes", async || count.load(Ordering::SeqCst) >= enough).await;
    kio.kill().await;
    let mut answered = Vec::new();
    for hand in hands {
        answered.extend(hand.await.unwrap());
    }
    answered
}

/// What a record's write had in it and no other.
fn mark(event: &Value) -> &str {
    let details = &event["details"];
    let text = |value: &Value| value.as_str().map(str::len);
    let mark = match event["action"].as_str().unwrap() {
        "version.approved" => &details["content"]["notes"],
        action if action.starts_with("version.") => &details["content"]["artifact"],
        // The attribute that has just got a value.
        _ => {
            let application = &details["application"];
            let names = ["name", "subtitle", "description"];
            let changed = names
                .iter()
                .find(|name| details["before"].get(**name).is_some() && text(&application[**name]).is_some());
            &application[changed.unwrap_or(&"name")]
        }
    };
    mark.as_str().unwrap()
}

/// What an application and its versions are when exactly what the trail tells was written.
#[derive(Default)]
struct Told {
    application: Value,
    /// How often it was written.
    writes: usize,
    /// Each version's artifact, and the types of its approvals.
    versions: BTreeMap<String, (String, BTreeSet<String>)>,
}

impl Told {
    fn take(&mut self, event: &Value) {
        let details = &event["details"];
        let content = |name: &str| details["content"][name].as_str().unwrap().to_owned();
        let version = details["version"].as_str().unwrap_or_default();
        match event["action"].as_str().unwrap() {
            action @ ("application.created" | "application.modified") => {
                assert_eq!(action == "application.created", self.writes == 0);
                // What was there before is what the record before tells: no record stands alone.
                for (name, value) in details["before"].as_object().into_iter().flatten() {
                    assert_eq!(&self.application[name], value, "{name}: {event}");
                }
                self.application = details["application"].clone();
                self.writes += 1;
            }
            action @ ("version.created" | "version.modified") => {
                let written = (content("artifact"), BTreeSet::new());
                let before = self.versions.insert(version.to_owned(), written);
                assert_eq!(action == "version.created", before.is_none(), "{event}");
            }
            "version.approved" => {
                let (_, approvals) = self.versions.get_mut(version).expect("it was created");
                assert!(approvals.insert(content("approval_type")), "{event}");
            }
            other => panic!("{other}"),
        }
    }

    async fn is_there(&self, kio: &KioProcess, id: &str) {
        let answer = kio.get(&format!("/apps/{id}")).await.unwrap();
        // The tag counts the writes.
        let tag = answer.headers()[ETAG].to_str().unwrap();
        assert_eq!(tag, format!("\"{}\"", self.writes), "{id}");
        let application: Value = answer.json().await.unwrap();
        for (name, value) in self.application.as_object().unwrap() {
            assert_eq!(&application[name], value, "{name} of {id}");
        }
        let versions = kio.json(&format!("/apps/{id}/versions")).await;
        let found: BTreeSet<&str> = versions
            .as_array()
            .unwrap()
            .iter()
            .map(|version| version["id"].as_str().unwrap())
            .collect();
        assert_eq!(found, self.versions.keys().map(String::as_str).collect());
        for (version, (artifact, approvals)) in &self.versions {
            let at = format!("/apps/{id}/versions/{version}");
            assert_eq!(&kio.json(&at).await["artifact"], artifact, "{at}");
            let found = kio.json(&format!("{at}/approvals")).await;
            let found = found.as_array().unwrap().iter();
            let found: Vec<&str> = found
                .map(|approval| approval["approval_type"].as_str().unwrap())
                .collect();
            assert_eq!(found.len(), approvals.len(), "{at}");
            assert!(found.iter().all(|kind| approvals.contains(*kind)), "{at}: {found:?}");
        }
    }
}

async fn survives_kill_at_any_moment(data: &KioData) {
    const ROUNDS: usize = 2;
    let mut answered = Vec::new();
    for round in 0..ROUNDS {
        // Each round at another moment.
        answered.extend(work_until_killed(data, round, 23 + 31 * round).await);
    }

    let kio = data.start().await;
    let records = kio.audit().await;
    verify_audit(kio.url(), "kio", "token", data.directory()).await;
    let mut marks: BTreeMap<&str, usize> = BTreeMap::new();
    let mut told: BTreeMap<&str, Told> = BTreeMap::new();
    for event in records.iter().map(|record| &record["event"]) {
        *marks.entry(mark(event)).or_default() += 1;
        told.entry(event["subject"].as_str().unwrap()).or_default().take(event);
    }
    for mark in &answered {
        assert_eq!(marks.get(mark.as_str()), Some(&1), "{mark}");
    }
    let applications = kio.json("/apps").await;
    assert_eq!(applications.as_array().unwrap().len(), told.len());
    for (id, told) in told {
        told.is_there(&kio, id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_versions_and_approvals_have_their_records_on_sqlite() {
    survives_kill_at_any_moment(&KioData::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_versions_and_approvals_have_their_records_on_postgresql() {
    let cluster = PostgreSql::shared().await;
    survives_kill_at_any_moment(&KioData::postgresql(cluster).await).await;
}
