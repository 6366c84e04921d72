//! Kio over real HTTP on each database, with a token for everybody and a policy that tests steer.

#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses a part of it")]

use std::ops::Deref;
use std::sync::Arc;

use serde_json::Value;
use stups_api::client::Answer;
use stups_auth::Verifier;
use stups_kio::Registry;
use stups_server::Environment;
use stups_store::{DatabaseUrl, Store};
use stups_testkit::{Everybody, HttpService, PostgreSql, Teams};

/// A running service.
pub(crate) struct Kio {
    pub(crate) database: &'static str,
    pub(crate) store: Store,
    pub(crate) teams: Teams,
    http: HttpService,
    _directory: tempfile::TempDir,
}

/// An employee of the team `stups`.
pub(crate) const JDOE: &str = "/employees/jdoe";
/// An employee of the team `other`.
pub(crate) const ASMITH: &str = "/employees/asmith";
/// A service of the team `stups` that may write.
pub(crate) const ROBOT: &str = "/services/robot+uid+application.write";

impl Deref for Kio {
    type Target = HttpService;

    fn deref(&self) -> &HttpService {
        &self.http
    }
}

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
        let teams = Teams::default();
        let registry = Registry {
            store: store.clone(),
            verifier: Verifier::new(Everybody),
            policy: Arc::new(teams.clone()),
            admins: "/employees/admin,/services/admin-robot".parse().unwrap(),
        };
        let http = HttpService::start(|url| {
            let environment = Environment::new(directory.path(), url.clone());
            registry.build(&environment).unwrap().router
        });
        Self {
            http: http.await,
            database,
            store,
            teams,
            _directory: directory,
        }
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
