//! Identity killed while people do what is theirs: keys, passwords of their devices, consents, devices; and while files are
//! imported. What is there is what the trail tells, and the trail tells everything that was answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, COOKIE};
use serde_json::{Value, json};
use stups_testkit::PostgreSql;
use stups_tests::{audit, client, json, until, verify_audit};

use crate::identity_data::{Data, Hand, csrf_token};
use crate::identity_faults::done;

/// The administrator: nobody else has a password.
const PERSON: &str = "/employees/admin";

const REDIRECT_URI: &str = "http://localhost";

/// What is there once it was answered.
#[derive(Debug, Default)]
struct Written {
    /// Actions, and what each was about, in the order of the answers.
    writes: Vec<(String, String)>,
    devices: Vec<Device>,
}

/// A device that asked to be connected.
#[derive(Debug)]
struct Device {
    code: String,
    /// That its user agreed was answered.
    agreed: bool,
    /// It got its tokens.
    connected: bool,
}

/// Somebody who does one kind of thing until the process is gone: then every step answers nothing.
struct Person<'a> {
    hand: Hand,
    session: &'a str,
    written: Written,
}

impl Person<'_> {
    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.hand.url)
    }

    fn has_done(&mut self, action: &str, about: &str) {
        self.written.writes.push((action.to_owned(), about.to_owned()));
        self.hand.count.fetch_add(1, Ordering::SeqCst);
    }

    /// Adds something to the person, and removes every other one again.
    async fn own(&mut self, kind: &str, path: &str, body: &Value, removed: bool) -> Option<()> {
        let at = self.at(&format!("/raw-sync/users{PERSON}/{path}"));
        let request = self.hand.client.post(&at).bearer_auth(&self.hand.token).json(body);
        let made: Value = self.hand.send(request).await?.json().await.ok()?;
        let id = made["id"].as_str().unwrap();
        self.has_done(&format!("{kind}.added"), id);
        if removed {
            let request = self.hand.client.delete(format!("{at}/{id}"));
            self.hand.send(request.bearer_auth(&self.hand.token)).await?;
            self.has_done(&format!("{kind}.removed"), id);
        }
        Some(())
    }

    /// Agrees to what a client asks for, and takes it back.
    async fn consent(&mut self, client_id: &str) -> Option<()> {
        let query = [
            ("response_type", "token"),
            ("client_id", client_id),
            ("realm", "/employees"),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "uid"),
        ];
        let authorize = self.at("/oauth2/authorize");
        let request = self.hand.client.get(&authorize).query(&query);
        let page = self.hand.send(request.header(COOKIE, self.session)).await?;
        // It is not asked for when a kill has left it.
        if page.status() == StatusCode::OK {
            let csrf_token = csrf_token(&page.text().await.ok()?);
            let mut form = query.to_vec();
            form.extend([("decision", "allow"), ("csrf_token", &csrf_token)]);
            let request = self.hand.client.post(&authorize).form(&form);
            self.hand.send(request.header(COOKIE, self.session)).await?;
            self.has_done("consent.given", client_id);
        }
        let request = self
            .hand
            .client
            .delete(self.at(&format!("/consents{PERSON}/{client_id}")));
        self.hand.send(request.bearer_auth(&self.hand.token)).await?;
        self.has_done("consent.withdrawn", client_id);
        Some(())
    }

    /// Connects a device.
    async fn device(&mut self) -> Option<()> {
        let form = [("client_id", "zign"), ("scope", "uid")];
        let request = self
            .hand
            .client
            .post(self.at("/oauth2/device_authorization"))
            .form(&form);
        let codes: Value = self.hand.send(request).await?.json().await.ok()?;
        let text = |name: &str| codes[name].as_str().unwrap().to_owned();
        let (code, user_code) = (text("device_code"), text("user_code"));
        self.hand.count.fetch_add(1, Ordering::SeqCst);
        let number = self.written.devices.len();
        self.written.devices.push(Device {
            code: code.clone(),
            agreed: false,
            connected: false,
        });

        let at = self.at("/oauth2/device");
        let request = self.hand.client.get(&at).query(&[("user_code", &user_code)]);
        let page = self.hand.send(request.header(COOKIE, self.session)).await?;
        let csrf_token = csrf_token(&page.text().await.ok()?);
        let form = [
            ("user_code", user_code.as_str()),
            ("decision", "allow"),
            ("csrf_token", &csrf_token),
        ];
        let request = self.hand.client.post(&at).form(&form);
        self.hand.send(request.header(COOKIE, self.session)).await?;
        self.written.devices[number].agreed = true;
        self.hand.count.fetch_add(1, Ordering::SeqCst);

        let answer = poll(&self.hand.client, &self.hand.url, &code).await?;
        assert_eq!(answer, StatusCode::OK);
        self.written.devices[number].connected = true;
        self.hand.count.fetch_add(1, Ordering::SeqCst);
        Some(())
    }

    /// Imports a user with a key, and their team.
    async fn import(&mut self, id: &str, key: &str) -> Option<()> {
        let user = json!({"id": id, "name": id, "ssh_keys": [{"key": key}]});
        let file = json!({"users": [user], "teams": [{"id": id, "members": [id]}]});
        let request = self.hand.client.post(self.at("/import"));
        let request = request.header(CONTENT_TYPE, "application/yaml").body(file.to_string());
        self.hand.send(request.bearer_auth(&self.hand.token)).await?;
        self.has_done("directory.imported", id);
        Some(())
    }
}

