//! The directory over real HTTP, on both databases.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use stups_auth::{Caller, Verification, Verifier, Verify, VerifyError};
use stups_server::{Clock, ErrorShape, Service};
use stups_store::{DatabaseUrl, Store};
use stups_testkit::{PostgreSql, until};

use crate::config::Config;
use crate::master_key::MasterKey;
use crate::model::{clients, users};
use crate::{State, migrations, routes};

/// Tokens that say themselves who they are for: `realm:uid:scope,scope`.
struct Spoken;

impl Verify for Spoken {
    fn verify<'a>(&'a self, token: &'a str) -> Verification<'a> {
        Box::pin(async move {
            let parts: Vec<&str> = token.split(':').collect();
            let [realm, uid, scopes] = parts[..] else {
                return Err(VerifyError::Invalid);
            };
            Ok(Arc::new(Caller {
                uid: uid.to_owned(),
                realm: format!("/{realm}"),
                scopes: scopes.split(',').map(str::to_owned).collect(),
                client_id: None,
                expires_at: i64::MAX,
                token: SecretString::from(token),
            }))
        })
    }
}

const ADMIN: &str = "employees:admin:uid";
const JDOE: &str = "employees:jdoe:uid";
const WORKER: &str = "services:stups_mint:uid";

struct Server {
    url: String,
    state: State,
    http: reqwest::Client,
    _directory: tempfile::TempDir,
}

