//! Identity when its process is killed and when its database goes away: no write without its audit record, no record without
//! its write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde_json::{Value, json};
use stups_testkit::PostgreSql;
use stups_tests::{audit, client, json, until, verify_audit};

use crate::identity_data::{Answered, Data};

/// What every hand does until the process is gone.
async fn work_until_killed(data: &Data, round: usize, enough: usize) -> (Answered, Option<String>) {
    let process = data.start().await;
    let url = process.url().to_owned();
    let count = Arc::new(AtomicUsize::new(0));
    let mut hands = Vec::new();
    for number in 0..4 {
        let mut hand = data.hand(&url, &count);
        hands.push(tokio::spawn(async move {
            let mut turn = 0;
            while hand
                .service_user(&format!("svc-{round}-{number}-{turn}"), turn % 3 == 2)
                .await
                .is_some()
            {
                turn += 1;
            }
            hand.answered
        }));
    }
    for number in 0..2 {
        let mut hand = data.hand(&url, &count);
        hands.push(tokio::spawn(async move {
            let mut turn = 0;
            while hand.directory(&format!("dir-{round}-{number}-{turn}")).await.is_some() {
                turn += 1;
            }
            hand.answered
        }));
    }
    let (mut hand, machine) = (data.hand(&url, &count), data.machine.clone());
    hands.push(tokio::spawn(async move {
        while hand.machine_token(&machine).await.is_some() {}
        hand.answered
    }));
    let (mut hand, session) = (data.hand(&url, &count), data.session.clone());
    hands.push(tokio::spawn(async move {
        while hand.code(&session).await.is_some() {}
        hand.answered
    }));
    let (mut hand, mut refresh_token) = (data.hand(&url, &count), data.refresh_token.clone());
    let refreshing = tokio::spawn(async move {
        while let Some(successor) = hand.refresh(&refresh_token).await {
            refresh_token = successor;
        }
        (hand.answered, refresh_token)
    });

    until("enough writes", async || count.load(Ordering::SeqCst) >= enough).await;
    process.kill().await;
    let mut answered = Answered::default();
    for hand in hands {
        answered.extend(hand.await.unwrap());
    }
    let (refreshed, refresh_token) = refreshing.await.unwrap();
    answered.extend(refreshed);
    (answered, Some(refresh_token))
}

/// A record of something that was done: action, subject, details.
pub(crate) fn done(record: &Value) -> Option<(&str, &str, &Value)> {
    let event = &record["event"];
    (event["outcome"] == "success").then_some(())?;
    Some((event["action"].as_str()?, event["subject"].as_str()?, &event["details"]))
}

/// What there must be when exactly what the trail tells was done: names of things by kind.
fn told(records: &[Value]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut things: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (action, subject, _) in records.iter().filter_map(done) {
        match action.split_once('.') {
            Some((kind, "added")) => assert!(things.entry(kind).or_default().insert(subject), "{subject} twice"),
            Some((kind, "removed")) => assert!(
                things.entry(kind).or_default().remove(subject),
                "{subject} was not there"
            ),
            _ => {}
        }
    }
    things
}

fn ids(list: &Value) -> BTreeSet<String> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The passwords of a user; none are left out of the answer.
fn passwords(user: &Value) -> Vec<Value> {
    user["passwords"].as_array().cloned().unwrap_or_default()
}

/// All items of a list with pages.
async fn pages(url: &str, path: &str, token: &str) -> Vec<Value> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let page = json(url, &format!("{path}?limit=1000{after}"), token).await;
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return items,
        }
    }
}