/// Asks for the tokens of a device; answers the status.
async fn poll(client: &reqwest::Client, url: &str, code: &str) -> Option<StatusCode> {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", "zign"),
        ("device_code", code),
    ];
    let answer = client
        .post(format!("{url}/oauth2/token"))
        .form(&form)
        .send()
        .await
        .ok()?;
    let status = answer.status();
    answer.bytes().await.ok()?;
    Some(status)
}

/// A line of `authorized_keys` that is like no other's.
fn ssh_key(name: &str) -> String {
    let mut point = [0; 32];
    for (to, from) in point.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    let key = [b"\0\0\0\x0bssh-ed25519\0\0\0\x20".as_slice(), &point].concat();
    format!("ssh-ed25519 {} {name}", STANDARD.encode(key))
}

const HANDS: usize = 5;

/// What each hand does, over and over.
async fn turn(person: &mut Person<'_>, number: usize, name: &str, count: usize) -> Option<()> {
    match number {
        0 => {
            let key = json!({"key": ssh_key(name)});
            person.own("ssh_key", "keys", &key, count.is_multiple_of(2)).await
        }
        1 => {
            let wanted = json!({"name": name, "scopes": ["uid"]});
            // A person may have so many.
            person.own("app_password", "app-passwords", &wanted, count > 5).await
        }
        2 => person.consent("consenting").await,
        3 => person.device().await,
        _ => person.import(name, &ssh_key(name)).await,
    }
}

async fn work_until_killed(data: &Data, round: usize, enough: usize) -> Written {
    let process = data.start().await;
    let count = Arc::new(AtomicUsize::new(0));
    let hands: Vec<_> = (0..HANDS)
        .map(|number| {
            let (hand, session) = (data.hand(process.url(), &count), data.session.clone());
            tokio::spawn(async move {
                let mut person = Person {
                    hand,
                    session: &session,
                    written: Written::default(),
                };
                let mut count = 0;
                let mut name = format!("p{round}-{number}-{count}");
                while turn(&mut person, number, &name, count).await.is_some() {
                    count += 1;
                    name = format!("p{round}-{number}-{count}");
                }
                person.written
            })
        })
        .collect();
    until("enough writes", async || count.load(Ordering::SeqCst) >= enough).await;
    process.kill().await;
    let mut written = Written::default();
    for hand in hands {
        let more = hand.await.unwrap();
        written.writes.extend(more.writes);
        written.devices.extend(more.devices);
    }
    written
}

/// What a record is about, as the answers name it.
fn about<'a>(action: &str, subject: &'a str, details: &'a Value) -> &'a str {
    let name = match action {
        "consent.given" | "consent.withdrawn" => &details["client_id"],
        // Those of an import are about their user.
        _ => &details["id"],
    };
    name.as_str().unwrap_or(subject)
}

async fn survives_kill_at_any_moment(database: Option<String>) {
    const ROUNDS: usize = 4;
    let data = Data::begin(database).await;
    let process = data.start().await;
    let app = json!({"is_confidential": false, "scopes": ["uid"], "redirect_uris": [REDIRECT_URI],
                     "grants": ["legacy_implicit"]});
    let request = client().put(format!("{}/raw-sync/clients/employees/consenting", process.url()));
    let made = request.bearer_auth(&data.token).json(&app).send().await.unwrap();
    assert!(made.status().is_success(), "{:?}", made.text().await);
    process.kill().await;

    let mut written = Written::default();
    for round in 0..ROUNDS {
        // Each round at another moment.
        let more = work_until_killed(&data, round, 17 + 13 * round).await;
        written.writes.extend(more.writes);
        written.devices.extend(more.devices);
    }

    let process = data.start().await;
    let (url, token) = (process.url(), data.token.as_str());
    let records = audit(url, token).await;
    verify_audit(url, "identity", token, data.directory.path()).await;
    let told: Vec<(&str, &str, &Value)> = records.iter().filter_map(done).collect();

    everything_answered_is_told(&written, &told);
    what_was_told_is_there(url, token, &told).await;
    imports_are_whole(url, token, &told).await;
    devices_get_their_tokens_once(url, &written.devices, &told).await;
}

