//! What is wrong gets an answer, and changes nothing.

use std::fmt;
use std::sync::Arc;

use futures::stream::BoxStream;
use serde_json::json;
use stups_pierone::Config;
use stups_store::objects::object_store::path::Path;
use stups_store::objects::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::support::{
    ADMIN, ASMITH, Ground, JDOE, OCI_INDEX, OCI_MANIFEST, PierOne, Pushed, descriptor, noise, sha256,
};

#[tokio::test]
async fn names_digests_and_paths_are_checked() {
    let pierone = PierOne::small().await;
    let long = format!("stups/{}", "x".repeat(250));
    let digest = sha256(b"");
    for name in [
        "single",
        "Stups/kio",
        "stups/..",
        "../stups",
        "stups/%2e%2e",
        "stups%2fkio/x",
        "stups/kio%2fx",
        "stups//kio",
        "stups/.kio",
        "stups/kio_",
        "st%00ups/kio",
        "stups/k%20o",
        &long,
    ] {
        for path in [
            format!("/v2/{name}/tags/list"),
            format!("/v2/{name}/manifests/1.0"),
            format!("/v2/{name}/blobs/{digest}"),
            format!("/v2/{name}/referrers/{digest}"),
        ] {
            pierone.get(&path).await.refused(400, "NAME_INVALID");
        }
        let path = format!("/v2/{name}/blobs/uploads/");
        pierone
            .send("POST", &path, JDOE, &[], b"")
            .await
            .refused(400, "NAME_INVALID");
    }
    let upper = digest.to_uppercase().replace("SHA256", "sha256");
    for bad in [
        "sha256:baddigeststring",
        "md5:00",
        "sha256:",
        "sha512:00",
        upper.as_str(),
        "x",
    ] {
        let refused = pierone.get(&format!("/v2/stups/kio/blobs/{bad}")).await;
        refused.refused(400, "DIGEST_INVALID");
        let path = format!("/v2/stups/kio/blobs/uploads/?digest={bad}");
        pierone
            .send("POST", &path, JDOE, &[], b"")
            .await
            .refused(400, "DIGEST_INVALID");
    }
    let path = "/v2/stups/kio/blobs/uploads/?digest-algorithm=md5";
    pierone
        .send("POST", path, JDOE, &[], b"")
        .await
        .refused(400, "DIGEST_INVALID");
    let image = pierone.prepare("stups/kio", &[]).await;
    for (reference, code) in [
        ("sha256:baddigeststring", "DIGEST_INVALID"),
        (sha256(b"other").as_str(), "DIGEST_INVALID"),
        (".hidden", "MANIFEST_INVALID"),
        ("-dash", "MANIFEST_INVALID"),
        ("a%2fb", "MANIFEST_INVALID"),
        ("x".repeat(129).as_str(), "MANIFEST_INVALID"),
    ] {
        pierone
            .put("stups/kio", reference, JDOE, &image)
            .await
            .refused(400, code);
    }
    pierone.put("stups/kio", &"x".repeat(128), JDOE, &image).await.is(201);
    for path in ["/v2/stups/kio", "/v2/stups/kio/nonsense/x", "/v2/_nonsense"] {
        pierone.get(path).await.refused(404, "UNSUPPORTED");
    }
    for (method, path) in [
        ("POST", "/v2/"),
        ("PUT", "/v2/stups/kio/tags/list"),
        ("PUT", "/v2/stups/kio/blobs/uploads/"),
        ("POST", "/v2/stups/kio/manifests/1.0"),
        ("PUT", "/v2/_catalog"),
    ] {
        let refused = pierone
            .send(method, path, JDOE, &[], b"")
            .await
            .refused(405, "UNSUPPORTED");
        assert!(refused.header("allow").is_some());
    }
}

