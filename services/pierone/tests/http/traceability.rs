//! Where images come from, whether they may run, and what old clients are told.

use std::io::Write as _;

use serde_json::{Value, json};
use stups_api::client::Client;
use stups_api::pierone::{LayerReport, PierOneClient};
use stups_pierone::Config;

use crate::support::{
    ADMIN, ADMIN2, ASMITH, COLLEAGUE, Ground, JDOE, OCI_INDEX, OCI_MANIFEST, PierOne, Pushed, ROBOT, TRUSTED,
    descriptor,
};

const REVISION: &str = "0123456789012345678901234567890123456789";

fn source(url: &str, revision: &str) -> Value {
    json!({"url": url, "revision": revision, "author": "jdoe", "status": ""})
}

/// A layer that has `scm-source.json`.
fn layer(source: &Value) -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let text = source.to_string();
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    builder
        .append_data(&mut header, "scm-source.json", text.as_bytes())
        .unwrap();
    let mut gzip = builder.into_inner().unwrap();
    gzip.flush().unwrap();
    gzip.finish().unwrap()
}

pub(crate) async fn source_of(pierone: &PierOne, tag: &str) -> Value {
    let path = format!("/teams/stups/artifacts/kio/tags/{tag}/scm-source");
    pierone.get(&path).await.json()
}

#[tokio::test]
async fn the_source_is_read_out_of_the_topmost_layer_that_has_one() {
    for pierone in PierOne::both().await {
        let base = layer(&source("git:base", REVISION));
        let top = layer(&source("git:git@github.com:stups/kio.git", REVISION));
        pierone.image("stups/kio", "1.0", &[&base, &top, b"no archive"]).await;
        let found = source_of(&pierone, "1.0").await;
        assert_eq!(found["url"], "git:git@github.com:stups/kio.git");
        assert_eq!(found["valid"], true);
        assert!(found["created"].as_str().unwrap().ends_with('Z'));
        pierone.image("stups/kio", "2.0", &[&base, b"no archive"]).await;
        assert_eq!(source_of(&pierone, "2.0").await["url"], "git:base");
        // Known layers are not looked through again.
        pierone.image("stups/kio", "3.0", &[b"no archive"]).await;
        let none = pierone
            .get("/teams/stups/artifacts/kio/tags/3.0/scm-source")
            .await
            .is(404);
        assert_eq!(none.json(), Value::Null);
        pierone
            .get("/teams/stups/artifacts/kio/tags/none/scm-source")
            .await
            .is(404);

        let dirty = layer(&source("git:x", &format!("{REVISION} (locally modified)")));
        pierone.image("stups/kio", "4.0", &[&dirty]).await;
        assert_eq!(source_of(&pierone, "4.0").await["valid"], false);
    }
}

#[tokio::test]
async fn annotations_labels_and_trusted_callers_are_believed_first() {
    for pierone in PierOne::both().await {
        let top = layer(&source("git:layer", REVISION));
        let config = json!({"config": {"Labels": {
            "org.opencontainers.image.source": "git:label", "org.opencontainers.image.revision": REVISION,
        }}})
        .to_string();
        pierone.blob("stups/kio", config.as_bytes()).await;
        pierone.blob("stups/kio", &top).await;
        let image = |annotations: Value| {
            Pushed::new(json!({
                "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor("c", config.as_bytes()),
                "layers": [descriptor("l", &top)], "annotations": annotations,
            }))
        };
        pierone.put("stups/kio", "1.0", JDOE, &image(json!({}))).await.is(201);
        let found = source_of(&pierone, "1.0").await;
        assert_eq!(
            (&found["url"], &found["origin"]),
            (&json!("git:label"), &json!("labels"))
        );
        let annotated = image(json!({
            "org.opencontainers.image.source": "git:annotation", "org.opencontainers.image.revision": REVISION,
        }));
        pierone.put("stups/kio", "2.0", JDOE, &annotated).await.is(201);
        let found = source_of(&pierone, "2.0").await;
        assert_eq!(
            (&found["url"], &found["origin"]),
            (&json!("git:annotation"), &json!("annotations"))
        );

        let stated: String =
            url::form_urlencoded::byte_serialize(source("git:stated", REVISION).to_string().as_bytes())
                .collect::<String>()
                .replace('+', "%20");
        let headers = [("content-type", OCI_MANIFEST), ("x-scm-source", stated.as_str())];
        let path = "/v2/stups/kio/manifests/3.0";
        pierone
            .send("PUT", path, JDOE, &headers, &annotated.bytes)
            .await
            .refused(403, "DENIED");
        pierone
            .send("PUT", path, TRUSTED, &headers, &annotated.bytes)
            .await
            .is(201);
        let found = source_of(&pierone, "3.0").await;
        assert_eq!(
            (&found["url"], &found["origin"]),
            (&json!("git:stated"), &json!("header"))
        );
        let bad = [("content-type", OCI_MANIFEST), ("x-scm-source", "{")];
        pierone.send("PUT", path, TRUSTED, &bad, &annotated.bytes).await.is(400);

        // An index has what its images have in common.
        let index = |images: &[&Pushed]| {
            let list: Vec<Value> = images.iter().map(|image| image.descriptor()).collect();
            Pushed::new(json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list}))
        };
        let labelled = image(json!({}));
        pierone
            .put("stups/kio", "4.0", JDOE, &index(&[&annotated]))
            .await
            .is(201);
        assert_eq!(source_of(&pierone, "4.0").await["url"], "git:annotation");
        pierone
            .put("stups/kio", "5.0", JDOE, &index(&[&annotated, &labelled]))
            .await
            .is(201);
        assert_eq!(source_of(&pierone, "5.0").await, Value::Null);
    }
}

