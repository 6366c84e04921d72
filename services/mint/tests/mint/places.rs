//! Where secrets are put beside buckets in the worker's own region.

use serde_json::{Value, json};
use stups_api::client::Client;
use stups_api::essentials::EssentialsClient;
use stups_api::identity::IdentityClient;
use stups_api::kio::KioClient;
use stups_aws::{Credentials, Session};
use stups_mint::{Config, Services, Worker, WorkerSettings};
use stups_testkit::AwsApi;

use crate::support::Running;

/// S3 says where a bucket is, once.
#[tokio::test]
async fn a_bucket_in_another_region_is_found() {
    for mint in Running::on_both_databases().await {
        mint.world
            .facts()
            .regions
            .insert("far-away".to_owned(), "eu-central-1".to_owned());
        mint.configured("kio", &["far-away"]).await;
        let status = mint.cycle().await;
        assert_eq!((status.passwords, status.failed), (1, 0));
        let calls = mint.world.calls();
        let puts = |file: &str| {
            calls
                .iter()
                .filter(|call| **call == format!("PUT s3/far-away/kio/{file}"))
                .count()
        };
        assert_eq!(
            (puts("test-mint-write"), puts("user.json"), puts("client.json")),
            (2, 1, 1)
        );
    }
}

#[tokio::test]
async fn google_buckets_are_the_coworkers() {
    let mint = Running::on_sqlite().await;
    mint.configured("kio", &["gs://bucket.example"]).await;
    assert_eq!(mint.cycle().await.passwords, 1);
    assert_eq!(
        mint.world.file("v1/bucket.example/kio/test-mint-write"),
        json!({"status": "SUCCESS"})
    );
    assert_eq!(
        mint.world.file("v1/bucket.example/kio/user.json")["application_username"],
        "stups_kio"
    );
}

/// A KMS key is named to S3 when the configuration names one.
#[tokio::test]
async fn a_key_encrypts_what_it_is_named_for() {
    let mint = Running::on_sqlite().await;
    mint.configured("kio", &["s3://bucket?kms=alias/stups"]).await;
    assert_eq!(mint.cycle().await.passwords, 1);
    let headers = mint.world.facts().headers.clone();
    assert_eq!(headers["x-amz-server-side-encryption"], "aws:kms");
    assert_eq!(headers["x-amz-server-side-encryption-aws-kms-key-id"], "alias/stups");
}

/// Against a real AWS API: the first secret of an application is created, later ones are versions of it.
#[tokio::test]
async fn secrets_manager_and_parameter_store_have_what_s3_has() {
    let aws = AwsApi::start().await.unwrap();
    let endpoint = aws.endpoint();
    let credentials = Credentials::new("key", "secret", None, None, "test");
    let session = Session::with_credentials(credentials, "eu-west-1", Some(&endpoint));
    session
        .s3()
        .create_bucket()
        .bucket("bucket")
        .create_bucket_configuration(in_ireland())
        .send()
        .await
        .unwrap();
    let mint = Running::on_sqlite().await;
    let places = [
        "bucket",
        "secretsmanager://stups/mint",
        "ssm://stups/mint?region=eu-central-1",
    ];
    mint.configured("kio", &places).await;
    let client = |url: &url::Url| Client::new(url.clone()).unwrap();
    let services = Services {
        kio: KioClient::new(client(&mint.world.kio)),
        essentials: EssentialsClient::new(client(&mint.world.essentials)),
        service_users: IdentityClient::new(client(&mint.world.users)),
        coworker: None,
    };
    let settings = WorkerSettings::of(&Config::default()).unwrap();
    let worker = Worker::new(mint.store.clone(), services, &session, settings, mint.clock.clone());
    for round in 0..2 {
        let status = worker.run_cycle().await.unwrap();
        assert_eq!((status.passwords, status.failed), (1, 0), "round {round}");
        for (file, key) in [("user", "application_password"), ("client", "client_secret")] {
            let object = session
                .s3()
                .get_object()
                .bucket("bucket")
                .key(format!("kio/{file}.json"))
                .send()
                .await
                .unwrap();
            let object = object.body.collect().await.unwrap().into_bytes();
            let secret = session
                .secretsmanager()
                .get_secret_value()
                .secret_id(format!("stups/mint/kio/{file}"));
            let secret = secret.send().await.unwrap().secret_string.unwrap();
            let central = session.in_region("eu-central-1").ssm();
            let parameter = central
                .get_parameter()
                .name(format!("/stups/mint/kio/{file}"))
                .with_decryption(true);
            let parameter = parameter.send().await.unwrap().parameter.unwrap();
            assert_eq!(parameter.r#type.unwrap().as_str(), "SecureString");
            let [object, secret, parameter]: [Value; 3] =
                [&object[..], secret.as_bytes(), parameter.value.unwrap().as_bytes()]
                    .map(|text| serde_json::from_slice(text).unwrap());
            assert!(object == secret && secret == parameter);
            assert!(object[key].as_str().unwrap().starts_with("secret-"));
        }
        mint.pass(std::time::Duration::from_hours(24 * 40));
    }
}

fn in_ireland() -> stups_aws::s3::types::CreateBucketConfiguration {
    let ireland = stups_aws::s3::types::BucketLocationConstraint::EuWest1;
    stups_aws::s3::types::CreateBucketConfiguration::builder()
        .location_constraint(ireland)
        .build()
}