#[tokio::test]
async fn chunks_that_lie_are_refused() {
    let pierone = PierOne::small().await;
    let start = pierone
        .send("POST", "/v2/stups/kio/blobs/uploads/", JDOE, &[], b"")
        .await
        .is(202);
    let location = start.header("location").unwrap();
    for (range, body, status, code) in [
        ("x-y", &b"1234"[..], 400, "BLOB_UPLOAD_INVALID"),
        ("0", b"1234", 400, "BLOB_UPLOAD_INVALID"),
        ("0-9", b"1234", 400, "SIZE_INVALID"),
        ("0-1", b"1234", 400, "SIZE_INVALID"),
        ("1-4", b"1234", 416, "BLOB_UPLOAD_INVALID"),
    ] {
        let answer = pierone
            .send("PATCH", location, JDOE, &[("content-range", range)], body)
            .await;
        answer.refused(status, code);
    }
    // Longer than it says, without a length of its own.
    let chunked = [("content-range", "0-9999"), ("transfer-encoding", "chunked")];
    let answer = pierone.send("PATCH", location, JDOE, &chunked, &noise(1, 20_000)).await;
    answer.refused(413, "SIZE_INVALID");
    assert_eq!(pierone.get(location).await.is(204).header("range"), Some("0-0"));
    pierone
        .send("PUT", location, JDOE, &[], b"")
        .await
        .refused(400, "DIGEST_INVALID");
    for id in ["nonsense", "00000000-0000-0000-0000-000000000000", "..", "%2e%2e"] {
        let path = format!("/v2/stups/kio/blobs/uploads/{id}");
        pierone
            .send("PATCH", &path, JDOE, &[], b"x")
            .await
            .refused(404, "BLOB_UPLOAD_UNKNOWN");
        let path = format!("{path}?digest={}", sha256(b"unknown"));
        pierone
            .send("PUT", &path, JDOE, &[], b"x")
            .await
            .refused(404, "BLOB_UPLOAD_UNKNOWN");
    }
}

#[tokio::test]
async fn blobs_and_manifests_are_bounded() {
    let config = Config {
        blob_bytes: 1000,
        ..Config::default()
    };
    let pierone = Ground::small().start(config).await;
    pierone.blob("stups/kio", &noise(1, 1000)).await;
    let path = |bytes: &[u8]| format!("/v2/stups/kio/blobs/uploads/?digest={}", sha256(bytes));
    for headers in [&[][..], &[("transfer-encoding", "chunked")]] {
        let bytes = noise(2, 1001);
        let refused = pierone.send("POST", &path(&bytes), JDOE, headers, &bytes).await;
        refused.refused(413, "SIZE_INVALID");
    }
    // Not by pieces either.
    let start = pierone
        .send("POST", "/v2/stups/kio/blobs/uploads/", JDOE, &[], b"")
        .await
        .is(202);
    let location = start.header("location").unwrap();
    pierone.send("PATCH", location, JDOE, &[], &noise(3, 600)).await.is(202);
    pierone
        .send("PATCH", location, JDOE, &[], &noise(3, 600))
        .await
        .refused(413, "SIZE_INVALID");

    let put = async |content_type: &str, bytes: &[u8]| {
        let headers = [("content-type", content_type)];
        pierone
            .send("PUT", "/v2/stups/kio/manifests/1.0", JDOE, &headers, bytes)
            .await
    };
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(5 << 20));
    put(OCI_MANIFEST, large.as_bytes())
        .await
        .refused(413, "MANIFEST_INVALID");
    let deep = format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    put(OCI_MANIFEST, deep.as_bytes())
        .await
        .refused(400, "MANIFEST_INVALID");
    let many = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": vec![descriptor("m", b"x"); 5000]});
    put(OCI_INDEX, many.to_string().as_bytes())
        .await
        .refused(400, "MANIFEST_INVALID");
    for bytes in [&b""[..], b"{", b"null", b"\xff\xfe"] {
        put(OCI_MANIFEST, bytes).await.refused(400, "MANIFEST_INVALID");
    }
    put("text/plain", b"{\"schemaVersion\":2}")
        .await
        .refused(400, "MANIFEST_INVALID");
    let first = json!({"schemaVersion": 1, "fsLayers": []});
    put(
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        first.to_string().as_bytes(),
    )
    .await
    .refused(400, "MANIFEST_INVALID");
    pierone.get("/v2/stups/kio/manifests/1.0").await.is(404);
}

