//! Objects in a directory and in S3 behave alike.

use futures::TryStreamExt as _;
use stups_store::objects::object_store::aws::AmazonS3Builder;
use stups_store::objects::object_store::path::Path;
use stups_store::objects::object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use stups_store::objects::{ObjectsError, open, s3};
use stups_testkit::{Account, AwsApi};
use url::Url;

async fn keeps_objects(store: &dyn ObjectStore) {
    let name = Path::from("images/a b/1.json");
    let create = || PutOptions {
        mode: PutMode::Create,
        ..PutOptions::default()
    };
    store
        .put_opts(&name, PutPayload::from_static(b"one"), create())
        .await
        .unwrap();
    let second = store.put_opts(&name, PutPayload::from_static(b"two"), create()).await;
    assert!(matches!(second, Err(Error::AlreadyExists { .. })), "{second:?}");
    assert_eq!(store.get(&name).await.unwrap().bytes().await.unwrap(), "one".as_bytes());

    let listed: Vec<_> = store.list(Some(&Path::from("images"))).try_collect().await.unwrap();
    assert_eq!(
        listed.iter().map(|object| &object.location).collect::<Vec<_>>(),
        [&name]
    );
    store.delete(&name).await.unwrap();
    assert!(matches!(store.get(&name).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_directory_keeps_objects() {
    let directory = tempfile::tempdir().unwrap();
    let url = Url::from_directory_path(directory.path().join("to/be made")).unwrap();
    keeps_objects(&*open(&url).unwrap()).await;
    assert!(directory.path().join("to/be made/images").exists());
}

#[tokio::test]
async fn s3_keeps_objects() {
    let api = AwsApi::shared().await;
    let account = Account::builder(api).bucket("stups-store-objects").build().await;
    let settings = || {
        let from = |name: &str| {
            account
                .environment()
                .into_iter()
                .find(|(key, _)| key == name)
                .unwrap()
                .1
        };
        AmazonS3Builder::new()
            .with_endpoint(from("AWS_ENDPOINT_URL"))
            .with_access_key_id(from("AWS_ACCESS_KEY_ID"))
            .with_secret_access_key(from("AWS_SECRET_ACCESS_KEY"))
            .with_token(from("AWS_SESSION_TOKEN"))
            .with_region("us-east-1")
    };
    let at = |url: &str| s3(&url.parse().unwrap(), settings()).unwrap();
    keeps_objects(&*at("s3://stups-store-objects")).await;
    keeps_objects(&*at("s3://stups-store-objects/pier/one/")).await;

    let name = Path::from("x");
    at("s3://stups-store-objects/pier")
        .put(&name, PutPayload::from_static(b"x"))
        .await
        .unwrap();
    at("s3://stups-store-objects").get(&Path::from("pier/x")).await.unwrap();
    assert!(at("s3://stups-store-objects/elsewhere").get(&name).await.is_err());
}

#[test]
fn other_urls_are_refused() {
    for url in ["http://host/path", "gs://bucket", "file://elsewhere/path"] {
        assert!(
            matches!(open(&url.parse().unwrap()), Err(ObjectsError::Url(_))),
            "{url}"
        );
    }
}
