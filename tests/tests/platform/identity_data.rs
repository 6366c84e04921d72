//! Identity's data and who uses it, for tests that kill its process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use stups_tests::{ServiceProcess, client, log_in};
use tempfile::TempDir;
use url::Url;

/// Those of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Identity's data, and who uses it. Everything here outlives the processes.
pub(crate) struct Data {
    pub(crate) directory: TempDir,
    pub(crate) settings: String,
    pub(crate) token: String,
    /// Client id and secret of a machine.
    pub(crate) machine: (String, String),
    /// The cookies of somebody who is logged in.
    pub(crate) session: String,
    /// The newest refresh token that was answered.
    pub(crate) refresh_token: String,
}

/// What was answered: the process had done it.
#[derive(Default)]
pub(crate) struct Answered {
    /// Action, subject, and the transaction of a rotation.
    pub(crate) writes: Vec<(String, String, Option<String>)>,
    /// Ids of access tokens.
    pub(crate) tokens: Vec<String>,
    /// How many authorization codes.
    pub(crate) codes: usize,
}

impl Answered {
    pub(crate) fn extend(&mut self, other: Self) {
        self.writes.extend(other.writes);
        self.tokens.extend(other.tokens);
        self.codes += other.codes;
    }
}

/// Somebody who writes until the process is gone: then every call answers nothing.
pub(crate) struct Hand {
    pub(crate) client: reqwest::Client,
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) answered: Answered,
    pub(crate) count: Arc<AtomicUsize>,
}

impl Hand {
    /// Sends a request; none when no answer came.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Option<reqwest::Response> {
        let answer = request.send().await.ok()?;
        let status = answer.status();
        if status.is_success() || status.is_redirection() {
            return Some(answer);
        }
        let body = answer.text().await.ok()?;
        panic!("{status}: {body}");
    }

    pub(crate) async fn write(
        &mut self,
        action: &str,
        subject: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> Option<Value> {
        let request = self.client.request(method, format!("{}{path}", self.url));
        let answer = self.send(request.bearer_auth(&self.token).json(&body)).await?;
        let answer: Value = serde_json::from_slice(&answer.bytes().await.ok()?).unwrap_or_default();
        let txid = answer["txid"].as_str().or(body["txid"].as_str()).map(str::to_owned);
        self.answered.writes.push((action.to_owned(), subject.to_owned(), txid));
        self.count.fetch_add(1, Ordering::SeqCst);
        Some(answer)
    }

    /// A service user from its beginning through two rotations, and to its end when `removed`.
    pub(crate) async fn service_user(&mut self, id: &str, removed: bool) -> Option<()> {
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
    pub(crate) async fn directory(&mut self, id: &str) -> Option<()> {
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

    pub(crate) async fn token(&mut self, request: reqwest::RequestBuilder) -> Option<Value> {
        let answer: Value = self.send(request).await?.json().await.ok()?;
        let token = answer["access_token"].as_str().unwrap();
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        self.answered.tokens.push(claims["jti"].as_str().unwrap().to_owned());
        self.count.fetch_add(1, Ordering::SeqCst);
        Some(answer)
    }

    pub(crate) async fn machine_token(&mut self, (id, secret): &(String, String)) -> Option<()> {
        let request = self
            .client
            .post(format!("{}/oauth2/access_token?realm=/services", self.url));
        let request = request
            .basic_auth(id, Some(secret))
            .form(&[("grant_type", "client_credentials")]);
        self.token(request).await.map(|_| ())
    }

    /// The successor of a refresh token.
    pub(crate) async fn refresh(&mut self, refresh_token: &str) -> Option<String> {
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
    pub(crate) async fn code(&mut self, session: &str) -> Option<()> {
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
    pub(crate) async fn begin(database: Option<String>) -> Self {
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
    pub(crate) async fn first_refresh_token(&self, url: &str) -> String {
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

    pub(crate) async fn start(&self) -> ServiceProcess {
        ServiceProcess::start("identity", self.directory.path(), &self.settings, false).await
    }

    pub(crate) fn hand(&self, url: &str, count: &Arc<AtomicUsize>) -> Hand {
        Hand {
            client: client(),
            url: url.to_owned(),
            token: self.token.clone(),
            answered: Answered::default(),
            count: Arc::clone(count),
        }
    }
}

/// Logs in at the login page; answers the cookies: the browser's and the login's.
async fn session(url: &str, password: &str) -> String {
    let login = format!("{url}/oauth2/login");
    let page = client().get(format!("{login}?realm=/employees")).send().await.unwrap();
    let browser = cookie(&page);
    let form = [
        ("realm", "/employees"),
        ("username", "admin"),
        ("password", password),
        ("csrf_token", &csrf_token(&page.text().await.unwrap())),
    ];
    let request = client().post(login).header(COOKIE, &browser).form(&form);
    let answer = request.send().await.unwrap();
    format!("{browser}; {}", cookie(&answer))
}

fn cookie(answer: &reqwest::Response) -> String {
    let header = answer.headers()[SET_COOKIE].to_str().unwrap();
    header.split(';').next().unwrap().to_owned()
}

/// What the form of a page has to send back.
pub(crate) fn csrf_token(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"csrf_token\" value=\"").expect("a form");
    rest.split('"').next().unwrap().to_owned()
}