#[tokio::test]
async fn indexes_are_not_nested_without_end() {
    let pierone = PierOne::small().await;
    let mut child = Pushed::new(json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}));
    let mut depth = 0;
    loop {
        let answer = pierone.put("stups/kio", &child.digest, JDOE, &child).await;
        if answer.status != 201 {
            answer.refused(400, "MANIFEST_INVALID");
            break;
        }
        depth += 1;
        assert!(depth < 20);
        child = Pushed::new(json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child.descriptor()]}));
    }
    assert_eq!(depth, 9);
}

#[tokio::test]
async fn bodies_of_other_routes_are_checked_too() {
    let pierone = PierOne::small().await;
    pierone.image("stups/kio", "1.0", &[]).await;
    let path = "/teams/stups/artifacts/kio/tags/1.0/production-ready";
    for body in ["", "{", "[]", "{\"incident_id\":1}", "{\"incident_id\":\"\"}"] {
        let headers = [("content-type", "application/json")];
        pierone
            .send("POST", path, JDOE, &headers, body.as_bytes())
            .await
            .is(400);
    }
    pierone.send("POST", path, JDOE, &[], b"{}").await.is(406);
    pierone
        .json("POST", path, ASMITH, &json!({"incident_id": "x"}))
        .await
        .is(403);
    pierone.get("/teams/STUPS/artifacts/kio/tags").await.is(404);
    pierone.get("/teams/stups/artifacts/kio%2f../tags/1.0").await.is(400);
}

/// PostgreSQL keeps no text with a zero in it.
#[tokio::test]
async fn zeros_in_texts_are_no_errors_of_the_registry() {
    for pierone in PierOne::both().await {
        let image = pierone.image("stups/kio", "1.0", &[b"layer"]).await;
        let digest = &image.digest;
        for path in [
            "/v2/stups/kio/tags/list?last=%00".to_owned(),
            "/v2/_catalog?last=%00".to_owned(),
            format!("/v2/stups/kio/referrers/{digest}?artifactType=%00"),
            format!("/v2/stups/kio/referrers/{digest}?last=%00"),
            "/v2/stups/kio/blobs/uploads/%00".to_owned(),
            "/v2/token?scope=repository:stups/kio%00:pull&service=%00".to_owned(),
            "/v1/search?q=%00".to_owned(),
            "/v1/repositories/stups/kio/tags/%00".to_owned(),
            "/v1/layers/%00".to_owned(),
            "/tags/%00".to_owned(),
            "/stats/teams/%00".to_owned(),
            "/teams/%00/artifacts".to_owned(),
            "/teams/stups/artifacts/%00/tags".to_owned(),
            "/teams/stups/artifacts/kio/tags/%00".to_owned(),
            "/teams/stups/artifacts/kio/tags/%00/scm-source".to_owned(),
            "/teams/stups/artifacts/kio/tags/%00/history".to_owned(),
            "/image-metadata/x/stups/kio:%00".to_owned(),
            "/audit?subject=%00".to_owned(),
        ] {
            let answer = pierone.get(&path).await;
            assert!(answer.status < 500, "{} {path}: {}", pierone.ground.name, answer.text());
        }
        let tag = "/teams/stups/artifacts/kio/tags/1.0";
        let report = json!({"Layer": {"Name": "\0", "Features": [{"Name": "\0", "Version": "\0"}]}});
        for (method, path, who, body) in [
            (
                "PUT",
                format!("{tag}/active"),
                JDOE,
                json!({"active": false, "reason": "\0"}),
            ),
            (
                "PUT",
                format!("{tag}/active"),
                JDOE,
                json!({"active": false, "reason": "a\0b"}),
            ),
            (
                "POST",
                format!("{tag}/production-ready"),
                JDOE,
                json!({"incident_id": "a\0b"}),
            ),
            ("PUT", format!("{tag}/vulnerabilities"), ADMIN, report),
            (
                "POST",
                "/purges".to_owned(),
                ADMIN,
                json!({"repository": "stups/kio", "digest": digest, "reason": "a\0b", "ticket": "a\0b"}),
            ),
        ] {
            let answer = pierone.json(method, &path, who, &body).await;
            assert!(answer.status < 500, "{} {path}: {}", pierone.ground.name, answer.text());
        }
        for (name, value) in [
            ("artifactType", json!("a\0b")),
            (
                "annotations",
                json!({"a\0b": "a\0b", "org.opencontainers.image.source": "\0", "org.opencontainers.image.revision": "a\0b"}),
            ),
            ("mediaType", json!("a\0b")),
            ("x", json!("\0")),
        ] {
            let mut manifest = image.json();
            manifest[name] = value;
            manifest["subject"] = image.descriptor();
            let manifest = Pushed::new(manifest);
            let answer = pierone.put("stups/kio", &manifest.digest, JDOE, &manifest).await;
            assert!(answer.status < 500, "{} {name}: {}", pierone.ground.name, answer.text());
        }
        let referrers = pierone.get(&format!("/v2/stups/kio/referrers/{digest}")).await.is(200);
        assert!(!referrers.json()["manifests"].as_array().unwrap().is_empty());
    }
}