async fn survives_kill_at_any_moment(database: Option<String>) {
    const ROUNDS: usize = 4;
    let mut data = Data::begin(database).await;
    let mut answered = Answered::default();
    for round in 0..ROUNDS {
        // Each round at another moment.
        let (more, refresh_token) = work_until_killed(&data, round, 31 + 23 * round).await;
        answered.extend(more);
        data.refresh_token = refresh_token.unwrap();
    }

    let process = data.start().await;
    let (url, token) = (process.url(), data.token.as_str());
    let records = audit(url, token).await;
    verify_audit(url, "identity", token, data.directory.path()).await;

    // Everything that was answered is in the trail, once.
    let mut trail: BTreeMap<(&str, &str, Option<&str>), usize> = BTreeMap::new();
    for (action, subject, details) in records.iter().filter_map(done) {
        *trail.entry((action, subject, details["txid"].as_str())).or_default() += 1;
    }
    for (action, subject, txid) in &answered.writes {
        let count = trail.get(&(action, subject, txid.as_deref()));
        assert_eq!(count, Some(&1), "{action} {subject} {txid:?}");
    }
    let issued: Vec<&str> = records
        .iter()
        .filter_map(done)
        .filter(|(action, ..)| *action == "token.issued")
        .map(|(.., details)| details["jti"].as_str().unwrap())
        .collect();
    let distinct: BTreeSet<&str> = issued.iter().copied().collect();
    assert_eq!(issued.len(), distinct.len());
    for jti in &answered.tokens {
        assert!(distinct.contains(jti.as_str()), "{jti} was answered, but not recorded");
    }
    let codes = records
        .iter()
        .filter_map(done)
        .filter(|(action, ..)| *action == "code.issued")
        .count();
    assert!(codes >= answered.codes);

    // What is there is what the trail tells, no more and no less.
    let things = told(&records);
    let there = |kind: &str| -> BTreeSet<String> {
        things
            .get(kind)
            .into_iter()
            .flatten()
            .map(|name| (*name).to_owned())
            .collect()
    };
    assert_eq!(ids(&json(url, "/services", token).await), there("service_user"));
    assert_eq!(ids(&json(url, "/teams", token).await), there("team"));
    let accounts = ids(&json(url, "/accounts/test", token).await);
    assert_eq!(
        accounts.iter().map(|id| format!("test/{id}")).collect::<BTreeSet<_>>(),
        there("account")
    );
    let users = pages(url, "/raw-sync/users/employees", token).await;
    let users = users
        .iter()
        .map(|user| format!("/employees/{}", user["id"].as_str().unwrap()));
    let mut expected = there("user");
    expected.insert("/employees/admin".to_owned());
    assert_eq!(users.collect::<BTreeSet<_>>(), expected);
    for name in there("user") {
        let user = json(url, &format!("/raw-sync/users{name}"), token).await;
        let recorded = |action| trail.get(&(action, name.as_str(), None)).copied().unwrap_or_default();
        assert_eq!(passwords(&user).len(), recorded("password.added"), "{name}");
        assert_eq!(user["disabled"], recorded("user.changed") == 1, "{name}");
    }
    rotations_are_as_told(url, token, &records, &there("service_user")).await;

    // And the chain of refresh tokens goes on, whether or not the last answer arrived.
    let mut hand = data.hand(url, &Arc::default());
    assert!(hand.refresh(&data.refresh_token).await.is_some());
}

