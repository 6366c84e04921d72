//! Kio over real HTTP on each database, with a token for everybody and a policy that tests steer.

#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses a part of it")]

use std::future::{Future, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderName;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use stups_api::client::{Answer, Client};
use stups_auth::{Caller, Policy, PolicyUnavailable, Verifier, Verify, VerifyError};
use stups_kio::Registry;
use stups_server::Environment;
use stups_store::{DatabaseUrl, Store};
use stups_testkit::PostgreSql;

/// A running service. `jdoe` and the service `robot` are in team `stups`, `asmith` is in team `other`.
pub(crate) struct Kio {
    pub(crate) database: &'static str,
    pub(crate) url: url::Url,
    pub(crate) store: Store,
    pub(crate) policy_is_away: Arc<AtomicBool>,
    client: Client,
    _directory: tempfile::TempDir,
}

/// An employee of the team `stups`.
pub(crate) const JDOE: &str = "/employees/jdoe";
/// An employee of the team `other`.
pub(crate) const ASMITH: &str = "/employees/asmith";
/// A service of the team `stups` that may write.
pub(crate) const ROBOT: &str = "/services/robot+uid+application.write";

impl Kio {
    pub(crate) async fn on_both_databases() -> [Self; 2] {
        [Self::on_sqlite().await, Self::on_postgresql().await]
    }

    pub(crate) async fn on_sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite_file(&directory.path().join("kio.db"));
        Self::start("SQLite", &url, directory).await
    }

    pub(crate) async fn on_postgresql() -> Self {
        let url: DatabaseUrl = PostgreSql::shared().await.database().await.parse().unwrap();
        Self::start("PostgreSQL", &url, tempfile::tempdir().unwrap()).await
    }

    /// Another instance of the service on the same database.
    pub(crate) async fn start(database: &'static str, url: &DatabaseUrl, directory: tempfile::TempDir) -> Self {
        let store = Store::open(url, stups_kio::NAME, stups_kio::migrations())
            .await
            .unwrap();
        let policy_is_away = Arc::<AtomicBool>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: url::Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let registry = Registry {
            store: store.clone(),
            verifier: Verifier::new(Everybody),
            policy: Arc::new(Teams(policy_is_away.clone())),
            admins: "/employees/admin,/services/admin-robot".parse().unwrap(),
        };
        let built = registry
            .build(&Environment::new(directory.path(), url.clone()))
            .unwrap();
        let router = built.router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = Client::new(url.clone()).unwrap();
        Self {
            database,
            url,
            store,
            policy_is_away,
            client,
            _directory: directory,
        }
    }

    pub(crate) fn away(&self, away: bool) {
        self.policy_is_away.store(away, Ordering::Relaxed);
    }

    /// Sends a request as somebody (empty: nobody) with a JSON body, if any.
    pub(crate) async fn call(&self, method: &str, path: &str, who: &str, body: Option<Value>) -> Answer {
        self.call_with(method, path, who, body, &[]).await
    }

    pub(crate) async fn call_with(
        &self,
        method: &str,
        path: &str,
        who: &str,
        body: Option<Value>,
        headers: &[(HeaderName, &str)],
    ) -> Answer {
        let content_type = if method == "PATCH" {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        let body = body.map(|body| (content_type, body.to_string().into_bytes()));
        self.send(method, path, who, body, headers).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        who: &str,
        body: Option<(&'static str, Vec<u8>)>,
        headers: &[(HeaderName, &str)],
    ) -> Answer {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let mut request = self.client.request(method.parse().unwrap(), &segments).query(&query);
        if !who.is_empty() {
            request = request.bearer(&SecretString::from(who));
        }
        if let Some((content_type, body)) = body {
            request = request.bytes(content_type, body);
        }
        for (name, value) in headers {
            request = request.header(name.clone(), value);
        }
        request.any_answer().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, JDOE, None).await
    }

    /// The JSON of a successful answer.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(
            answer.status,
            200,
            "{path} on {}: {}",
            self.database,
            answer.text().unwrap()
        );
        answer.json().unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.call("PUT", path, JDOE, Some(body)).await
    }

    /// Registers an application of the team `stups`.
    pub(crate) async fn register(&self, id: &str) {
        let body = serde_json::json!({"team_id": "stups", "active": true, "name": id.to_uppercase()});
        let answer = self.put(&format!("/apps/{id}"), body).await;
        assert_eq!(answer.status, 200, "{}", answer.text().unwrap());
    }

    /// The ids that a list has.
    pub(crate) async fn ids(&self, path: &str) -> Vec<String> {
        let list = self.json(path).await;
        list.as_array()
            .unwrap()
            .iter()
            .map(|application| application["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// The message of an error.
pub(crate) fn message(answer: &Answer) -> String {
    let body: Value = answer.json().unwrap();
    body["message"].as_str().unwrap().to_owned()
}

/// A token is `<realm>/<uid>`, with `+<scope>` behind it for each scope.
struct Everybody;

impl Verify for Everybody {
    fn verify<'a>(&'a self, token: &'a str) -> Pin<Box<dyn Future<Output = Result<Caller, VerifyError>> + Send + 'a>> {
        let mut parts = token.split('+');
        let name = parts.next().and_then(|name| name.rsplit_once('/'));
        let caller = name.map(|(realm, uid)| Caller {
            uid: uid.to_owned(),
            realm: realm.to_owned(),
            scopes: parts.map(str::to_owned).collect(),
            client_id: None,
            expires_at: i64::MAX,
            token: SecretString::from(token),
        });
        Box::pin(ready(caller.ok_or(VerifyError::Invalid)))
    }
}

/// Away, when it is told so.
struct Teams(Arc<AtomicBool>);

impl Teams {
    fn answer<'a, T: Send + 'a>(
        &self,
        answer: T,
    ) -> Pin<Box<dyn Future<Output = Result<T, PolicyUnavailable>> + Send + 'a>> {
        let away = self.0.load(Ordering::Relaxed);
        Box::pin(ready(if away {
            Err(PolicyUnavailable("away".to_owned()))
        } else {
            Ok(answer)
        }))
    }
}

fn team_of(caller: &Caller) -> &'static str {
    // The policy decides with the caller's own token.
    assert!(caller.token.expose_secret().starts_with(&caller.name()));
    match caller.uid.as_str() {
        "jdoe" | "robot" | "colleague" => "stups",
        "asmith" => "other",
        _ => "",
    }
}

impl Policy for Teams {
    fn may_act_for<'a>(
        &'a self,
        caller: &'a Caller,
        team: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<bool, PolicyUnavailable>> + Send + 'a>> {
        self.answer(team_of(caller) == team)
    }

    fn team_exists<'a>(
        &'a self,
        _: &'a Caller,
        team: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<bool, PolicyUnavailable>> + Send + 'a>> {
        self.answer(["stups", "other"].contains(&team))
    }

    fn teams_of<'a>(
        &'a self,
        caller: &'a Caller,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<String>, PolicyUnavailable>> + Send + 'a>> {
        let team = team_of(caller);
        self.answer(if team.is_empty() {
            Vec::new()
        } else {
            vec![team.to_owned()]
        })
    }
}
