//! mint's worker, killed before and after each single step of a rotation: the application has working credentials every time, and
//! the next start brings the rotation to its end.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use stups_aws::{Credentials, Session};
use stups_testkit::{AwsApi, PostgreSql};
use stups_tests::{Moment, Platform, Proxy, ServiceProcess, client, executable, until};
use tempfile::TempDir;
use url::Url;

use crate::pierone::Somebody;

const BUCKET_REGION: &str = "eu-west-1";

/// An application with a bucket, and everything that the worker needs.
pub(crate) struct Application {
    pub(crate) somebody: Somebody,
    pub(crate) session: Session,
    pub(crate) bucket: String,
}

impl Application {
    /// Registers `shop` in Kio and makes its bucket. `configuration` is that of the platform.
    pub(crate) async fn new(bucket: &str, configuration: &str, environment: &[(&str, &str)]) -> Self {
        let somebody = Somebody::new_in(configuration, environment).await;
        let credentials = Credentials::new("key", "secret", None, None, "test");
        let session = Session::with_credentials(credentials, BUCKET_REGION, Some(&AwsApi::shared().await.endpoint()));
        let ireland = stups_aws::s3::types::BucketLocationConstraint::EuWest1;
        let place = stups_aws::s3::types::CreateBucketConfiguration::builder().location_constraint(ireland);
        let made = session
            .s3()
            .create_bucket()
            .bucket(bucket)
            .create_bucket_configuration(place.build());
        made.send().await.unwrap();
        let application = Self {
            somebody,
            session,
            bucket: bucket.to_owned(),
        };
        let body = json!({"team_id": "stups", "active": true, "name": "Shop"});
        let kio = application.somebody.platform.kio_url().clone();
        assert!(
            application
                .call(Method::PUT, &kio, "apps/shop", body)
                .await
                .0
                .is_success()
        );
        application
    }

    pub(crate) async fn call(&self, method: Method, base: &Url, path: &str, body: Value) -> (StatusCode, Value) {
        let request = client()
            .request(method.clone(), base.join(path).unwrap())
            .bearer_auth(&self.somebody.token);
        let request = if method == Method::GET {
            request
        } else {
            request.json(&body)
        };
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (
            status,
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default(),
        )
    }

    /// A file as it is in the bucket.
    pub(crate) async fn file(&self, name: &str) -> Value {
        let object = self
            .session
            .s3()
            .get_object()
            .bucket(&self.bucket)
            .key(format!("shop/{name}.json"));
        let content = object.send().await.unwrap().body.collect().await.unwrap().into_bytes();
        serde_json::from_slice(&content).unwrap()
    }

    /// Both files.
    pub(crate) async fn credentials(&self) -> (Value, Value) {
        (self.file("user").await, self.file("client").await)
    }

    /// Gets a token as every application does.
    pub(crate) async fn log_in(&self, (user, oauth_client): &(Value, Value)) -> StatusCode {
        let identity = self.somebody.platform.identity_url();
        let form = [
            ("grant_type", "password"),
            ("username", user["application_username"].as_str().unwrap()),
            ("password", user["application_password"].as_str().unwrap()),
            ("scope", "uid"),
        ];
        let request = client().post(identity.join("oauth2/access_token?realm=/services").unwrap());
        let (id, secret) = (
            oauth_client["client_id"].as_str().unwrap(),
            oauth_client["client_secret"].as_str(),
        );
        request
            .basic_auth(id, secret)
            .form(&form)
            .send()
            .await
            .unwrap()
            .status()
    }
}

/// What a worker process of its own is told.
struct Worker<'a> {
    settings: String,
    directory: TempDir,
    environment: Vec<(&'a str, String)>,
}

impl Worker<'_> {
    async fn start(&self) -> ServiceProcess {
        let environment: Vec<(&str, &str)> = self
            .environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        ServiceProcess::start_in("mint", self.directory.path(), &self.settings, false, &environment).await
    }
}