/// Every rotation of every service user that is there: its passwords and clients, and which of them end.
async fn rotations_are_as_told(url: &str, token: &str, records: &[Value], users: &BTreeSet<String>) {
    let clients = pages(url, "/raw-sync/clients/services", token).await;
    for id in users {
        let of = |wanted: &str| -> Vec<&str> {
            let records = records.iter().filter_map(done);
            let records = records.filter(|(action, subject, _)| *action == wanted && *subject == id.as_str());
            records.map(|(.., details)| details["txid"].as_str().unwrap()).collect()
        };
        let (added, committed) = (of("service_user.password_added"), of("service_user.password_committed"));
        let user = json(url, &format!("/raw-sync/users/services/{id}"), token).await;
        let passwords = passwords(&user);
        assert_eq!(passwords.len(), added.len(), "{id}");
        // The commit of a password ends those before it: none before the first.
        let ending = passwords
            .iter()
            .filter(|password| password["expires_at"].is_string())
            .count();
        assert_eq!(ending, committed.len().saturating_sub(1), "{id}: {user}");
        let own = clients.iter().filter(|client| client["owner"] == id.as_str()).count();
        let made = of("service_user.client_added");
        assert_eq!(own, 1 + made.len(), "{id}");
        let current = json(url, &format!("/services/{id}"), token).await;
        let current = current["client_id"].as_str().unwrap();
        let committed = records
            .iter()
            .filter_map(done)
            .find(|(action, subject, _)| *action == "service_user.client_committed" && *subject == id.as_str());
        if let Some((.., details)) = committed {
            assert_eq!(details["client_id"], current, "{id}");
        }
        // A transaction that was recorded can be committed.
        for (what, txids) in [("password", added), ("client", made)] {
            for txid in txids {
                let request = client().put(format!("{url}/services/{id}/{what}")).bearer_auth(token);
                let answer = request.json(&json!({"txid": txid})).send().await.unwrap();
                assert!(answer.status().is_success(), "{id} {what} {txid}: {}", answer.status());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_has_every_write_with_its_record_on_sqlite() {
    survives_kill_at_any_moment(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_has_every_write_with_its_record_on_postgresql() {
    let url = PostgreSql::shared().await.database().await;
    survives_kill_at_any_moment(Some(url)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_and_comes_back() {
    let cluster = PostgreSql::start_new().await.unwrap();
    let data = Data::begin(Some(cluster.database().await)).await;
    let process = data.start().await;
    let (url, token) = (process.url(), data.token.as_str());
    let put = async |id: &str| {
        let request = client().put(format!("{url}/teams/{id}")).bearer_auth(token);
        request.json(&json!({"members": ["jdoe"]})).send().await.unwrap()
    };
    let machine_token = async || {
        let (id, secret) = &data.machine;
        let request = client().post(format!("{url}/oauth2/access_token?realm=/services"));
        let request = request
            .basic_auth(id, Some(secret))
            .form(&[("grant_type", "client_credentials")]);
        request.send().await.unwrap()
    };
    assert_eq!(put("before").await.status(), StatusCode::OK);

    for crash in [false, true] {
        if crash {
            cluster.crash().await.unwrap();
        } else {
            cluster.stop().await.unwrap();
        }
        for answer in [put("meanwhile").await, machine_token().await] {
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(answer.headers().contains_key(RETRY_AFTER));
        }
        // Tokens that were given are good all the same: every service asks about them.
        let request = client().get(format!("{url}/oauth2/tokeninfo")).bearer_auth(token);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
        cluster.start().await.unwrap();
        until("the next write", async || put("after").await.status() == StatusCode::OK).await;
        until("the next token", async || {
            machine_token().await.status() == StatusCode::OK
        })
        .await;
    }
    let teams = ids(&json(url, "/teams", token).await);
    assert_eq!(teams, BTreeSet::from(["before", "after"].map(str::to_owned)));
    let records = audit(url, token).await;
    assert_eq!(told(&records)["team"], BTreeSet::from(["before", "after"]));
    verify_audit(url, "identity", token, data.directory.path()).await;
}

/// Whoever asks need not know which of them answers.
#[tokio::test(flavor = "multi_thread")]
async fn two_instances_are_one_service() {
    let data = Data::begin(Some(PostgreSql::shared().await.database().await)).await;
    let (one, other) = tokio::join!(data.start(), data.start());
    let urls = [one.url(), other.url()];
    let count = Arc::default();

    // All want to add the same service user; some come too late, and none is told of a failure.
    let wanted = json!({
        "id": "shared", "owner": "stups", "user_config": {"scopes": ["uid"]},
        "client_config": {"scopes": [{"realm": "services", "scopes": ["uid"]}], "redirect_urls": []},
    });
    let adding = (0..12).map(|hand| {
        let request = client().put(format!("{}/services/shared", urls[hand % 2]));
        request.bearer_auth(&data.token).json(&wanted).send()
    });
    for answer in futures::future::try_join_all(adding).await.unwrap() {
        let status = answer.status();
        assert!(status.is_success() || status == StatusCode::CONFLICT, "{status}");
    }
    // Each does different things at both.
    let working = (0..6).map(|number| {
        let mut hand = data.hand(urls[number % 2], &count);
        async move {
            hand.service_user(&format!("svc-{number}"), number % 3 == 2)
                .await
                .unwrap();
            hand.directory(&format!("dir-{number}")).await.unwrap();
            hand.answered
        }
    });
    let mut answered = Answered::default();
    for more in futures::future::join_all(working).await {
        answered.extend(more);
    }

    // A refresh token that is presented at both at once has one successor.
    let mut refresh_token = data.refresh_token.clone();
    for _ in 0..5 {
        let mut hands = urls.map(|url| data.hand(url, &count));
        let [first, second] = &mut hands;
        let (first, second) = tokio::join!(first.refresh(&refresh_token), second.refresh(&refresh_token));
        assert_eq!(first, second);
        refresh_token = first.unwrap();
    }
    // What one has issued both know.
    let mut hand = data.hand(urls[0], &count);
    hand.machine_token(&data.machine).await.unwrap();

    let records = audit(urls[0], &data.token).await;
    let added = |subject: &str| {
        let added =
            |record: &&Value| matches!(done(record), Some(("service_user.added", found, _)) if found == subject);
        records.iter().filter(added).count()
    };
    assert_eq!(added("shared"), 1);
    for (action, subject, txid) in &answered.writes {
        let found = records.iter().filter_map(done).filter(|(found, at, details)| {
            found == action && at == subject && details["txid"].as_str() == txid.as_deref()
        });
        assert_eq!(found.count(), 1, "{action} {subject}");
    }
    for number in 0..6 {
        let path = format!("/raw-sync/users/employees/dir-{number}");
        assert_eq!(
            json(urls[0], &path, &data.token).await,
            json(urls[1], &path, &data.token).await
        );
    }
    for url in urls {
        verify_audit(url, "identity", &data.token, data.directory.path()).await;
    }
}
