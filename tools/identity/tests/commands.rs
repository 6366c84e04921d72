//! Every command against a running identity service, over real HTTP, on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt as _;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use stups_identity::{Config, build};
use stups_identity_cli::Context;
use stups_server::{Environment, serve};
use stups_terminal::Terminal;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::Url;

/// Makes of each function a test on SQLite and one on PostgreSQL.
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                Box::pin(super::$name(crate::Service::start(None).await)).await;
            })*
        }
        mod postgresql {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                let url = stups_testkit::PostgreSql::shared().await.database().await;
                Box::pin(super::$name(crate::Service::start(Some(url)).await)).await;
            })*
        }
    };
}

on_both_databases!(
    users_come_change_and_go,
    passwords_are_set_and_replaced,
    ssh_keys_are_kept,
    passwords_of_devices,
    teams_and_their_members,
    accounts_of_teams,
    clients_and_their_secrets,
    service_users_are_configured,
    credentials_of_service_users_are_rotated,
    credentials_are_saved_as_applications_read_them,
    a_file_is_applied_twice,
    what_cannot_be_done_is_said_in_one_line,
);

/// A running service, and its administrator's token.
struct Service {
    url: Url,
    token: SecretString,
    directory: TempDir,
    _shutdown: oneshot::Sender<()>,
}

/// How a command ended.
#[derive(Debug)]
struct Ended {
    code: u8,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    fn json(self) -> Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn failed(self, code: u8) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.stdout.is_empty(), "{self:?}");
        self.stderr
    }
}

impl Service {
    async fn start(database: Option<String>) -> Self {
        // Fails when another test has installed it already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let directory = TempDir::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let config = Config {
            database: database.map(SecretString::from),
            first_party_clients: vec!["/employees/ztoken".to_owned()],
            ..Config::default()
        };
        let environment = Environment::new(directory.path(), url.clone());
        let identity = build(&config, &environment).await.unwrap();
        let (shutdown, stopped) = oneshot::channel();
        tokio::spawn(serve(listener, identity.built.router, None, async move {
            drop(stopped.await);
        }));
        let password = identity.administrator.unwrap().password;
        let token = log_in(&url, password.expose_secret()).await;
        Self {
            url,
            token,
            directory,
            _shutdown: shutdown,
        }
    }

    async fn run(&self, words: &[&str]) -> Ended {
        self.run_as(self.token.clone(), words).await
    }

    async fn run_as(&self, token: SecretString, words: &[&str]) -> Ended {
        let (terminal, captured) = Terminal::captured("");
        let context = Context::new(terminal.clone(), self.url.clone(), token).unwrap();
        let words = ["identity"].iter().chain(words).map(Into::into).collect();
        let result = stups_identity_cli::run_in(&context, words).await;
        let code = result.as_ref().err().map_or(0, |failure| failure.exit_code);
        let _ = terminal.finish(result);
        Ended {
            code,
            stdout: captured.stdout(),
            stderr: captured.stderr(),
        }
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// The status with which a token is given to a machine.
    async fn grant(&self, client: &Value, form: &[(&str, &str)]) -> u16 {
        let request = reqwest::Client::new()
            .post(self.url.join("/oauth2/access_token?realm=/services").unwrap())
            .basic_auth(client["client_id"].as_str().unwrap(), client["client_secret"].as_str())
            .form(form);
        request.send().await.unwrap().status().as_u16()
    }
}