async fn worker<'a>(platform: &Platform, proxy: &Proxy, token: &str, database: Option<String>) -> Worker<'a> {
    let users = proxy.before(platform.identity_url()).await;
    let aws = proxy.before(&AwsApi::shared().await.endpoint().parse().unwrap()).await;
    let database = database
        .map(|url| format!("database = \"{url}\"\n"))
        .unwrap_or_default();
    let tokens = ["kio-ro-api", "essentials-ro-api", "service-user-rw-api"].map(|name| format!("{name}={token}"));
    Worker {
        settings: format!(
            "[mint]\nidentity_url = \"{}\"\nservice_user_url = \"{users}\"\nkio_url = \"{}\"\nessentials_url = \"{}\"\n\
             interval_seconds = 0.05\nlease_seconds = 0.4\n{database}",
            platform.identity_url(),
            platform.kio_url(),
            platform.essentials_url(),
        ),
        directory: TempDir::new().unwrap(),
        environment: vec![
            ("OAUTH2_ACCESS_TOKENS", tokens.join(",")),
            ("AWS_ENDPOINT_URL", aws.as_str().trim_end_matches('/').to_owned()),
            ("AWS_ACCESS_KEY_ID", "key".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
            ("AWS_REGION", BUCKET_REGION.to_owned()),
        ],
    }
}

async fn killed_at_every_step(bucket: &str, database: Option<String>) {
    let application = Application::new(bucket, "[mint]\nworker = false\n", &[]).await;
    let Somebody { platform, user, .. } = &application.somebody;
    let token = user
        .run(&executable("stups"), &["zign", "token", "uid", "identity.admin"])
        .await
        .succeeded();
    let proxy = Proxy::default();
    let worker = worker(platform, &proxy, token.trim(), database).await;
    let mut process = worker.start().await;
    let configuration = json!({"is_client_confidential": true, "s3_buckets": [bucket]});
    let url: Url = process.url().parse().unwrap();
    assert!(
        application
            .call(Method::PUT, &url, "apps/shop", configuration)
            .await
            .0
            .is_success()
    );
    let is_done = async |url: &Url| {
        // A process that was ended answers nothing.
        let request = client()
            .get(url.join("apps/shop").unwrap())
            .bearer_auth(&application.somebody.token);
        let Ok(answer) = request.send().await else { return false };
        let found: Value = answer.json().await.unwrap_or_default();
        let is_set = |name: &str| found[name].is_string();
        is_set("last_password_rotation")
            && is_set("last_client_rotation")
            && is_set("last_synced")
            && found["has_problems"] == false
    };
    until("the first rotation", async || is_done(&url).await).await;

    let mut kills = 0;
    'sweep: for number in 1.. {
        for moment in [Moment::Before, Moment::After] {
            let held = application.credentials().await;
            let url: Url = process.url().parse().unwrap();
            proxy.end(process.process_id(), number, moment);
            let renewed = application
                .call(Method::POST, &url, "apps/shop/renewal", Value::Null)
                .await
                .0;
            assert!(renewed.is_success(), "{renewed}");
            until("the end of the process, or of the rotation", async || {
                process.has_ended() || is_done(&url).await
            })
            .await;
            if !process.has_ended() {
                break 'sweep;
            }
            kills += 1;
            proxy.disarm();
            let place = format!("{moment:?} step {number}");
            // What is in the bucket works, and so does what was read from there before, and any mixture of the two.
            let found = application.credentials().await;
            for credentials in [
                found.clone(),
                held.clone(),
                (found.0.clone(), held.1.clone()),
                (held.0.clone(), found.1.clone()),
            ] {
                assert_eq!(application.log_in(&credentials).await, StatusCode::OK, "{place}");
            }
            process = worker.start().await;
            let url: Url = process.url().parse().unwrap();
            until("the rotation after the kill", async || is_done(&url).await).await;
            let rotated = application.credentials().await;
            assert!(rotated.0 != held.0 && rotated.1 != held.1, "{place}: both are new");
            assert_eq!(application.log_in(&rotated).await, StatusCode::OK, "{place}");
        }
    }
    // The service user, the probe, and for the password and the client each: made, stored, committed.
    assert_eq!(kills, 16, "eight steps, before and after each");
    let log = std::fs::read_to_string(newest_log(worker.directory.path())).unwrap_or_default();
    let (user, oauth_client) = application.credentials().await;
    for secret in [&user["application_password"], &oauth_client["client_secret"]] {
        assert!(!log.contains(secret.as_str().unwrap()), "the log has no secret");
    }
}

/// Where the last process of a directory complained.
fn newest_log(directory: &Path) -> std::path::PathBuf {
    let logs = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("stderr"));
    let logs = logs.filter(|path| path.is_file());
    logs.max_by_key(|path| path.metadata().unwrap().modified().unwrap())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_survives_a_kill_at_every_step_on_sqlite() {
    killed_at_every_step("killed-on-sqlite", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_survives_a_kill_at_every_step_on_postgresql() {
    let database = PostgreSql::shared().await.database().await;
    killed_at_every_step("killed-on-postgresql", Some(database)).await;
}