impl Server {
    async fn start(url: DatabaseUrl, directory: tempfile::TempDir) -> Self {
        let store = Store::open(&url, "identity", migrations::all()).await.unwrap();
        let config = Config {
            service_user_administrators: vec!["/services/stups_mint".to_owned()],
            ..Config::default()
        };
        let master = MasterKey::in_file(&directory.path().join("master.key")).unwrap();
        let state = State::new(
            store.clone(),
            config,
            master,
            &"http://localhost".parse().unwrap(),
            Clock::default(),
        )
        .unwrap();
        let built = Service::new("identity", "0")
            .shape(ErrorShape::OAuth)
            .store(store)
            .verifier(Verifier::new(Spoken))
            .routes(routes::guarded().with_state(state.clone()))
            .build()
            .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, built.router).await });
        // Fails when another test has installed it already.
        drop(rustls::crypto::ring::default_provider().install_default());
        Self {
            url,
            state,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            _directory: directory,
        }
    }

    async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::start(
            DatabaseUrl::sqlite_file(&directory.path().join("identity.db")),
            directory,
        )
        .await
    }

    async fn postgresql() -> Self {
        let url = PostgreSql::shared().await.database().await;
        Self::start(url.parse().unwrap(), tempfile::tempdir().unwrap()).await
    }

    async fn call(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn ok(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, body) = self.call(token, method.clone(), path, body).await;
        assert!(status.is_success(), "{method} {path}: {status} {body}");
        body
    }

    async fn status(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> u16 {
        self.call(token, method, path, body).await.0.as_u16()
    }

    async fn import(&self, token: &str, yaml: &str, query: &str) -> (u16, Value) {
        let request = self.http.post(format!("{}/import{query}", self.url)).bearer_auth(token);
        let response = request
            .header("content-type", "application/yaml")
            .body(yaml.to_owned())
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn logs_in(&self, uid: &str, password: &str) -> bool {
        let password = SecretString::from(password);
        users::authenticate(&self.state, "/services", uid, &password)
            .await
            .unwrap()
            .is_some()
    }

    async fn client_works(&self, realm: &str, id: &str, secret: &str) -> bool {
        let secret = SecretString::from(secret);
        clients::authenticate(&self.state, realm, id, Some(&secret))
            .await
            .unwrap()
            .is_some()
    }
}

macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite { $(#[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name(super::Server::sqlite().await).await; })* }
        mod postgresql { $(#[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name(super::Server::postgresql().await).await; })* }
    };
}

on_both!(
    service_user_rotation,
    raw_sync,
    teams_and_policy,
    imports,
    ssh_keys,
    only_administrators_write
);

fn service(scopes: &Value) -> Value {
    json!({
        "id": "stups_kio", "name": "Kio", "owner": "stups", "subtitle": "Registry",
        "client_config": { "redirect_urls": [], "confidential": true, "scopes": scopes },
        "user_config": { "scopes": ["application.read"] },
    })
}

async fn service_user_rotation(server: Server) {
    let scopes = json!([
        { "realm": "employees", "scopes": ["uid"] },
        { "realm": "services", "scopes": ["uid", "application.read"] },
        { "realm": "customers", "sopes": ["sales.read"] },
        { "realm": "employees", "scopes": ["cn"] },
    ]);
    let put = |body| server.ok(WORKER, Method::PUT, "/services/stups_kio", Some(body));
    let first = put(service(&scopes)).await["client_id"].clone();
    assert_eq!(
        put(service(&scopes)).await["client_id"],
        first,
        "a second time it is the same"
    );
    let id = first.as_str().unwrap();
    for (realm, expected) in [("/employees", vec!["cn", "uid"]), ("/customers", vec!["sales.read"])] {
        assert_eq!(
            clients::find(&server.state, realm, id).await.unwrap().unwrap().scopes,
            expected
        );
    }

    // Passwords.
    let new = async || {
        server
            .ok(WORKER, Method::POST, "/services/stups_kio/password", Some(json!({})))
            .await
    };
    let (one, two) = (new().await, new().await);
    let (one, two) = (one["password"].as_str().unwrap().to_owned(), two);
    assert!(server.logs_in("stups_kio", &one).await);
    let commit = |txid: Value| {
        server.call(
            WORKER,
            Method::PUT,
            "/services/stups_kio/password",
            Some(json!({ "txid": txid })),
        )
    };
    assert_eq!(commit(two["txid"].clone()).await.0, 200);
    assert_eq!(commit(two["txid"].clone()).await.0, 200, "the answer was lost");
    assert_eq!(commit(json!("unknown")).await.0, 404);
    assert!(server.logs_in("stups_kio", &one).await, "within the grace");
    server.state.clock.advance(Duration::from_mins(16));
    assert!(!server.logs_in("stups_kio", &one).await);
    assert!(server.logs_in("stups_kio", two["password"].as_str().unwrap()).await);

    // Clients.
    let body = json!({ "id": "stups_kio", "client_id": first });
    let made = server
        .ok(WORKER, Method::POST, "/services/stups_kio/client", Some(body))
        .await;
    let (new_id, secret) = (
        made["client_id"].as_str().unwrap(),
        made["client_secret"].as_str().unwrap(),
    );
    assert_ne!(new_id, id);
    assert!(!made["txid"].as_str().unwrap().is_empty());
    for realm in ["/services", "/employees", "/customers"] {
        assert!(server.client_works(realm, new_id, secret).await, "{realm}");
    }
    assert_eq!(put(service(&scopes)).await["client_id"], first, "until it is committed");
    let commit = json!({ "id": "stups_kio", "client_id": new_id });
    server
        .ok(WORKER, Method::PUT, "/services/stups_kio/client", Some(commit))
        .await;
    assert_eq!(put(service(&scopes)).await["client_id"], new_id);

    // A realm that is not listed any more.
    put(service(&json!([{ "realm": "services", "scopes": ["uid"] }]))).await;
    assert!(!server.client_works("/employees", new_id, secret).await);
    assert!(server.client_works("/services", new_id, secret).await);

    assert_eq!(server.status(JDOE, Method::GET, "/services", None).await, 403);
    assert_eq!(
        server
            .ok("services:x:services_read", Method::GET, "/services", None)
            .await,
        json!([{ "id": "stups_kio" }])
    );
    server.ok(WORKER, Method::DELETE, "/services/stups_kio", None).await;
    assert_eq!(
        server.status(WORKER, Method::GET, "/services/stups_kio", None).await,
        404
    );
    assert!(!server.client_works("/services", new_id, secret).await);
}

async fn raw_sync(server: Server) {
    let bcrypt = |password| json!({ "password_hash": bcrypt::hash(password, 4).unwrap() });
    let user = json!({ "password_hashes": [bcrypt::hash("one", 4).unwrap()], "scopes": { "uid": true, "cn": "J" } });
    assert_eq!(
        server
            .status(ADMIN, Method::PUT, "/raw-sync/users/services/robot", Some(user))
            .await,
        200
    );
    assert_eq!(
        server
            .status(
                ADMIN,
                Method::POST,
                "/raw-sync/users/services/robot/password",
                Some(bcrypt("two"))
            )
            .await,
        201
    );
    assert!(server.logs_in("robot", "one").await && server.logs_in("robot", "two").await);
    let shown = async || {
        let user = server.ok(ADMIN, Method::GET, "/raw-sync/users/services/robot", None);
        user.await
    };
    until("both weak hashes are replaced", async || {
        let user = shown().await;
        let mut passwords = user["passwords"].as_array().unwrap().iter();
        passwords.all(|password| password["algorithm"] == "argon2id")
    })
    .await;
    assert!(server.logs_in("robot", "one").await && server.logs_in("robot", "two").await);
    let shown = shown().await;
    assert_eq!(shown["scopes"], json!({ "cn": "J", "uid": "true" }));
    assert_eq!(shown["created_by"], "/employees/admin");
    // Null and empty keep, as the original did; a merge patch clears.
    let keep = json!({ "scopes": {}, "name": null, "email": "r@example.org" });
    server
        .ok(ADMIN, Method::PATCH, "/raw-sync/users/services/robot", Some(keep))
        .await;
    let shown = server
        .ok(ADMIN, Method::GET, "/raw-sync/users/services/robot", None)
        .await;
    assert_eq!(
        (&shown["scopes"]["cn"], &shown["email"]),
        (&json!("J"), &json!("r@example.org"))
    );
    for (path, body, expected) in [
        ("/raw-sync/users/nowhere/x", json!({}), 400),
        (
            "/raw-sync/users/services/x",
            json!({ "password_hashes": ["plain"] }),
            400,
        ),
        ("/raw-sync/users/services/x", json!({ "scopes": ["realm"] }), 400),
        ("/raw-sync/users/services/x", json!({ "nme": "x" }), 400),
        (
            "/raw-sync/clients/employees/ui",
            json!({ "redirect_uris": ["javascript:x"] }),
            400,
        ),
        ("/raw-sync/clients/employees/ui", json!({ "name": "UI" }), 200),
    ] {
        assert_eq!(
            server.status(ADMIN, Method::PUT, path, Some(body.clone())).await,
            expected,
            "{path} {body}"
        );
    }
    let shown = server
        .ok(ADMIN, Method::GET, "/raw-sync/clients/employees/ui", None)
        .await;
    assert_eq!(shown["is_confidential"], true, "unless it says otherwise");
    let secret = server
        .ok(ADMIN, Method::POST, "/raw-sync/clients/employees/ui/secret", None)
        .await;
    assert!(
        server
            .client_works("/employees", "ui", secret["client_secret"].as_str().unwrap())
            .await
    );
    assert!(!server.client_works("/employees", "ui", "wrong").await);
    assert_eq!(
        server
            .ok(ADMIN, Method::GET, "/raw-sync/clients/employees?limit=1", None)
            .await["items"][0]["id"],
        "ui"
    );
    server
        .ok(ADMIN, Method::DELETE, "/raw-sync/clients/employees/ui", None)
        .await;
    assert_eq!(
        server
            .status(ADMIN, Method::GET, "/raw-sync/clients/employees/ui", None)
            .await,
        404
    );
    assert_eq!(
        server
            .status(ADMIN, Method::PATCH, "/raw-sync/users/services/nobody", Some(json!({})))
            .await,
        404
    );
}

const DIRECTORY: &str = "
users:
- {id: jdoe, name: J. Doe, email: jdoe@example.org, scopes: [uid]}
teams:
- {id: stups, members: [jdoe], aliases: [platform]}
accounts:
- {id: '123456789012', name: stups-test, owner: stups, members: [{id: guest, role: ReadOnly}]}
service_users:
- {id: stups_kio, owner: platform, client: {scopes: {services: [uid]}}}
";

async fn teams_and_policy(server: Server) {
    assert_eq!(server.import(ADMIN, DIRECTORY, "").await.0, 200);
    for prefix in ["", "/api"] {
        let accounts = server
            .ok(JDOE, Method::GET, &format!("{prefix}/accounts/aws?member=jdoe"), None)
            .await;
        let names: Vec<&Value> = accounts
            .as_array()
            .unwrap()
            .iter()
            .map(|account| &account["name"])
            .collect();
        assert_eq!(names, ["stups-test", "stups"], "a synthetic one for the team");
        let team = server
            .ok(JDOE, Method::GET, &format!("{prefix}/teams/platform"), None)
            .await;
        assert_eq!((&team["id"], &team["member"]), (&json!("stups"), &json!(["jdoe"])));
        let teams = server
            .ok(JDOE, Method::GET, &format!("{prefix}/teams?member=jdoe"), None)
            .await;
        assert_eq!(teams[0]["infrastructure-accounts"][0]["id"], "123456789012");
    }
    assert_eq!(server.status(JDOE, Method::GET, "/teams/unknown", None).await, 404);
    let question = |policy: &str, team: &str| json!({ "policy": policy, "payload": { "team": team } });
    for (token, policy, team, expected) in [
        (JDOE, "other", "stups", 404),
        ("customers:c:uid", "relaxed-radical-agility", "stups", 403),
        (JDOE, "relaxed-radical-agility", "stups", 200),
        (JDOE, "relaxed-radical-agility", "platform", 200),
        (JDOE, "relaxed-radical-agility", "stups-test", 200),
        (JDOE, "relaxed-radical-agility", "123456789012", 200),
        (JDOE, "relaxed-radical-agility", "unknown", 403),
        ("employees:other:uid", "relaxed-radical-agility", "stups", 403),
        ("employees:guest:uid", "relaxed-radical-agility", "stups", 200),
        ("services:stups_kio:uid", "relaxed-radical-agility", "stups", 200),
        ("services:stups_other:uid", "relaxed-radical-agility", "stups", 403),
    ] {
        for method in [Method::GET, Method::POST] {
            let status = server
                .status(token, method, "/auth", Some(question(policy, team)))
                .await;
            assert_eq!(status, expected, "{token} {policy} {team}");
        }
    }
    let groups = server.ok(JDOE, Method::GET, "/employees/jdoe/groups", None).await;
    assert_eq!(
        groups[0]["name"],
        "Apps/AWS/Aws-stups-test-123456789012/Roles/PowerUser"
    );
    assert_eq!(
        server.ok(JDOE, Method::GET, "/users/employees/jdoe", None).await["email"],
        "jdoe@example.org"
    );
    assert_eq!(
        server.ok(JDOE, Method::GET, "/users/services/stups_kio", None).await,
        json!({ "id": "stups_kio", "realm": "services" })
    );
}

async fn imports(server: Server) {
    let (status, report) = server.import(ADMIN, DIRECTORY, "?dry_run=true").await;
    assert_eq!((status, report["changes"].as_array().unwrap().len()), (200, 4));
    assert_eq!(
        server.status(JDOE, Method::GET, "/teams/stups", None).await,
        404,
        "a dry run writes nothing"
    );
    assert_eq!(
        server.import(ADMIN, DIRECTORY, "").await.1["changes"],
        report["changes"]
    );
    assert_eq!(
        server.import(ADMIN, DIRECTORY, "").await.1["changes"],
        json!([]),
        "a second time"
    );
    let (_, report) = server.import(ADMIN, "teams: []\n", "").await;
    assert_eq!(report["changes"], json!([]));
    let (_, report) = server.import(ADMIN, "teams: []\n", "?prune=true").await;
    assert_eq!(report["changes"][0]["change"], "removed");
    for (yaml, place) in [
        ("users:\n- id: 5\n", "line 2, column 7"),
        ("users:\n- id: a\n  nme: x\n", "line 3, column 8"),
        ("users:\n- {id: a, realm: nowhere}\n", "line 2, column 18"),
        ("users:\n- {id: a}\n- {id: a}\n", "line 3, column 3"),
        ("accounts:\n- {id: '123456789012', owner: none}\n", "line 2, column 31"),
        ("clients:\n- id: a\n  secret_hash: plain\n", "line 3, column 16"),
        ("users: [\n", "line 2, column 1"),
        ("x: 1\n", "line 1, column 4"),
    ] {
        let (status, body) = server.import(ADMIN, yaml, "").await;
        assert_eq!(status, 400);
        assert!(body.to_string().contains(place), "{yaml}: {body}");
    }
    let broken = "users:\n- {id: whole}\n- {id: half, password_hashes: [plain]}\n";
    assert_eq!(server.import(ADMIN, broken, "").await.0, 400);
    let path = "/raw-sync/users/employees/whole";
    assert_eq!(
        server.status(ADMIN, Method::GET, path, None).await,
        404,
        "all of it or nothing"
    );
}

async fn ssh_keys(server: Server) {
    server.import(ADMIN, DIRECTORY, "").await;
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    let body = json!({ "key": format!("no-pty {key} laptop") });
    let path = "/raw-sync/users/employees/jdoe/keys";
    assert_eq!(
        server.status(JDOE, Method::POST, path, Some(body.clone())).await,
        201,
        "one's own"
    );
    assert_eq!(
        server
            .status("employees:other:uid", Method::POST, path, Some(body))
            .await,
        403
    );
    for path in [
        "/employees/jdoe/ssh",
        "/users/jdoe/ssh",
        "/jdoe/ssh",
        "/api/employees/jdoe/ssh",
    ] {
        assert_eq!(
            server.ok(WORKER, Method::GET, path, None).await,
            format!("{key} laptop\n"),
            "{path}"
        );
    }
    server
        .ok(
            ADMIN,
            Method::PATCH,
            "/raw-sync/users/employees/jdoe",
            Some(json!({ "disabled": true })),
        )
        .await;
    assert_eq!(
        server.call(WORKER, Method::GET, "/employees/jdoe/ssh", None).await.0,
        404
    );
    assert_eq!(
        server.status(WORKER, Method::GET, "/employees/nobody/ssh", None).await,
        404
    );
}

async fn only_administrators_write(server: Server) {
    for (method, path) in [
        (Method::PUT, "/raw-sync/users/employees/x"),
        (Method::PATCH, "/raw-sync/clients/employees/x"),
        (Method::PUT, "/teams/x"),
        (Method::PUT, "/accounts/aws/123456789012"),
        (Method::POST, "/import"),
    ] {
        for (token, expected) in [(JDOE, 403), ("services:robot:uid", 403), ("nonsense", 401)] {
            assert_eq!(
                server.status(token, method.clone(), path, Some(json!({}))).await,
                expected,
                "{path}"
            );
        }
    }
    let scoped = "services:robot:identity.admin";
    assert_eq!(
        server.status(scoped, Method::PUT, "/teams/x", Some(json!({}))).await,
        200
    );
}
