//! Identity when its process is killed and when its database goes away: no write without its audit record, no record without
//! its write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{COOKIE, LOCATION, RETRY_AFTER, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stups_testkit::PostgreSql;
use stups_tests::{ServiceProcess, audit, client, json, log_in, until, verify_audit};
use tempfile::TempDir;
use url::Url;

/// Those of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Identity's data, and who uses it. Everything here outlives the processes.
struct Data {
    directory: TempDir,
    settings: String,
    token: String,
    /// Client id and secret of a machine.
    machine: (String, String),
    /// The cookie of somebody who is logged in.
    session: String,
    /// The newest refresh token that was answered.
    refresh_token: String,
}

/// What was answered: the process had done it.
#[derive(Default)]
struct Answered {
    /// Action, subject, and the transaction of a rotation.
    writes: Vec<(String, String, Option<String>)>,
    /// Ids of access tokens.
    tokens: Vec<String>,
    /// How many authorization codes.
    codes: usize,
}

impl Answered {
    fn extend(&mut self, other: Self) {
        self.writes.extend(other.writes);
        self.tokens.extend(other.tokens);
        self.codes += other.codes;
    }
}

/// Somebody who writes until the process is gone: then every call answers nothing.
struct Hand {
    client: reqwest::Client,
    url: String,
    token: String,
    answered: Answered,
    count: Arc<AtomicUsize>,
}

impl Hand {
    /// Sends a request; none when no answer came.
    async fn send(&self, request: reqwest::RequestBuilder) -> Option<reqwest::Response> {
        let answer = request.send().await.ok()?;
        let status = answer.status();
        if status.is_success() || status.is_redirection() {
            return Some(answer);
        }
        let body = answer.text().await.ok()?;
        panic!("{status}: {body}");
    }

    async fn write(&mut self, action: &str, subject: &str, method: Method, path: &str, body: Value) -> Option<Value> {
        let request = self.client.request(method, format!("{}{path}", self.url));
        let answer = self.send(request.bearer_auth(&self.token).json(&body)).await?;
        let answer: Value = serde_json::from_slice(&answer.bytes().await.ok()?).unwrap_or_default();
        let txid = answer["txid"].as_str().or(body["txid"].as_str()).map(str::to_owned);
        self.answered.writes.push((action.to_owned(), subject.to_owned(), txid));
        self.count.fetch_add(1, Ordering::SeqCst);
        Some(answer)
    }

    /// A service user from its beginning through two rotations, and to its end when `removed`.
    async fn service_user(&mut self, id: &str, removed: bool) -> Option<()> {
        let at = format!("/services/{id}");
        let wanted = json!({
            "id": id, "owner": "stups", "user_config": {"scopes": ["uid"]},
            "client_config": {"scopes": [{"realm": "services", "scopes": ["uid"]}], "redirect_urls": []},
        });
        self.write("service_user.added", id, Method::PUT, &at, wanted).await?;
        for what in ["password", "password", "client"] {
            let at = format!("{at}/{what}");
            let added = format!("service_user.{what}_added");
            let made = self.write(&added, id, Method::POST, &at, json!({})).await?;
            let commit = json!({"txid": made["txid"]});
            let committed = format!("service_user.{what}_committed");
            self.write(&committed, id, Method::PUT, &at, commit).await?;
        }
        if removed {
            self.write("service_user.removed", id, Method::DELETE, &at, Value::Null)
                .await?;
        }
        Some(())
    }

    /// A user with a password, its team, the team's account.
    async fn directory(&mut self, id: &str) -> Option<()> {
        let (user, name) = (format!("/raw-sync/users/employees/{id}"), format!("/employees/{id}"));
        self.write("user.added", &name, Method::PUT, &user, json!({"name": "Name"}))
            .await?;
        // bcrypt of the lowest cost: nobody logs in with it.
        let password = json!({"password_hash": "$2b$04$abcdefghijklmnopqrstuuM/y3nMNX6DwmSrWyGwWXGQDUY3bYzPu"});
        self.write(
            "password.added",
            &name,
            Method::POST,
            &format!("{user}/password"),
            password,
        )
        .await?;
        let team = json!({"members": [id]});
        self.write("team.added", id, Method::PUT, &format!("/teams/{id}"), team)
            .await?;
        let account = json!({"owner": id, "name": id});
        let at = format!("test/{id}");
        self.write("account.added", &at, Method::PUT, &format!("/accounts/{at}"), account)
            .await?;
        self.write("user.changed", &name, Method::PATCH, &user, json!({"disabled": true}))
            .await?;
        Some(())
    }

    async fn token(&mut self, request: reqwest::RequestBuilder) -> Option<Value> {
        let answer: Value = self.send(request).await?.json().await.ok()?;
        let token = answer["access_token"].as_str().unwrap();
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        self.answered.tokens.push(claims["jti"].as_str().unwrap().to_owned());
        self.count.fetch_add(1, Ordering::SeqCst);
        Some(answer)
    }

    async fn machine_token(&mut self, (id, secret): &(String, String)) -> Option<()> {
        let request = self
            .client
            .post(format!("{}/oauth2/access_token?realm=/services", self.url));
        let request = request
            .basic_auth(id, Some(secret))
            .form(&[("grant_type", "client_credentials")]);
        self.token(request).await.map(|_| ())
    }