/// The administrator's token, as a login page of our own gets it.
async fn log_in(url: &Url, password: &str) -> SecretString {
    let form = [
        ("response_type", "token"),
        ("client_id", "ztoken"),
        ("realm", "/employees"),
        ("redirect_uri", "http://localhost"),
        ("scope", "uid identity.admin"),
        ("username", "admin"),
        ("password", password),
        ("decision", "allow"),
    ];
    let request = reqwest::Client::new()
        .post(url.join("/oauth2/authorize").unwrap())
        .header("accept", "application/json")
        .form(&form);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let redirect = answer["redirect"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let token = redirect
        .split(['#', '&'])
        .find_map(|part| part.strip_prefix("access_token="));
    SecretString::from(token.unwrap())
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

async fn users_come_change_and_go(service: Service) {
    let ended = service
        .run(&[
            "user",
            "add",
            "jdoe",
            "--name",
            "J. Doe",
            "--email",
            "jdoe@example.org",
            "--scope",
            "uid",
        ])
        .await;
    assert_eq!(ended.stderr, "Adding user jdoe.. OK\n");
    let ended = service.run(&["user", "add", "jdoe", "--name", "Jane Doe"]).await;
    assert_eq!(ended.stderr, "Changing user jdoe.. OK\n");
    let user = service.run(&["user", "show", "jdoe", "-o", "json"]).await.json();
    assert_eq!(
        (&user["name"], &user["email"], &user["disabled"]),
        (&json!("Jane Doe"), &json!("jdoe@example.org"), &json!(false))
    );
    assert_eq!(user["scopes"].as_object().unwrap().keys().collect::<Vec<_>>(), ["uid"]);
    service.run(&["user", "disable", "jdoe"]).await.ok();
    let user = service.run(&["user", "show", "jdoe", "-o", "json"]).await.json();
    assert_eq!(user["disabled"], true);
    service.run(&["user", "enable", "jdoe"]).await.ok();
    let text = service.run(&["user", "list"]).await.ok();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("Id") && lines.len() == 3, "{text}");
    assert!(lines[2].starts_with("jdoe") && lines[2].contains("Jane Doe"), "{text}");
    // More than one page.
    for number in 0..101 {
        service.run(&["user", "add", &format!("u{number:03}")]).await.ok();
    }
    let all = service.run(&["user", "list", "-o", "json"]).await.json();
    assert_eq!(all.as_array().unwrap().len(), 103);
    service.run(&["user", "delete", "jdoe"]).await.ok();
    let error = service.run(&["user", "show", "jdoe"]).await.failed(1);
    assert_eq!(error, "Error: There is no user jdoe.\n");
}

async fn passwords_are_set_and_replaced(service: Service) {
    service.run(&["user", "add", "jdoe"]).await.ok();
    let first = service.run(&["user", "password", "jdoe"]).await.ok();
    assert_eq!(first.trim_end().len(), 24);
    let second = service.run(&["user", "password", "jdoe", "--keep"]).await.ok();
    assert_ne!(first, second);
    let passwords = async || {
        let user = service.run(&["user", "show", "jdoe", "-o", "json"]).await.json();
        user["passwords"].as_array().unwrap().len()
    };
    assert_eq!(passwords().await, 2);
    service.run(&["user", "password", "jdoe"]).await.ok();
    assert_eq!(passwords().await, 1);
    service.run(&["user", "password", "ghost"]).await.failed(1);
}

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl jdoe@laptop";

async fn ssh_keys_are_kept(service: Service) {
    service.run(&["user", "add", "jdoe"]).await.ok();
    let file = service.file("id.pub", KEY);
    let words = [
        "user",
        "key",
        "add",
        "jdoe",
        &file,
        "--expires-at",
        "2099-01-01T00:00:00Z",
    ];
    service.run(&words).await.ok();
    let keys = service.run(&["user", "key", "list", "jdoe", "-o", "json"]).await.json();
    assert_eq!(
        (&keys[0]["type"], keys.as_array().unwrap().len()),
        (&json!("ssh-ed25519"), 1)
    );
    assert!(
        keys[0]["expires_at"]
            .as_str()
            .unwrap()
            .starts_with("2099-01-01T00:00:00")
    );
    let id = keys[0]["id"].as_str().unwrap();
    service.run(&["user", "key", "delete", "jdoe", id]).await.ok();
    let keys = service.run(&["user", "key", "list", "jdoe", "-o", "json"]).await.json();
    assert_eq!(keys, json!([]));
    let file = service.file("no.pub", "ssh-dss AAAA");
    let error = service.run(&["user", "key", "add", "jdoe", &file]).await.failed(1);
    assert!(
        error.starts_with("Adding an SSH key of user jdoe..") || error.contains("Error"),
        "{error}"
    );
    let error = service.run(&["user", "key", "add", "jdoe", "/nowhere"]).await.failed(1);
    assert!(error.contains("/nowhere can't be read"), "{error}");
}

async fn passwords_of_devices(service: Service) {
    service.run(&["user", "add", "jdoe", "--scope", "uid"]).await.ok();
    let words = [
        "user",
        "app-password",
        "add",
        "jdoe",
        "laptop",
        "--scope",
        "uid",
        "--scope",
        "cn",
    ];
    let made = service.run(&words).await.ok();
    assert!(made.starts_with("stups_secret_"), "{made}");
    let list = ["user", "app-password", "list", "jdoe", "-o", "json"];
    let passwords = service.run(&list).await.json();
    assert_eq!(
        (&passwords[0]["name"], &passwords[0]["scopes"]),
        (&json!("laptop"), &json!(["cn", "uid"]))
    );
    let id = passwords[0]["id"].as_str().unwrap();
    service.run(&["user", "app-password", "delete", "jdoe", id]).await.ok();
    assert_eq!(service.run(&list).await.json(), json!([]));
    service
        .run(&["user", "app-password", "delete", "jdoe", id])
        .await
        .failed(1);
    service
        .run(&["user", "app-password", "add", "ghost", "laptop"])
        .await
        .failed(1);
}

async fn teams_and_their_members(service: Service) {
    let words = [
        "team", "add", "stups", "--name", "STUPS", "--member", "jdoe", "--alias", "platform",
    ];
    service.run(&words).await.ok();
    service.run(&["team", "add", "stups", "--member", "other"]).await.ok();
    let team = service.run(&["team", "show", "platform", "-o", "json"]).await.json();
    assert_eq!(
        (&team["id"], &team["name"], &team["members"], &team["aliases"]),
        (
            &json!("stups"),
            &json!("STUPS"),
            &json!(["jdoe", "other"]),
            &json!(["platform"])
        )
    );
    service.run(&["team", "remove-member", "stups", "other"]).await.ok();
    let teams = service
        .run(&["team", "list", "--member", "jdoe", "-o", "json"])
        .await
        .json();
    assert_eq!(ids(&teams), ["stups"]);
    let teams = service
        .run(&["team", "list", "--member", "other", "-o", "json"])
        .await
        .json();
    assert_eq!(teams, json!([]));
    service.run(&["team", "delete", "stups"]).await.ok();
    service.run(&["team", "show", "stups"]).await.failed(1);
    service.run(&["team", "remove-member", "stups", "jdoe"]).await.failed(1);
}

async fn accounts_of_teams(service: Service) {
    service.run(&["team", "add", "stups", "--member", "jdoe"]).await.ok();
    let words = [
        "account",
        "add",
        "123456789012",
        "--name",
        "stups-test",
        "--owner",
        "stups",
    ];
    service.run(&words).await.ok();
    service
        .run(&["account", "add", "123456789012", "--disabled", "true"])
        .await
        .ok();
    let account = service
        .run(&["account", "show", "123456789012", "-o", "json"])
        .await
        .json();
    assert_eq!(
        (&account["name"], &account["owner"], &account["disabled"]),
        (&json!("stups-test"), &json!("stups"), &json!(true))
    );
    let accounts = service.run(&["account", "list", "-o", "tsv"]).await.ok();
    assert!(
        accounts
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("123456789012\tstups-test\t"),
        "{accounts}"
    );
    service.run(&["account", "delete", "123456789012"]).await.ok();
    service.run(&["account", "show", "123456789012"]).await.failed(1);
}

async fn clients_and_their_secrets(service: Service) {
    let words = [
        "client",
        "add",
        "robot",
        "--realm",
        "services",
        "--grant",
        "client-credentials",
        "--owner",
        "robot",
        "--scope",
        "uid",
    ];
    let secret = service.run(&words).await.ok().trim_end().to_owned();
    assert!(secret.len() >= 43, "{secret}");
    let client = service
        .run(&["client", "show", "robot", "--realm", "services", "-o", "json"])
        .await
        .json();
    assert_eq!(
        (&client["has_secret"], &client["grants"]),
        (&json!(true), &json!(["client_credentials"]))
    );
    let rotated = service
        .run(&["client", "rotate", "robot", "--realm", "services"])
        .await
        .ok();
    assert_ne!(rotated.trim_end(), secret);
    let words = [
        "client",
        "add",
        "ui",
        "--public",
        "--redirect-uri",
        "https://ui.example.org/",
    ];
    assert_eq!(service.run(&words).await.ok(), "", "a public client has no secret");
    let clients = service.run(&["client", "list", "-o", "json"]).await.json();
    assert!(ids(&clients).contains(&"ui"));
    service.run(&["client", "delete", "ui"]).await.ok();
    service.run(&["client", "show", "ui"]).await.failed(1);
    service.run(&["client", "add", "x", "--grant", "magic"]).await.failed(2);
}

async fn service_users_are_configured(service: Service) {
    let error = service.run(&["service-user", "add", "stups_kio"]).await.failed(2);
    assert!(error.contains("--owner"), "{error}");
    let words = [
        "service-user",
        "add",
        "stups_kio",
        "--owner",
        "stups",
        "--name",
        "Kio",
        "--scope",
        "application.read",
    ];
    assert_eq!(service.run(&words).await.stderr, "Adding service user stups_kio.. OK\n");
    let shown = async || {
        service
            .run(&["service-user", "show", "stups_kio", "-o", "json"])
            .await
            .json()
    };
    let user = shown().await;
    assert_eq!((&user["owner"], &user["name"]), (&json!("stups"), &json!("Kio")));
    assert_eq!(user["user_config"], json!({"scopes": ["application.read", "uid"]}));
    assert_eq!(
        user["client_config"],
        json!({"redirect_urls": [], "confidential": true, "scopes": [
            {"realm": "/employees", "scopes": ["uid"]},
            {"realm": "/services", "scopes": ["application.read", "uid"]},
        ]})
    );
    // Only what is given changes.
    let words = [
        "service-user",
        "add",
        "stups_kio",
        "--redirect-url",
        "https://kio.example.org/",
        "--client-scope",
        "employees:cn",
    ];
    assert_eq!(
        service.run(&words).await.stderr,
        "Changing service user stups_kio.. OK\n"
    );
    let changed = shown().await;
    assert_eq!(
        (
            &changed["owner"],
            &changed["name"],
            &changed["client_id"],
            &changed["user_config"]
        ),
        (&user["owner"], &user["name"], &user["client_id"], &user["user_config"])
    );
    assert_eq!(
        changed["client_config"]["redirect_urls"],
        json!(["https://kio.example.org/"])
    );
    assert_eq!(
        changed["client_config"]["scopes"],
        json!([
            {"realm": "/employees", "scopes": ["cn"]},
            {"realm": "/services", "scopes": ["application.read", "uid"]},
        ])
    );
    let users = service.run(&["service-user", "list", "-o", "json"]).await.json();
    assert_eq!(ids(&users), ["stups_kio"]);
    let client = changed["client_id"].as_str().unwrap();
    service.run(&["service-user", "delete", "stups_kio"]).await.ok();
    service.run(&["service-user", "show", "stups_kio"]).await.failed(1);
    service.run(&["client", "show", client]).await.failed(1);
    service
        .run(&["service-user", "add", "x", "--client-scope", "employees"])
        .await
        .failed(2);
}

async fn credentials_of_service_users_are_rotated(service: Service) {
    let words = ["service-user", "add", "stups_kio", "--owner", "stups"];
    service.run(&words).await.ok();
    let make = async |what| {
        service
            .run(&["service-user", what, "stups_kio", "-o", "json"])
            .await
            .json()
    };
    let (first, client) = (make("password").await, make("client").await);
    let password = |made: &Value| made["password"].as_str().unwrap().to_owned();
    let by_password = async |made: &Value| {
        let form = [
            ("grant_type", "password"),
            ("username", "stups_kio"),
            ("password", &password(made)),
        ];
        service.grant(&client, &form).await
    };
    assert_eq!(by_password(&first).await, 200);
    assert_eq!(
        service.grant(&client, &[("grant_type", "client_credentials")]).await,
        200
    );
    // A new one is good at once, and so is the old one, until the commit and for the grace.
    let second = make("password").await;
    assert_eq!((by_password(&first).await, by_password(&second).await), (200, 200));
    let (txid, client_txid) = (second["txid"].as_str().unwrap(), client["txid"].as_str().unwrap());
    let words = [
        "service-user",
        "commit",
        "stups_kio",
        "--password",
        txid,
        "--client",
        client_txid,
    ];
    assert_eq!(service.run(&words).await.code, 0);
    assert_eq!((by_password(&first).await, by_password(&second).await), (200, 200));
    let user = service
        .run(&["user", "show", "stups_kio", "--realm", "services", "-o", "json"])
        .await
        .json();
    let ends: Vec<bool> = user["passwords"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["expires_at"].is_string())
        .collect();
    assert_eq!(ends, [true, false]);
    let current = service
        .run(&["service-user", "show", "stups_kio", "-o", "json"])
        .await
        .json();
    assert_eq!(current["client_id"], client["client_id"]);
    let error = service
        .run(&["service-user", "commit", "stups_kio", "--password", "nothing"])
        .await
        .failed(1);
    assert!(error.contains("no such transaction"), "{error}");
    service.run(&["service-user", "commit", "stups_kio"]).await.failed(2);
    service.run(&["service-user", "password", "ghost"]).await.failed(1);
    service.run(&["service-user", "client", "ghost"]).await.failed(1);
}

async fn credentials_are_saved_as_applications_read_them(service: Service) {
    service
        .run(&["service-user", "add", "stups_kio", "--owner", "stups"])
        .await
        .ok();
    let directory = service.directory.path().join("credentials");
    let save = directory.display().to_string();
    let txid = service
        .run(&["service-user", "password", "stups_kio", "--save", &save])
        .await
        .ok();
    service
        .run(&["service-user", "commit", "stups_kio", "--password", txid.trim_end()])
        .await
        .ok();
    let txid = service
        .run(&["service-user", "client", "stups_kio", "--save", &save])
        .await
        .ok();
    service
        .run(&["service-user", "commit", "stups_kio", "--client", txid.trim_end()])
        .await
        .ok();
    let read = |name: &str| -> Value {
        let path = directory.join(name);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let (user, client) = (read("user.json"), read("client.json"));
    let form = [
        ("grant_type", "password"),
        ("username", user["application_username"].as_str().unwrap()),
        ("password", user["application_password"].as_str().unwrap()),
    ];
    assert_eq!(service.grant(&client, &form).await, 200);
    let error = service
        .run(&["service-user", "password", "stups_kio", "--save", "/dev/null/x"])
        .await
        .failed(1);
    assert!(error.contains("can't be written"), "{error}");
}

async fn a_file_is_applied_twice(service: Service) {
    let file = service.file(
        "directory.yaml",
        "users:\n  - {id: jdoe, scopes: [uid]}\nteams:\n  - {id: stups, members: [jdoe]}\n",
    );
    let ended = service.run(&["apply", &file, "--dry-run"]).await;
    assert!(
        ended
            .stderr
            .contains("2 added, 0 changed, 0 removed. Nothing was written."),
        "{ended:?}"
    );
    service.run(&["team", "show", "stups"]).await.failed(1);
    let changes = service.run(&["apply", &file, "-o", "json"]).await.json();
    let changes: Vec<_> = changes
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (&change["change"], &change["type"]))
        .collect();
    assert_eq!(
        changes,
        [(&json!("added"), &json!("user")), (&json!("added"), &json!("team"))]
    );
    let ended = service.run(&["apply", &file]).await;
    assert!(ended.stderr.contains("0 added, 0 changed, 0 removed."), "{ended:?}");
    let fewer = service.file("fewer.yaml", "teams: []\n");
    let ended = service.run(&["apply", &fewer, "--prune"]).await;
    assert!(ended.stderr.contains("0 added, 0 changed, 1 removed."), "{ended:?}");
    let wrong = service.file("wrong.yaml", "users:\n  - {id: jdoe, scope: [uid]}\n");
    let error = service.run(&["apply", &wrong]).await.failed(1);
    assert!(error.contains("line 2"), "{error}");
}

async fn what_cannot_be_done_is_said_in_one_line(service: Service) {
    for words in [
        vec!["user", "add", "a/b"],
        vec!["user", "add", "x", "--realm", "nowhere"],
        vec!["user", "delete", "ghost"],
        vec!["team", "delete", "ghost"],
        vec!["account", "delete", "ghost"],
        vec!["client", "delete", "ghost"],
        vec!["client", "rotate", "ghost"],
        vec!["service-user", "delete", "ghost"],
        vec!["apply", "/nowhere.yaml"],
    ] {
        let error = service.run(&words).await.failed(1);
        assert_eq!(error.lines().count(), 1, "{words:?}: {error}");
        assert!(!error.contains("panicked"), "{error}");
    }
    for token in ["nonsense", "a.b.c"] {
        let error = service
            .run_as(SecretString::from(token), &["user", "list"])
            .await
            .failed(1);
        assert!(error.contains("401"), "{error}");
    }
    service.run(&["user"]).await.failed(2);
    service.run(&["nonsense"]).await.failed(2);
}
