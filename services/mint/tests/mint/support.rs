//! A running mint and a worker on each database.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use stups_api::client::{Answer, Client};
use stups_api::essentials::EssentialsClient;
use stups_api::identity::IdentityClient;
use stups_api::kio::KioClient;
use stups_auth::Verifier;
use stups_aws::{Credentials, Session};
use stups_mint::{Config, CycleStatus, Mint, Services, Worker, WorkerSettings};
use stups_server::{Clock, Environment};
use stups_store::{DatabaseUrl, Store};
use stups_testkit::{Everybody, HttpService, PostgreSql, Teams};

use crate::world::World;

/// An employee of the team `stups`, which owns every application.
pub(crate) const JDOE: &str = "/employees/jdoe+uid";
/// A worker of old.
pub(crate) const WORKER: &str = "/services/worker+uid+application.write_all_sensitive";
/// Who may release the brake.
pub(crate) const ADMIN: &str = "/employees/admin+uid";

/// A running service in a world of its own.
pub(crate) struct Running {
    pub(crate) database: &'static str,
    pub(crate) store: Store,
    pub(crate) world: World,
    pub(crate) clock: Clock,
    pub(crate) worker: Worker,
    http: HttpService,
    _directory: tempfile::TempDir,
}

impl Deref for Running {
    type Target = HttpService;

    fn deref(&self) -> &HttpService {
        &self.http
    }
}

impl Running {
    pub(crate) async fn on_both_databases() -> [Self; 2] {
        [Self::on_sqlite().await, Self::on_postgresql().await]
    }

    pub(crate) async fn on_sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::sqlite_file(&directory.path().join("mint.db"));
        Self::start("SQLite", &url, directory).await
    }

    pub(crate) async fn on_postgresql() -> Self {
        let url: DatabaseUrl = PostgreSql::shared().await.database().await.parse().unwrap();
        Self::start("PostgreSQL", &url, tempfile::tempdir().unwrap()).await
    }

    async fn start(database: &'static str, url: &DatabaseUrl, directory: tempfile::TempDir) -> Self {
        let store = Store::open(url, stups_mint::NAME, stups_mint::migrations())
            .await
            .unwrap();
        let (world, clock) = (World::new().await, Clock::default());
        let mint = Mint {
            store: store.clone(),
            verifier: Verifier::new(Everybody),
            policy: Arc::new(Teams::default()),
            kio: Some(KioClient::new(Client::new(world.kio.clone()).unwrap())),
            essentials: Some(EssentialsClient::new(Client::new(world.essentials.clone()).unwrap())),
            everything_is_allowed: false,
            trusted_services: "/services/worker".parse().unwrap(),
            admins: "/employees/admin".parse().unwrap(),
            username_prefix: "stups_".to_owned(),
            clock: clock.clone(),
        };
        let http = HttpService::start(|url| {
            let environment = Environment::new(directory.path(), url.clone());
            mint.build(&environment).unwrap().router
        });
        Self {
            http: http.await,
            database,
            // One application at a time: the order of all calls is known.
            worker: worker(&store, &world, &clock, &at_once(1)),
            store,
            world,
            clock,
            _directory: directory,
        }
    }

    /// Another worker on the same database, with other settings.
    pub(crate) fn another_worker(&self, config: &Config) -> Worker {
        worker(&self.store, &self.world, &self.clock, config)
    }

    pub(crate) async fn cycle(&self) -> CycleStatus {
        self.worker.run_cycle().await.unwrap()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
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

    pub(crate) async fn put(&self, id: &str, body: Value) -> Answer {
        self.call("PUT", &format!("/apps/{id}"), JDOE, Some(body)).await
    }

    /// Registers an application in Kio and configures it with these buckets.
    pub(crate) async fn configured(&self, id: &str, buckets: &[&str]) {
        self.world.facts().applications.insert(id.to_owned(), true);
        let body = json!({"is_client_confidential": true, "s3_buckets": buckets});
        let answer = self.put(id, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text().unwrap());
    }
}

/// Settings of a worker that does something for so many applications at the same time.
pub(crate) fn at_once(applications: usize) -> Config {
    Config {
        concurrency: applications.try_into().unwrap(),
        ..Config::default()
    }
}

fn worker(store: &Store, world: &World, clock: &Clock, config: &Config) -> Worker {
    let client = |url: &url::Url| Client::new(url.clone()).unwrap().with_timeout(Duration::from_secs(2));
    let services = Services {
        kio: KioClient::new(client(&world.kio)),
        essentials: EssentialsClient::new(client(&world.essentials)),
        service_users: IdentityClient::new(client(&world.users)),
        coworker: Some(client(&world.s3)),
    };
    let credentials = Credentials::new("key", "secret", None, None, "test");
    let session = Session::with_credentials(credentials, "eu-west-1", Some(world.s3.as_str().trim_end_matches('/')));
    let settings = WorkerSettings::of(config).unwrap();
    Worker::new(store.clone(), services, &session, settings, clock.clone())
}
