//! end-3, 7, 8, 9, 12: manifests, tags and referrers.

use serde_json::{Value, json};
use stups_pierone::Config;

use crate::support::{
    ADMIN, DOCKER_MANIFEST, Ground, JDOE, OCI_INDEX, OCI_MANIFEST, PierOne, Pushed, descriptor, noise, sha256, sha512,
};

const REPOSITORY: &str = "stups/kio";

fn manifest_path(reference: &str) -> String {
    format!("/v2/{REPOSITORY}/manifests/{reference}")
}

#[tokio::test]
async fn a_manifest_is_kept_byte_for_byte() {
    for pierone in PierOne::both().await {
        let config = pierone.blob(REPOSITORY, b"{}").await;
        // Spaces, order, numbers and characters that a parser would write differently.
        let bytes = format!(
            "{{ \"schemaVersion\" :2,\n\t\"z\":1e2,\"mediaType\":\"{OCI_MANIFEST}\",\"config\":{{\"size\":2,\"digest\":\"{config}\",\
             \"mediaType\":\"x/y\"}},\"layers\":[],\"unknown\":{{\"é\":\"\\u00e9<>&\"}} }}\n"
        );
        let image = Pushed {
            digest: sha256(bytes.as_bytes()),
            bytes: bytes.into_bytes(),
            media_type: OCI_MANIFEST.to_owned(),
        };
        for reference in [image.digest.as_str(), "1.0"] {
            let put = pierone.put(REPOSITORY, reference, JDOE, &image).await.is(201);
            assert_eq!(put.header("location"), Some(manifest_path(&image.digest).as_str()));
            assert_eq!(put.header("docker-content-digest"), Some(image.digest.as_str()));
            let headers = [("accept", "text/plain"), ("accept-encoding", "gzip")];
            let got = pierone
                .send("GET", &manifest_path(reference), JDOE, &headers, b"")
                .await
                .is(200);
            assert!(got.body == image.bytes);
            assert_eq!(got.header("content-type"), Some(OCI_MANIFEST));
            assert_eq!(got.header("docker-content-digest"), Some(image.digest.as_str()));
            let head = pierone.head(&manifest_path(reference)).await.is(200);
            assert_eq!(
                head.header("content-length"),
                Some(image.bytes.len().to_string().as_str())
            );
        }
        // By its other digest, which it keeps.
        let long = sha512(&image.bytes);
        let put = pierone.put(REPOSITORY, &long, JDOE, &image).await.is(201);
        assert_eq!(put.header("docker-content-digest"), Some(long.as_str()));
        let got = pierone.get(&manifest_path(&long)).await.is(200);
        assert_eq!(got.header("docker-content-digest"), Some(long.as_str()));
    }
}

#[tokio::test]
async fn every_reference_has_to_be_there() {
    for pierone in PierOne::both().await {
        let there = pierone.blob(REPOSITORY, b"{}").await;
        pierone.blob("stups/other", b"elsewhere").await;
        let image = |layers: Value| {
            Pushed::new(json!({
                "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor("c", b"{}"), "layers": layers,
            }))
        };
        let missing = image(json!([descriptor("l", b"elsewhere"), descriptor("l", b"nowhere")]));
        let refused = pierone.put(REPOSITORY, "1.0", JDOE, &missing).await;
        let errors = refused.refused(400, "MANIFEST_BLOB_UNKNOWN").json();
        assert_eq!(errors["errors"].as_array().unwrap().len(), 2);
        pierone
            .get(&manifest_path("1.0"))
            .await
            .refused(404, "MANIFEST_UNKNOWN");
        pierone.get(&manifest_path(&missing.digest)).await.is(404);

        // What is kept elsewhere need not be here.
        let mut foreign = descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar", b"nowhere");
        foreign["urls"] = json!(["https://example.org/layer"]);
        pierone
            .put(REPOSITORY, "2.0", JDOE, &image(json!([foreign])))
            .await
            .is(201);

        let mut lying = descriptor("l", b"{}");
        lying["size"] = json!(3);
        let refused = pierone.put(REPOSITORY, "3.0", JDOE, &image(json!([lying]))).await;
        refused.refused(400, "MANIFEST_INVALID");

        // An index lists what is in the repository.
        let index =
            |manifests: Value| Pushed::new(json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}));
        let child = pierone.prepare(REPOSITORY, &[b"layer"]).await;
        let parent = index(json!([child.descriptor()]));
        let refused = pierone.put(REPOSITORY, "4.0", JDOE, &parent).await;
        refused.refused(400, "MANIFEST_BLOB_UNKNOWN");
        pierone.put(REPOSITORY, &child.digest, JDOE, &child).await.is(201);
        pierone.put(REPOSITORY, "4.0", JDOE, &parent).await.is(201);
        let nested = index(json!([parent.descriptor()]));
        pierone.put(REPOSITORY, "5.0", JDOE, &nested).await.is(201);
        pierone.put(REPOSITORY, "6.0", JDOE, &index(json!([]))).await.is(201);
        assert!(!there.is_empty());
    }
}

