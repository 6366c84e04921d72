//! Storage that does not let go: objects that are locked, and a service that may not remove any.

use std::fmt;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use serde_json::json;
use stups_pierone::Config;
use stups_store::objects::object_store::path::Path;
use stups_store::objects::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use stups_testkit::{Account, AwsApi};

use crate::support::{ADMIN, Ground, JDOE, noise, sha256};

/// A bucket that keeps every version of an object.
async fn locked_bucket(account: &Account, name: &str) {
    let s3 = account.session().s3();
    let bucket = s3.create_bucket().bucket(name).object_lock_enabled_for_bucket(true);
    bucket.send().await.unwrap();
}

#[tokio::test]
async fn images_are_pushed_into_a_bucket_whose_objects_are_locked() {
    let account = Account::builder(AwsApi::shared().await).build().await;
    locked_bucket(&account, "pierone-locked").await;
    let ground = Ground::in_bucket(&account, "pierone-locked").await;
    let pierone = ground.start(Config::default()).await;
    let large = noise(1, 20 << 20);
    pierone.image("stups/kio", "1.0", &[b"small", &large]).await;
    let path = format!("/v2/stups/kio/blobs/{}", sha256(&large));
    assert!(pierone.get(&path).await.is(200).body == large);
    // In pieces, which are joined.
    let bytes = noise(2, 12 << 20);
    let start = pierone
        .send("POST", "/v2/stups/kio/blobs/uploads/", JDOE, &[], b"")
        .await
        .is(202);
    let location = start.header("location").unwrap().to_owned();
    for piece in bytes.chunks(6 << 20) {
        pierone.send("PATCH", &location, JDOE, &[], piece).await.is(202);
    }
    let digest = sha256(&bytes);
    pierone
        .send("PUT", &format!("{location}?digest={digest}"), JDOE, &[], b"")
        .await
        .is(201);
    assert!(pierone.get(&format!("/v2/stups/kio/blobs/{digest}")).await.is(200).body == bytes);
    // What S3 has compared, it can tell.
    let s3 = account.session().s3();
    let listed = s3
        .list_objects_v2()
        .bucket("pierone-locked")
        .prefix("images/blobs/")
        .send();
    let listed = listed.await.unwrap();
    assert_eq!(listed.contents().len(), 4);
}

/// A storage in which nothing may be removed.
#[derive(Debug)]
struct Keeping(Arc<dyn ObjectStore>);

impl fmt::Display for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keeping")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Keeping {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.0.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let refused = |path: Result<Path>| {
            Err(Error::PermissionDenied {
                path: path?.to_string(),
                source: "AccessDenied".into(),
            })
        };
        paths.map(refused).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

#[tokio::test]
async fn what_the_storage_does_not_let_go_is_reported_and_removed_by_who_may() {
    let large = Ground::large().await;
    let keeping = large.with_objects(Arc::new(Keeping(large.objects.clone())));
    let pierone = keeping.start(Config::default()).await;
    pierone.image("stups/kio", "1.0", &[b"named"]).await;
    pierone.blob("stups/kio", b"unnamed").await;
    pierone.sql("UPDATE blobs SET confirmed_at = 0").await;
    let collect = async |pierone: &crate::support::PierOne| {
        let answer = pierone.json("POST", "/garbage-collections", ADMIN, &json!({})).await;
        answer.is(200).json()
    };
    assert_eq!(collect(&pierone).await["blobs"], json!([sha256(b"unnamed")]));
    pierone
        .sql("UPDATE blobs SET collecting = 0 WHERE collecting IS NOT NULL")
        .await;
    for _ in 0..2 {
        let collected = collect(&pierone).await;
        assert_eq!(
            (&collected["removed"], &collected["refused"]),
            (&json!(0), &json!(1)),
            "{collected}"
        );
    }
    assert!(pierone.holds(b"unnamed").await);
    // It is out of sight all the same.
    let path = format!("/v2/stups/kio/blobs/{}", sha256(b"unnamed"));
    pierone.head(&path).await.is(404);

    let pierone = keeping
        .with_remover(large.objects.clone())
        .start(Config::default())
        .await;
    let collected = collect(&pierone).await;
    assert_eq!(
        (&collected["removed"], &collected["refused"]),
        (&json!(1), &json!(0)),
        "{collected}"
    );
    assert!(!pierone.holds(b"unnamed").await);
    assert!(pierone.holds(b"named").await);
}