/// What BuildKit says about images that it has made.
pub(crate) fn statement(about: &[&Pushed], url: &str) -> Value {
    let subjects = about
        .iter()
        .map(|image| json!({"name": "_", "digest": {"sha256": &image.digest[7..]}}));
    let vcs = json!({"source": url, "revision": REVISION});
    json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": subjects.collect::<Vec<_>>(),
        "predicate": {"metadata": {"https://mobyproject.org/buildkit@v1#metadata": {"vcs": vcs}}},
    })
}

/// Pushes a manifest with a statement, as BuildKit does; with a subject, as its newer releases do.
pub(crate) async fn attest(pierone: &PierOne, statement: &Value, subject: Option<&Pushed>) -> Pushed {
    let statement = statement.to_string();
    pierone.blob("stups/kio", b"{}").await;
    pierone.blob("stups/kio", statement.as_bytes()).await;
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", b"{}"),
        "layers": [descriptor("application/vnd.in-toto+json", statement.as_bytes())],
    });
    if let Some(subject) = subject {
        manifest["subject"] = subject.descriptor();
    }
    let attestation = Pushed::new(manifest);
    pierone
        .put("stups/kio", &attestation.digest, JDOE, &attestation)
        .await
        .is(201);
    attestation
}

fn index_of(images: &[&Pushed], attestations: &[&Pushed]) -> Pushed {
    let mut list: Vec<Value> = images.iter().map(|image| image.descriptor()).collect();
    list.extend(attestations.iter().map(|attestation| {
        let mut descriptor = attestation.descriptor();
        descriptor["platform"] = json!({"architecture": "unknown", "os": "unknown"});
        descriptor["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
        descriptor
    }));
    Pushed::new(json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list}))
}

#[tokio::test]
async fn provenance_tells_the_source_of_images_that_do_not() {
    for pierone in PierOne::both().await {
        let image = pierone.image("stups/kio", "1.0", &[b"one"]).await;
        let other = pierone.image("stups/kio", "2.0", &[b"other"]).await;
        let told = pierone
            .image("stups/kio", "3.0", &[&layer(&source("git:file", REVISION))])
            .await;
        assert_eq!(source_of(&pierone, "3.0").await["origin"], "scm-source.json");
        let untold = "/teams/stups/artifacts/kio/tags/1.0/scm-source";
        pierone.get(untold).await.is(404);

        // Beside the image in its index, pushed before that.
        let beside = attest(
            &pierone,
            &statement(&[&image], "https://user:secret@github.com/stups/kio"),
            None,
        )
        .await;
        pierone
            .put("stups/kio", "4.0", JDOE, &index_of(&[&image], &[&beside]))
            .await
            .is(201);
        for tag in ["1.0", "4.0"] {
            let source = source_of(&pierone, tag).await;
            assert_eq!(source["url"], "https://github.com/stups/kio");
            assert_eq!(
                (&source["revision"], &source["origin"]),
                (&json!(REVISION), &json!("provenance"))
            );
            // It does not know who has made it.
            assert_eq!(source["valid"], false);
        }
        pierone
            .get("/teams/stups/artifacts/kio/tags/2.0/scm-source")
            .await
            .is(404);

        // As what refers to it; what an image says itself is never outdone, whatever refers to it.
        attest(&pierone, &statement(&[&other], "git:referrer"), Some(&other)).await;
        assert_eq!(source_of(&pierone, "2.0").await["url"], "git:referrer");
        let forged = attest(&pierone, &statement(&[&told], "git:forged"), Some(&told)).await;
        assert_eq!(source_of(&pierone, "3.0").await["url"], "git:file");
        pierone
            .put(
                "stups/kio",
                "5.0",
                JDOE,
                &index_of(&[&told, &image], &[&forged, &beside]),
            )
            .await
            .is(201);
        assert_eq!(source_of(&pierone, "5.0").await["url"], "git:file");
        // Two sources are none.
        pierone
            .put("stups/kio", "6.0", JDOE, &index_of(&[&image, &other], &[]))
            .await
            .is(201);
        assert_eq!(source_of(&pierone, "6.0").await, Value::Null);
        // About another repository's images nothing is said.
        pierone.image("stups/elsewhere", "1.0", &[b"one"]).await;
        pierone
            .get("/teams/stups/artifacts/elsewhere/tags/1.0/scm-source")
            .await
            .is(404);

        // What is purged says nothing any more.
        let again = attest(&pierone, &statement(&[&other], "git:again"), None).await;
        assert_eq!(source_of(&pierone, "2.0").await, Value::Null);
        let purge = json!({"repository": "stups/kio", "digest": again.digest, "reason": "a mistake", "ticket": "1"});
        for admin in [ADMIN, ADMIN2] {
            assert!(pierone.json("POST", "/purges", admin, &purge).await.status < 300);
        }
        assert_eq!(source_of(&pierone, "2.0").await["url"], "git:referrer");
    }
}