#[tokio::test]
async fn an_index_in_an_unknown_repository_makes_it_known() {
    for pierone in PierOne::both().await {
        pierone
            .get("/v2/stups/new/tags/list")
            .await
            .refused(404, "NAME_UNKNOWN");
        let index = Pushed::new(json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}));
        pierone.put("stups/new", &index.digest, JDOE, &index).await.is(201);
        let list = pierone.get("/v2/stups/new/tags/list").await.is(200);
        assert_eq!(list.json(), json!({"name": "stups/new", "tags": []}));
    }
}

#[tokio::test]
async fn tags_do_not_move_unless_their_class_says_so() {
    let config = || Config {
        mutable_tags: vec!["stups/kio:cache-*".to_owned()],
        ..Config::default()
    };
    for ground in Ground::both().await {
        let pierone = ground.start(config()).await;
        let one = pierone.prepare(REPOSITORY, &[b"one"]).await;
        let two = pierone.prepare(REPOSITORY, &[b"two"]).await;
        pierone.put(REPOSITORY, "1.0", JDOE, &one).await.is(201);
        // The same again is no error: clients try again when an answer was lost.
        pierone.put(REPOSITORY, "1.0", JDOE, &one).await.is(201);
        let refused = pierone.put(REPOSITORY, "1.0", JDOE, &two).await.refused(409, "DENIED");
        let error = &refused.json()["errors"][0];
        assert_eq!(error["message"], "tag already exists");
        assert_eq!(error["detail"]["Tag"], "1.0");
        assert_eq!(error["detail"]["existingDigest"], one.digest.as_str());
        assert!(pierone.get(&manifest_path("1.0")).await.is(200).body == one.bytes);
        // What lost is nowhere.
        pierone.get(&manifest_path(&two.digest)).await.is(404);

        let refused = pierone
            .put(REPOSITORY, "latest", JDOE, &one)
            .await
            .refused(409, "DENIED");
        assert_eq!(refused.json()["errors"][0]["message"], "tag latest is not allowed");

        for movable in ["1.1-SNAPSHOT", "cache-x"] {
            pierone.put(REPOSITORY, movable, JDOE, &one).await.is(201);
            pierone.put(REPOSITORY, movable, JDOE, &two).await.is(201);
            assert!(pierone.get(&manifest_path(movable)).await.is(200).body == two.bytes);
            // What it was stays.
            pierone.get(&manifest_path(&one.digest)).await.is(200);
            let path = format!("/teams/stups/artifacts/kio/tags/{movable}/history");
            let history = pierone.get(&path).await.is(200).json();
            assert_eq!(history[0]["action"], "created");
            assert_eq!(history[1]["action"], "moved");
            assert_eq!(history[1]["previous"], one.digest.as_str());
        }
        let newest = pierone.get(&manifest_path("latest")).await.is(200);
        assert!(newest.body == two.bytes);

        let trail = pierone.trail().await;
        let count = |action: &str| trail.iter().filter(|(known, _)| known == action).count();
        assert_eq!(count("tag.uploaded"), 3);
        assert_eq!(count("tag.updated"), 2);
        assert_eq!(count("tag.denied"), 2);
        assert_eq!(count("policy.changed"), 1);
        // The policy is told once, not at each start.
        drop(pierone);
        let again = ground.start(config()).await;
        assert_eq!(again.trail().await.len(), trail.len());
    }
}