fn everything_answered_is_told(written: &Written, told: &[(&str, &str, &Value)]) {
    let mut trail: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (action, subject, details) in told {
        *trail.entry((action, about(action, subject, details))).or_default() += 1;
    }
    let mut answered: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (action, about) in &written.writes {
        *answered.entry((action, about)).or_default() += 1;
    }
    for ((action, about), times) in answered {
        if action == "directory.imported" {
            // It stands for all that was in the file.
            assert!(trail.contains_key(&("team.added", about)), "{about}");
            continue;
        }
        let found = trail.get(&(action, about)).copied().unwrap_or_default();
        // One client is agreed to again and again; each kill may have kept one answer back.
        let most = if about == "consenting" { times + 4 } else { times };
        assert!(
            (times..=most).contains(&found),
            "{action} {about}: {found}, answered {times}"
        );
    }
}

/// Keys and passwords of the person, and their consent.
async fn what_was_told_is_there(url: &str, token: &str, told: &[(&str, &str, &Value)]) {
    for (kind, path) in [("ssh_key", "keys"), ("app_password", "app-passwords")] {
        let mut expected = BTreeSet::new();
        for (action, _, details) in told.iter().filter(|(_, subject, _)| *subject == PERSON) {
            let id = || details["id"].as_str().unwrap();
            match action.strip_prefix(kind) {
                Some(".added") => assert!(expected.insert(id()), "{} twice", id()),
                Some(".removed") => assert!(expected.remove(id()), "{} was not there", id()),
                _ => {}
            }
        }
        let there = json(url, &format!("/raw-sync/users{PERSON}/{path}"), token).await;
        let there: BTreeSet<&str> = there
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap())
            .collect();
        assert_eq!(there, expected);
    }
    let last = told
        .iter()
        .rfind(|(action, _, details)| action.starts_with("consent.") && details["client_id"] == "consenting");
    let consent = json(url, &format!("/consents{PERSON}/consenting"), token).await;
    let given = last.is_some_and(|(action, ..)| *action == "consent.given");
    assert_eq!(consent["scopes"], if given { json!(["uid"]) } else { json!([]) });
}

/// Of each file everything is there or nothing, and so in the trail.
async fn imports_are_whole(url: &str, token: &str, told: &[(&str, &str, &Value)]) {
    let mut imported = 0;
    for (number, (_, _, details)) in told
        .iter()
        .enumerate()
        .filter(|(_, (action, ..))| *action == "directory.imported")
    {
        let changes = usize::try_from(details["changes"].as_u64().unwrap()).unwrap();
        let before = &told[number - changes..number];
        let (_, team, _) = before
            .iter()
            .find(|(action, ..)| *action == "team.added")
            .expect("its team");
        let user = format!("/employees/{team}");
        assert!(
            before.iter().all(|(_, subject, _)| subject == team || *subject == user),
            "{before:?}"
        );
        let keys = json(url, &format!("/raw-sync/users{user}/keys"), token).await;
        assert_eq!(keys[0]["key"], ssh_key(team));
        // The key is found in the trail under its owner, as one that is added alone.
        let key = before
            .iter()
            .find(|(action, ..)| *action == "ssh_key.added")
            .expect("its key");
        assert_eq!((key.1, &key.2["fingerprint"]), (user.as_str(), &keys[0]["fingerprint"]));
        let found = json(url, &format!("/teams/{team}"), token).await;
        assert_eq!(found["members"], json!([team]));
        imported += 1;
    }
    // And nothing came otherwise.
    let teams = json(url, "/teams", token).await;
    assert_eq!(teams.as_array().unwrap().len(), imported);
    let added = told
        .iter()
        .filter(|(action, subject, _)| *action == "user.added" && subject.starts_with("/employees/p"));
    assert_eq!(added.count(), imported);
}

/// Whoever was agreed to gets tokens, and nobody gets them twice.
async fn devices_get_their_tokens_once(url: &str, devices: &[Device], told: &[(&str, &str, &Value)]) {
    let of_devices = |details: &Value| details["grant_type"] == "device_code";
    let fetched = told
        .iter()
        .filter(|(action, _, details)| *action == "token.issued" && of_devices(details))
        .count();
    let agreed = told.iter().filter(|(action, ..)| *action == "device.decided").count();
    let mut now = 0;
    for device in devices {
        let status = poll(&client(), url, &device.code).await.unwrap();
        if device.connected {
            assert_eq!(status, StatusCode::BAD_REQUEST);
        }
        if status == StatusCode::OK {
            now += 1;
            let again = poll(&client(), url, &device.code).await;
            assert_eq!(again, Some(StatusCode::BAD_REQUEST));
        }
    }
    assert!(devices.iter().filter(|device| device.connected).count() <= fetched);
    assert!(devices.iter().filter(|device| device.agreed).count() <= agreed);
    assert_eq!(fetched + now, agreed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_has_its_records_on_sqlite() {
    survives_kill_at_any_moment(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_has_its_records_on_postgresql() {
    let url = PostgreSql::shared().await.database().await;
    survives_kill_at_any_moment(Some(url)).await;
}