#[tokio::test]
async fn a_large_attestation_is_not_read() {
    let pierone = PierOne::small().await;
    let image = pierone.image("stups/kio", "1.0", &[b"one"]).await;
    let mut large = statement(&[&image], "git:large");
    large["padding"] = "x".repeat(4 << 20).into();
    attest(&pierone, &large, None).await;
    pierone
        .get("/teams/stups/artifacts/kio/tags/1.0/scm-source")
        .await
        .is(404);
}

#[tokio::test]
async fn an_image_becomes_ready_for_production() {
    for pierone in PierOne::both().await {
        let top = layer(&source("git:git@github.com:stups/kio.git", REVISION));
        pierone.image("stups/kio", "1.0", &[&top]).await;
        pierone.image("stups/kio", "unknown", &[b"x"]).await;
        pierone.image("stups/kio", "1-SNAPSHOT", &[&top]).await;
        let headers = async |tag: &str| {
            let answer = pierone.head(&format!("/v2/stups/kio/manifests/{tag}")).await.is(200);
            let header = |name: &str| answer.header(name).map(str::to_owned);
            (
                header("x-production-ready-taupage"),
                header("x-trusted"),
                header("x-production-ready-reason"),
            )
        };
        assert_eq!(
            headers("1.0").await,
            (
                None,
                None,
                Some("nobody has said that it is ready for production".to_owned())
            )
        );
        assert_eq!(headers("unknown").await.2.unwrap(), "its source is not known");

        let path = |tag: &str| format!("/teams/stups/artifacts/kio/tags/{tag}/production-ready");
        let body = json!({"incident_id": "INC-1"});
        for (tag, who, status) in [
            ("1.0", "", 401),
            ("1.0", ASMITH, 403),
            ("1.0", ROBOT, 403),
            ("none", JDOE, 404),
            ("unknown", JDOE, 422),
            ("1-SNAPSHOT", JDOE, 422),
            ("latest", JDOE, 422),
            ("1.0", JDOE, 204),
            ("1.0", COLLEAGUE, 409),
        ] {
            let answer = pierone.json("POST", &path(tag), who, &body).await.is(status);
            if status > 299 {
                // The old command line shows this member.
                assert_eq!(answer.json()["detail"], answer.json()["message"], "{tag}");
            }
        }
        assert_eq!(headers("1.0").await, (Some("true".to_owned()), None, None));
        assert!(headers("1-SNAPSHOT").await.0.is_none());
        assert!(headers("latest").await.0.is_none());

        let approval = "/teams/stups/artifacts/kio/tags/1.0/approval";
        pierone.json("POST", approval, JDOE, &json!(null)).await.is(204);
        assert_eq!(headers("1.0").await.1, None, "one's own approval is none");
        pierone.json("POST", approval, COLLEAGUE, &json!(null)).await.is(204);
        pierone.json("POST", approval, COLLEAGUE, &json!(null)).await.is(409);
        assert_eq!(headers("1.0").await.1.as_deref(), Some("true"));

        let detail = pierone.get("/teams/stups/artifacts/kio/tags/1.0").await.is(200).json();
        assert_eq!(detail["status"], "production_ready");
        assert_eq!(detail["user_status_issue"], "INC-1");
        assert_eq!(detail["trusted"], true);
        for name in ["checker_status_received_at", "checker_status_reason"] {
            assert!(detail.as_object().unwrap().contains_key(name));
        }
    }
}