#[tokio::test]
async fn tags_of_signatures_only_grow() {
    for pierone in PierOne::both().await {
        let image = pierone.image(REPOSITORY, "1.0", &[b"layer"]).await;
        let tag = format!("{}.sig", image.digest.replace(':', "-"));
        let one = pierone.prepare(REPOSITORY, &[b"signature one"]).await;
        let both = pierone.prepare(REPOSITORY, &[b"signature one", b"signature two"]).await;
        let other = pierone.prepare(REPOSITORY, &[b"signature two"]).await;
        pierone.put(REPOSITORY, &tag, JDOE, &one).await.is(201);
        pierone.put(REPOSITORY, &tag, JDOE, &both).await.is(201);
        pierone.put(REPOSITORY, &tag, JDOE, &other).await.refused(409, "DENIED");
        pierone.put(REPOSITORY, &tag, JDOE, &one).await.refused(409, "DENIED");
        // They are no versions of the artifact.
        let list = pierone.get("/teams/stups/artifacts/kio/tags").await.is(200).json();
        assert_eq!(list.as_array().unwrap().len(), 1);
        assert!(pierone.get(&manifest_path("latest")).await.is(200).body == image.bytes);
    }
}

#[tokio::test]
async fn several_tags_at_once_are_all_or_nothing() {
    for pierone in PierOne::both().await {
        let one = pierone.image(REPOSITORY, "1.0", &[b"one"]).await;
        let two = pierone.prepare(REPOSITORY, &[b"two"]).await;
        let reference = format!("{}?tag=2.0&tag=2", two.digest);
        let put = pierone.put(REPOSITORY, &reference, JDOE, &two).await.is(201);
        assert_eq!(put.header("oci-tag"), Some("2.0, 2"));
        let refused = format!("{}?tag=3.0&tag=1.0", two.digest);
        pierone
            .put(REPOSITORY, &refused, JDOE, &two)
            .await
            .refused(409, "DENIED");
        pierone.get(&manifest_path("3.0")).await.is(404);
        let many: String = (0..101).fold(String::new(), |text, number| text + &format!("&tag=t{number}"));
        let refused = pierone
            .put(REPOSITORY, &format!("{}?{}", two.digest, &many[1..]), JDOE, &two)
            .await;
        refused.refused(414, "UNSUPPORTED");
        assert!(pierone.get(&manifest_path("1.0")).await.is(200).body == one.bytes);
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    for pierone in PierOne::both().await {
        let image = pierone.prepare(REPOSITORY, &[b"one"]).await;
        for tag in ["b", "a", "B", "1.0", "_"] {
            pierone.put(REPOSITORY, tag, JDOE, &image).await.is(201);
        }
        let tags = async |query: &str| {
            let answer = pierone.get(&format!("/v2/stups/kio/tags/list{query}")).await.is(200);
            (answer.json()["tags"].clone(), answer.header("link").map(str::to_owned))
        };
        assert_eq!(tags("").await, (json!(["1.0", "B", "_", "a", "b"]), None));
        let link = "</v2/stups/kio/tags/list?n=2&last=B>; rel=\"next\"";
        assert_eq!(tags("?n=2").await, (json!(["1.0", "B"]), Some(link.to_owned())));
        assert_eq!(tags("?n=3&last=B").await, (json!(["_", "a", "b"]), None));
        assert_eq!(tags("?last=aa").await.0, json!(["b"]));
        assert_eq!(tags("?n=0").await, (json!([]), None));
        for query in ["?n=x", "?n=-1"] {
            pierone.get(&format!("/v2/stups/kio/tags/list{query}")).await.is(400);
        }

        pierone.image("other/app", "1.0", &[]).await;
        let first = pierone.get("/v2/_catalog?n=1").await.is(200);
        assert_eq!(first.json(), json!({"repositories": ["other/app"]}));
        assert_eq!(
            first.header("link"),
            Some("</v2/_catalog?n=1&last=other%2Fapp>; rel=\"next\"")
        );
        let second = pierone.get("/v2/_catalog?n=1&last=other%2Fapp").await.is(200);
        assert_eq!(second.json(), json!({"repositories": ["stups/kio"]}));
        assert_eq!(second.header("link"), None);
    }
}

#[tokio::test]
async fn referrers_are_listed() {
    for pierone in PierOne::both().await {
        let nothing = pierone
            .get(&format!("/v2/stups/empty/referrers/{}", sha256(b"")))
            .await
            .is(200);
        assert_eq!(
            nothing.json(),
            json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
        );
        assert_eq!(nothing.header("content-type"), Some(OCI_INDEX));
        pierone
            .get("/v2/stups/empty/referrers/sha256:x")
            .await
            .refused(400, "DIGEST_INVALID");

        let image = pierone.prepare(REPOSITORY, &[b"layer"]).await;
        pierone.blob(REPOSITORY, b"sbom").await;
        let artifact = |kind: Option<&str>| {
            let mut manifest = json!({
                "schemaVersion": 2, "mediaType": OCI_MANIFEST,
                "config": descriptor("application/vnd.example.config", b"{}"),
                "layers": [descriptor("application/spdx+json", b"sbom")],
                "subject": image.descriptor(),
                "annotations": {"org.example": format!("{kind:?}")},
            });
            if let Some(kind) = kind {
                manifest["artifactType"] = json!(kind);
            }
            Pushed::new(manifest)
        };
        let (typed, untyped) = (artifact(Some("application/spdx")), artifact(None));
        let index = Pushed::new(json!({
            "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "subject": image.descriptor(),
        }));
        // The subject may come later.
        for referrer in [&typed, &untyped, &index] {
            let put = pierone.put(REPOSITORY, &referrer.digest, JDOE, referrer).await.is(201);
            assert_eq!(put.header("oci-subject"), Some(image.digest.as_str()));
        }
        pierone.put(REPOSITORY, "1.0", JDOE, &image).await.is(201);
        let path = format!("/v2/{REPOSITORY}/referrers/{}", image.digest);
        let all = pierone.get(&path).await.is(200).json();
        let find = |wanted: &Pushed| {
            let list = all["manifests"].as_array().unwrap();
            list.iter()
                .find(|known| known["digest"] == wanted.digest.as_str())
                .unwrap()
                .clone()
        };
        assert_eq!(all["manifests"].as_array().unwrap().len(), 3);
        let mut expected = typed.descriptor();
        expected["artifactType"] = json!("application/spdx");
        expected["annotations"] = typed.json()["annotations"].clone();
        assert_eq!(find(&typed), expected);
        assert_eq!(find(&untyped)["artifactType"], "application/vnd.example.config");
        assert_eq!(find(&index), index.descriptor());

        let some = pierone
            .get(&format!("{path}?artifactType=application%2Fspdx"))
            .await
            .is(200);
        assert_eq!(some.header("oci-filters-applied"), Some("artifactType"));
        assert_eq!(some.json()["manifests"], json!([expected]));
        // They are told with the tag.
        let detail = pierone.get("/teams/stups/artifacts/kio/tags/1.0").await.is(200).json();
        assert_eq!(detail["referrers"].as_array().unwrap().len(), 3);
    }
}

#[tokio::test]
async fn large_and_docker_manifests_are_taken() {
    let pierone = PierOne::small().await;
    let config = pierone.blob(REPOSITORY, b"{}").await;
    let filler = "x".repeat(3_900_000);
    let large = Pushed::new(json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor("c", b"{}"), "layers": [],
        "annotations": {"filler": filler},
    }));
    pierone.put(REPOSITORY, "large", JDOE, &large).await.is(201);
    assert!(pierone.get(&manifest_path("large")).await.is(200).body == large.bytes);
    let docker = Pushed::new(json!({
        "schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "layers": [],
        "config": descriptor("application/vnd.docker.container.image.v1+json", b"{}"),
    }));
    pierone.put(REPOSITORY, "docker", JDOE, &docker).await.is(201);
    let got = pierone.get(&manifest_path("docker")).await.is(200);
    assert_eq!(got.header("content-type"), Some(DOCKER_MANIFEST));
    // A hundred layers.
    let layers: Vec<Vec<u8>> = (0..100).map(|number| noise(number + 1, 100)).collect();
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    pierone.image(REPOSITORY, "hundred", &layers).await;
    for reference in ["large", &docker.digest, &config] {
        let path = manifest_path(reference);
        let status = if reference == config { 404 } else { 405 };
        pierone.send("DELETE", &path, ADMIN, &[], b"").await.is(status);
    }
}
