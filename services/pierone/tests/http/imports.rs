//! Taking over an original Pier One: its own bucket, and what its interface tells.

use serde_json::{Value, json};
use stups_pierone::Config;
use stups_store::objects::object_store::ObjectStoreExt as _;
use stups_store::objects::object_store::path::Path;

use crate::support::{ADMIN, Answer, DOCKER_MANIFEST, Ground, JDOE, PierOne, descriptor, noise, sha256};

/// As the original formats what it was pushed: clients know the digest of this text.
fn served(manifest: &Value) -> String {
    serde_json::to_string_pretty(manifest).unwrap()
}

fn image(config: &[u8], layer: &[u8]) -> String {
    served(&json!({
        "schemaVersion": 2, "mediaType": DOCKER_MANIFEST,
        "config": descriptor("application/vnd.docker.container.image.v1+json", config),
        "layers": [descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", layer)],
    }))
}

/// Puts content where the original has it.
async fn keep(ground: &Ground, digest: &str, bytes: &[u8]) {
    let object = Path::from(digest);
    ground.objects.put(&object, bytes.to_vec().into()).await.unwrap();
}

async fn import(pierone: &PierOne, who: &str, tag: &str, manifest: &str) -> Answer {
    let source = json!({"url": "git:git@github.com:stups/kio.git", "revision": "0123456789012345678901234567890123456789",
        "author": "jdoe", "status": "", "created": "2016-05-19T15:23:41.065Z"});
    let body = json!({"repository": "stups/kio", "tag": tag, "manifest": manifest, "created": "2016-05-19T15:23:42.065Z",
        "created_by": "somebody", "scm_source": source});
    pierone.json("POST", "/imports", who, &body).await
}

#[tokio::test]
async fn an_original_is_taken_over_with_its_bucket() {
    for ground in Ground::both().await {
        let (config, layer) = (b"{\"os\":\"linux\"}".as_slice(), noise(1, 9 << 20));
        keep(&ground, &sha256(config), config).await;
        keep(&ground, &sha256(&layer), &layer).await;
        let pierone = ground.start(Config::default()).await;
        let manifest = image(config, &layer);
        import(&pierone, JDOE, "1.0", &manifest).await.is(403);
        pierone.get("/v2/stups/kio/manifests/1.0").await.is(404);
        // The same again is no error.
        for _ in 0..2 {
            let told = import(&pierone, ADMIN, "1.0", &manifest).await.is(200).json();
            assert_eq!(told["digest"], sha256(manifest.as_bytes()), "{}", ground.name);
        }
        let found = pierone.get("/v2/stups/kio/manifests/1.0").await.is(200);
        assert_eq!(
            found.header("docker-content-digest"),
            Some(sha256(manifest.as_bytes()).as_str())
        );
        assert_eq!(found.header("content-type"), Some(DOCKER_MANIFEST));
        assert_eq!(found.text(), manifest);
        let blob = pierone
            .get(&format!("/v2/stups/kio/blobs/{}", sha256(&layer)))
            .await
            .is(200);
        assert!(blob.body == layer);
        let tags = pierone.get("/teams/stups/artifacts/kio/tags").await.is(200).json();
        assert_eq!(tags[0]["created"], "2016-05-19T15:23:42.065Z");
        assert_eq!(tags[0]["created_by"], "somebody");
        let source = pierone
            .get("/teams/stups/artifacts/kio/tags/1.0/scm-source")
            .await
            .is(200)
            .json();
        assert_eq!(source["author"], "jdoe");
        assert_eq!(source["created"], "2016-05-19T15:23:41.065Z");
        // What is pushed here is newer.
        pierone.image("stups/kio", "0.9", &[b"new"]).await;
        let latest = pierone.get("/v2/stups/kio/manifests/latest").await.is(200);
        assert_ne!(latest.text(), manifest);
        // What the original has stays where it was, for as long as it is needed.
        assert!(ground.objects.head(&Path::from(sha256(&layer))).await.is_ok());
        let other = image(b"{}", b"new");
        import(&pierone, ADMIN, "1.0", &other).await.is(409);
        let trail = pierone.trail().await;
        let of = |action: &str| trail.iter().filter(|(found, _)| found == action).count();
        // Who was refused, and what came; content has its records as always.
        assert_eq!((of("tag.imported"), of("tag.uploaded"), of("tag.denied")), (2, 1, 1));
    }
}

#[tokio::test]
async fn only_what_is_what_its_name_says_is_taken_over() {
    for ground in Ground::both().await {
        let pierone = ground.start(Config::default()).await;
        let (config, layer) = (b"{}".as_slice(), noise(2, 1000));
        keep(&ground, &sha256(config), config).await;
        let manifest = image(config, &layer);
        let missing = import(&pierone, ADMIN, "1.0", &manifest).await.is(400);
        assert!(missing.text().contains(&sha256(&layer)), "{}", missing.text());
        keep(&ground, &sha256(&layer), b"something else").await;
        import(&pierone, ADMIN, "1.0", &manifest).await.is(400);
        pierone
            .head(&format!("/v2/stups/kio/blobs/{}", sha256(&layer)))
            .await
            .is(404);
        pierone.get("/v2/stups/kio/manifests/1.0").await.is(404);
        // What is not in the bucket any more may be pushed.
        pierone.blob("stups/kio", &layer).await;
        import(&pierone, ADMIN, "1.0", &manifest).await.is(200);
        import(&pierone, ADMIN, "latest", &manifest).await.is(409);
        for (repository, tag, manifest) in [
            ("KIO", "1.0", "{}"),
            ("stups/kio", "a b", "{}"),
            ("stups/kio", "1.0", "[]"),
        ] {
            let body =
                json!({"repository": repository, "tag": tag, "manifest": manifest, "created": "2016-05-19T15:23:41Z"});
            pierone.json("POST", "/imports", ADMIN, &body).await.is(400);
        }
    }
}

#[tokio::test]
async fn images_of_the_first_schema_are_served_as_they_were() {
    let ground = Ground::small();
    let layer = noise(3, 1000);
    keep(&ground, &sha256(&layer), &layer).await;
    let pierone = ground.start(Config::default()).await;
    let manifest = served(
        &json!({"schemaVersion": 1, "name": "stups/kio", "tag": "1.0", "fsLayers": [{"blobSum": sha256(&layer)}]}),
    );
    import(&pierone, ADMIN, "1.0", &manifest).await.is(200);
    let found = pierone.get("/v2/stups/kio/manifests/1.0").await.is(200);
    let schema = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    assert_eq!((found.text(), found.header("content-type")), (manifest, Some(schema)));
    pierone
        .get(&format!("/v2/stups/kio/blobs/{}", sha256(&layer)))
        .await
        .is(200);
    pierone.get("/teams/stups/artifacts/kio/tags").await.is(200);
}