    /// The successor of a refresh token.
    async fn refresh(&mut self, refresh_token: &str) -> Option<String> {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "ztoken"),
            ("refresh_token", refresh_token),
        ];
        let request = self.client.post(format!("{}/oauth2/token", self.url)).form(&form);
        let answer = self.token(request).await?;
        Some(answer["refresh_token"].as_str().unwrap().to_owned())
    }

    /// A code, and the tokens for it.
    async fn code(&mut self, session: &str) -> Option<()> {
        let query = [
            ("response_type", "code"),
            ("client_id", "ztoken"),
            ("realm", "/employees"),
            ("redirect_uri", "http://localhost"),
            ("scope", "uid"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let request = self.client.get(format!("{}/oauth2/authorize", self.url)).query(&query);
        let answer = self.send(request.header(COOKIE, session)).await?;
        let location: Url = answer.headers()[LOCATION].to_str().unwrap().parse().unwrap();
        let code = location
            .query_pairs()
            .find(|(name, _)| name == "code")
            .expect("a code")
            .1
            .into_owned();
        self.answered.codes += 1;
        self.count.fetch_add(1, Ordering::SeqCst);
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "ztoken"),
            ("code", &code),
            ("redirect_uri", "http://localhost"),
            ("code_verifier", VERIFIER),
        ];
        let request = self.client.post(format!("{}/oauth2/token", self.url)).form(&form);
        self.token(request).await.map(|_| ())
    }
}

impl Data {
    /// A first start, and everything that the hands need.
    async fn begin(database: Option<String>) -> Self {
        let directory = TempDir::new().unwrap();
        let database = database
            .map(|url| format!("database = \"{url}\"\n"))
            .unwrap_or_default();
        let settings = format!("[identity]\nfirst_party_clients = [\"/employees/ztoken\"]\n{database}");
        let process = ServiceProcess::start("identity", directory.path(), &settings, true).await;
        let (url, password) = (process.url(), process.administrator().unwrap().password.clone());
        let first = log_in(url, &password, "uid identity.admin").await;
        let scopes = json!({"scopes": ["uid", "identity.admin", "audit.read"]});
        let call = async |token: &str, method: Method, path: &str, body: Value| -> Value {
            let request = client()
                .request(method, format!("{url}{path}"))
                .bearer_auth(token)
                .json(&body);
            let answer = request.send().await.unwrap().error_for_status().unwrap();
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
        };
        call(&first, Method::PATCH, "/raw-sync/users/employees/admin", scopes).await;
        let token = log_in(url, &password, "uid identity.admin audit.read").await;
        let robot = json!({
            "id": "robot", "owner": "stups", "user_config": {"scopes": ["uid"]},
            "client_config": {"scopes": [{"realm": "services", "scopes": ["uid"]}], "redirect_urls": []},
        });
        call(&token, Method::PUT, "/services/robot", robot).await;
        let made = call(&token, Method::POST, "/services/robot/client", json!({})).await;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let session = session(url, &password).await;
        let mut data = Self {
            directory,
            settings,
            token,
            machine: (text("client_id"), text("client_secret")),
            session,
            refresh_token: String::new(),
        };
        data.refresh_token = data.first_refresh_token(url).await;
        process.kill().await;
        data
    }

    /// The refresh token of a code, as a command line tool gets it.
    async fn first_refresh_token(&self, url: &str) -> String {
        let mut hand = self.hand(url, &Arc::default());
        let query = format!(
            "{url}/oauth2/authorize?response_type=token&client_id=ztoken&realm=/employees&redirect_uri=http://localhost&scope=uid"
        );
        let answer = hand
            .send(hand.client.get(query).header(COOKIE, &self.session))
            .await
            .unwrap();
        let location = answer.headers()[LOCATION].to_str().unwrap();
        let token = location
            .split(['#', '&'])
            .find_map(|part| part.strip_prefix("refresh_token="));
        hand.refresh(token.unwrap()).await.unwrap()
    }

    async fn start(&self) -> ServiceProcess {
        ServiceProcess::start("identity", self.directory.path(), &self.settings, false).await
    }

    fn hand(&self, url: &str, count: &Arc<AtomicUsize>) -> Hand {
        Hand {
            client: client(),
            url: url.to_owned(),
            token: self.token.clone(),
            answered: Answered::default(),
            count: Arc::clone(count),
        }
    }
}

/// Logs in at the login page; answers the cookie.
async fn session(url: &str, password: &str) -> String {
    let page = client()
        .get(format!("{url}/oauth2/login?realm=/employees"))
        .send()
        .await
        .unwrap();
    let browser = page.headers()[SET_COOKIE]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let html = page.text().await.unwrap();
    let csrf_token = html
        .split("name=\"csrf_token\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let form = [
        ("realm", "/employees"),
        ("username", "admin"),
        ("password", password),
        ("csrf_token", csrf_token),
    ];
    let request = client()
        .post(format!("{url}/oauth2/login"))
        .header(COOKIE, browser)
        .form(&form);
    let answer = request.send().await.unwrap();
    answer.headers()[SET_COOKIE]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

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
fn done(record: &Value) -> Option<(&str, &str, &Value)> {
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