#[tokio::test]
async fn another_services_paths_tell_the_same() {
    let pierone = PierOne::small().await;
    let top = layer(&source("git:git@github.com:stups/kio.git", REVISION));
    pierone.image("stups/kio", "1.0", &[&top]).await;
    let path = "/image-metadata/pierone.example.org/stups/kio:1.0";
    let told = pierone.get(&format!("{path}?embed=ci,compliance")).await.is(200).json();
    assert_eq!(told["ci"]["revision"], REVISION);
    assert_eq!(told["compliance"]["checker"]["status"], "Not Processed");
    assert_eq!(told["base_image"]["allowed"], true);
    let say = |status: &str| json!({"compliance": {"user": {"incident": "1", "reason": null, "status": status}}});
    pierone.json("PUT", path, JDOE, &say("nonsense")).await.is(400);
    pierone
        .json("PUT", path, ASMITH, &say("production_ready"))
        .await
        .is(403);
    pierone.json("PUT", path, JDOE, &say("production_ready")).await.is(204);
    let told = pierone.get(path).await.is(200).json();
    assert_eq!(told["compliance"]["user"]["incident"], "1");
    assert_eq!(told["compliance"]["status"], "production_ready");
    assert_eq!(told["compliance"]["user"]["reason"], "incident 1");
    assert_eq!(told["compliance"]["checker"]["reason"], "nobody has checked it");
    // The same of a copy, which has the same name elsewhere, is no news; something else is a contradiction.
    let copy = path.replace("pierone.example.org", "production.example.org");
    pierone
        .json("PUT", &copy, COLLEAGUE, &say("production_ready"))
        .await
        .is(204);
    let other = json!({"compliance": {"user": {"incident": "2", "reason": null, "status": "production_ready"}}});
    pierone.json("PUT", path, JDOE, &other).await.is(409);
    assert_eq!(pierone.get(path).await.is(200).json()["compliance"], told["compliance"]);
    let said = pierone.trail().await;
    let said = said.iter().filter(|(action, _)| action == "image.production_ready");
    // Who was refused, and who said it.
    assert_eq!(said.count(), 2);
    pierone.get("/image-metadata/x/stups/kio:none").await.is(404);
    pierone.get("/image-metadata/x/stups/kio").await.is(400);
}

#[tokio::test]
async fn a_policy_may_make_every_known_source_ready() {
    let config = Config {
        source_is_production_ready: true,
        ..Config::default()
    };
    let pierone = Ground::small().start(config).await;
    pierone
        .image("stups/kio", "1.0", &[&layer(&source("git:x", REVISION))])
        .await;
    pierone
        .image("stups/kio", "2.0", &[&layer(&source("git:x", "short"))])
        .await;
    let ready = async |tag: &str| {
        let answer = pierone.head(&format!("/v2/stups/kio/manifests/{tag}")).await;
        answer.header("x-production-ready-taupage").map(str::to_owned)
    };
    assert_eq!(ready("1.0").await.as_deref(), Some("true"));
    assert_eq!(ready("2.0").await, None);
}