/// A storage that fails as it is told.
#[derive(Debug)]
struct Failing {
    inner: Arc<dyn ObjectStore>,
    full: bool,
}

impl Failing {
    fn error<T>(&self) -> Result<T> {
        let kind = if self.full {
            std::io::ErrorKind::StorageFull
        } else {
            std::io::ErrorKind::ConnectionReset
        };
        Err(Error::Generic {
            store: "failing",
            source: Box::new(std::io::Error::from(kind)),
        })
    }
}

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failing")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Failing {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        self.error()
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        // The first part is written, the second is not.
        let inner = self.inner.put_multipart_opts(path, options).await?;
        Ok(Box::new(FailingUpload {
            inner,
            parts: 0,
            full: self.full,
        }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        if path.as_ref() == "uploads/ready" {
            return self.error();
        }
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        self.error()
    }
}

#[derive(Debug)]
struct FailingUpload {
    inner: Box<dyn MultipartUpload>,
    parts: usize,
    full: bool,
}

#[async_trait::async_trait]
impl MultipartUpload for FailingUpload {
    fn put_part(&mut self, data: PutPayload) -> stups_store::objects::object_store::UploadPart {
        self.parts += 1;
        if self.parts == 1 {
            return self.inner.put_part(data);
        }
        let kind = if self.full {
            std::io::ErrorKind::StorageFull
        } else {
            std::io::ErrorKind::ConnectionReset
        };
        Box::pin(async move {
            Err(Error::Generic {
                store: "failing",
                source: Box::new(std::io::Error::from(kind)),
            })
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

#[tokio::test]
async fn a_storage_that_fails_leaves_nothing_half_visible() {
    let large = Ground::large().await;
    for (full, status, sound) in [
        (true, 507, Ground::small()),
        (false, 503, Ground::small()),
        (false, 503, large),
    ] {
        let failing = sound.with_objects(Arc::new(Failing {
            inner: sound.objects.clone(),
            full,
        }));
        let pierone = failing.start(Config::default()).await;
        let ready = async |pierone: &PierOne| pierone.send("GET", "/.well-known/ready", "", &[], b"").await.status;
        assert_eq!(ready(&pierone).await, status);
        assert_eq!(ready(&sound.start(Config::default()).await).await, 200);
        // In one piece, and in more than one part of S3.
        for bytes in [noise(1, 100), noise(2, 1 << 20), noise(3, 17 << 20)] {
            let digest = sha256(&bytes);
            let path = format!("/v2/stups/kio/blobs/uploads/?digest={digest}");
            pierone
                .send("POST", &path, JDOE, &[], &bytes)
                .await
                .refused(status, "UNAVAILABLE");
            let start = pierone
                .send("POST", "/v2/stups/kio/blobs/uploads/", JDOE, &[], b"")
                .await
                .is(202);
            let location = start.header("location").unwrap();
            pierone
                .send("PATCH", location, JDOE, &[], &bytes)
                .await
                .refused(status, "UNAVAILABLE");
            assert_eq!(pierone.get(location).await.is(204).header("range"), Some("0-0"));
            pierone.head(&format!("/v2/stups/kio/blobs/{digest}")).await.is(404);
            // When it has recovered, the same upload goes on.
            let recovered = sound.start(Config::default()).await;
            let path = format!("{location}?digest={digest}");
            recovered.send("PUT", &path, JDOE, &[], &bytes).await.is(201);
            assert!(
                recovered
                    .get(&format!("/v2/stups/kio/blobs/{digest}"))
                    .await
                    .is(200)
                    .body
                    == bytes
            );
        }
    }
}