#[tokio::test]
async fn lists_are_what_old_clients_read() {
    for pierone in PierOne::both().await {
        let first = pierone.image("stups/kio", "1.0", &[b"one", b"two"]).await;
        pierone.image("stups/kio", "0.9", &[b"three"]).await;
        pierone.image("other/app", "1.0", &[b"one"]).await;
        assert_eq!(pierone.get("/teams").await.is(200).json(), json!(["other", "stups"]));
        assert_eq!(pierone.get("/teams/stups/artifacts").await.json(), json!(["kio"]));
        assert_eq!(pierone.get("/teams/none/artifacts").await.is(200).json(), json!([]));
        let list = pierone.get("/teams/stups/artifacts/kio/tags").await.is(200).json();
        // By time, not by name.
        assert_eq!((&list[0]["name"], &list[1]["name"]), (&json!("1.0"), &json!("0.9")));
        let tag = &list[0];
        assert_eq!(tag["created_by"], "jdoe");
        assert_eq!(tag["image"], first.json()["config"]["digest"]);
        let created = tag["created"].as_str().unwrap();
        assert_eq!((created.len(), &created[23..]), (24, "Z"));
        for name in ["severity_fix_available", "severity_no_fix_available", "clair_details"] {
            assert!(tag.as_object().unwrap().contains_key(name), "{name}");
        }
        pierone.get("/teams/stups/artifacts/none/tags").await.is(404);

        let map = pierone.get("/v1/repositories/stups/kio/tags").await.is(200);
        assert_eq!(map.header("x-docker-registry-version"), Some("0.6.3"));
        let image = &first.json()["config"]["digest"];
        assert_eq!(map.json(), json!({"1.0": image, "0.9": image, "latest": image}));
        assert_eq!(
            pierone.get("/v1/repositories/stups/none/tags").await.is(404).json(),
            json!({})
        );
        assert_eq!(
            pierone.get("/v1/repositories/stups/kio/tags/1.0").await.is(404).text(),
            "not found"
        );
        assert_eq!(
            pierone.send("GET", "/v1/_ping", "", &[], b"").await.is(200).text(),
            "true"
        );
        pierone.send("POST", "/v1/users", JDOE, &[], b"").await.is(401);
        let search = pierone.get("/v1/search?q=kio&n=25").await.is(200).json();
        assert_eq!(search["results"], json!([{"name": "stups/kio"}]));
        assert_eq!(search["num_results"], 1);
        assert_eq!(pierone.get("/v1/search").await.is(200).json()["results"], json!([]));
        pierone
            .send("PUT", "/v1/repositories/stups/kio/", JDOE, &[], b"")
            .await
            .is(404);

        let stats = pierone.get("/stats").await.is(200).json();
        assert_eq!(stats, json!({"teams": 2, "storage": 2 + 3 + 3 + 5}));
        assert_eq!(
            pierone.get("/stats/teams/stups").await.json(),
            json!({"artifacts": 1, "tags": 2})
        );
        assert_eq!(
            pierone.get("/stats/teams/none").await.json(),
            json!({"artifacts": 0, "tags": 0})
        );

        // By the beginning of a manifest's digest, and of a layer's.
        let found = pierone.get(&format!("/tags/{}", &first.digest[..20])).await.is(200);
        assert_eq!(
            found.json(),
            json!([{"name": "1.0", "team": "stups", "artifact": "kio"}])
        );
        let layer = &crate::support::sha256(b"three")[7..20];
        let found = pierone.get(&format!("/tags/{layer}")).await.is(200);
        assert_eq!(found.json()[0]["name"], "0.9");
        pierone.get("/tags/sha256:").await.is(412);
        for none in ["sha256:ffffffffffffffff", "%25", "_"] {
            pierone.get(&format!("/tags/{none}")).await.is(404);
        }
    }
}

#[tokio::test]
async fn scanners_tell_what_they_found() {
    for pierone in PierOne::both().await {
        pierone.image("stups/kio", "1.0", &[b"one", b"two"]).await;
        let report: LayerReport = serde_json::from_value(json!({"Layer": {"Name": "x", "Features": [
            {"Name": "openssl", "Version": "1", "Vulnerabilities": [
                {"Name": "CVE-1", "Severity": "High", "FixedBy": "2"}, {"Name": "CVE-2", "Severity": "Low"},
            ]},
        ]}}))
        .unwrap();
        let path = "/teams/stups/artifacts/kio/tags/1.0/vulnerabilities";
        let body = serde_json::to_value(&report).unwrap();
        // The team's own word would be that there is nothing.
        pierone.json("PUT", path, JDOE, &body).await.is(403);
        let scanner = "/services/scanner+uid+application.registry_scan";
        pierone.json("PUT", path, scanner, &body).await.is(204);
        pierone.json("PUT", path, ADMIN, &body).await.is(204);

        let url = format!("http://{}", pierone.address).parse().unwrap();
        let client = PierOneClient::new(Client::new(url).unwrap()).on_behalf_of(&JDOE.into());
        let tags = client.tags("stups", "kio").await.unwrap();
        assert_eq!(tags[0].severity_fix_available.as_deref(), Some("High"));
        assert_eq!(tags[0].severity_no_fix_available.as_deref(), Some("Low"));
        let id = tags[0].clair_id.clone().unwrap();
        assert!(
            tags[0]
                .clair_details
                .as_ref()
                .unwrap()
                .ends_with(&format!("/v1/layers/{id}"))
        );
        let read = client.report(&id).await.unwrap().unwrap();
        assert_eq!(read.layer.features, report.layer.features);
        assert_eq!(read.layer.name, id);

        let recheck = "/teams/stups/artifacts/kio/tags/latest/recheck";
        pierone.json("POST", recheck, ASMITH, &json!(null)).await.is(403);
        let answer = pierone.json("POST", recheck, JDOE, &json!(null)).await.is(200);
        assert_eq!(answer.json(), json!({"message": "Image resubmitted"}));
    }
}
