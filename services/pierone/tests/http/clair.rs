//! Clair behind its queues: what it is given, and what it tells.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use stups_aws::Session;
use stups_aws::sns::types::MessageAttributeValue;
use stups_aws::sqs::types::QueueAttributeName;
use stups_pierone::Config;

use crate::notices::{messages, topic_with_queue};
use crate::support::{ASMITH, Ground, JDOE, OCI_INDEX, PierOne, Pushed, descriptor, sha256};

struct Clair {
    session: Session,
    images: String,
    topic: String,
    results: String,
}

impl Clair {
    async fn new(ground: &Ground, name: &str) -> (Self, PierOne) {
        let name = if ground.name.starts_with("SQLite") {
            format!("{name}-small")
        } else {
            format!("{name}-large")
        };
        let session = ground.session().clone();
        let images = session
            .sqs()
            .create_queue()
            .queue_name(format!("{name}-images"))
            .send()
            .await;
        let images = images.unwrap().queue_url.unwrap();
        let (topic, results) = topic_with_queue(&session, &name).await;
        let config = Config {
            clair_push_queue: Some(images.parse().unwrap()),
            clair_result_queue: Some(results.parse().unwrap()),
            clair_callback_url: Some("https://pierone.example.org/".parse().unwrap()),
            ..Config::default()
        };
        let pierone = ground.start(config).await;
        let clair = Self {
            session,
            images,
            topic,
            results,
        };
        (clair, pierone)
    }

    async fn given(&self, pierone: &PierOne) -> Vec<Value> {
        assert!(pierone.built.jobs.run_once("give-to-clair").await);
        let bodies = messages(&self.session, &self.images).await;
        bodies.iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }

    async fn tell(&self, message: &str, kind: Option<&str>) {
        let mut publish = self.session.sns().publish().topic_arn(&self.topic).message(message);
        if let Some(kind) = kind {
            let value = MessageAttributeValue::builder().data_type("String").string_value(kind);
            publish = publish.message_attributes("CLAIR.CONTENTTYPE", value.build().unwrap());
        }
        publish.send().await.unwrap();
    }

    /// How many messages somebody has read and left in the queue.
    async fn left(&self) -> String {
        let name = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        let attributes = self.session.sqs().get_queue_attributes().queue_url(&self.results);
        let attributes = attributes.attribute_names(name.clone()).send().await.unwrap();
        attributes.attributes.unwrap()[&name].clone()
    }
}

fn report(id: &str, severity: &str) -> String {
    json!({"Layer": {"Name": id, "NamespaceName": "debian:8", "ParentName": null, "IndexedByVersion": 3, "Features": [
        {"Name": "openssl", "NamespaceName": "debian:8", "VersionFormat": "dpkg", "Version": "1", "AddedBy": id,
         "Vulnerabilities": [{"Name": "CVE-1", "NamespaceName": "debian:8", "Severity": severity, "FixedBy": "2"}]},
    ]}})
    .to_string()
}

fn packed(text: &str) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    STANDARD.encode(encoder.finish().unwrap())
}

fn chain(text: &str) -> String {
    sha256(text.as_bytes())
}

#[tokio::test]
async fn images_are_given_from_the_root() {
    for ground in Ground::both_in_aws().await {
        let (clair, pierone) = Clair::new(&ground, "given").await;
        pierone.image("stups/kio", "1.0", &[b"one", b"two"]).await;
        let (one, two) = (sha256(b"one"), sha256(b"two"));
        let (root, top) = (chain(&one), chain(&(two.clone() + &one)));
        let path = |digest: &str| format!("https://pierone.example.org/v2/stups/kio/blobs/{digest}");
        let message = json!([
            {"Layer": {"Name": root, "Path": path(&one), "ParentName": null, "Format": "Docker"}},
            {"Layer": {"Name": top, "Path": path(&two), "ParentName": root, "Format": "Docker"}},
        ]);
        assert_eq!(
            clair.given(&pierone).await,
            std::slice::from_ref(&message),
            "{}",
            ground.name
        );

        // Again, when somebody of the team asks for it.
        let recheck = "/teams/stups/artifacts/kio/tags/latest/recheck";
        pierone.json("POST", recheck, ASMITH, &json!(null)).await.is(403);
        let answer = pierone.json("POST", recheck, JDOE, &json!(null)).await.is(202).json();
        assert_eq!(
            answer,
            json!({"message": "Image resubmitted", "clair-sqs-messages": message})
        );
        let missing = "/teams/stups/artifacts/kio/tags/none/recheck";
        assert!(
            pierone
                .json("POST", missing, JDOE, &json!(null))
                .await
                .is(404)
                .body
                .is_empty()
        );
        let all = "/teams/stups/artifacts/kio/recheck";
        let answer = pierone.json("POST", all, JDOE, &json!(null)).await.is(202).json();
        let tag = json!({"name": "1.0", "id": sha256(b"{}"), "clair-id": top});
        assert_eq!(answer, json!({"message": "Images resubmitted", "tags": [tag]}));
        let unknown = "/teams/stups/artifacts/none/recheck";
        let answer = pierone.json("POST", unknown, JDOE, &json!(null)).await.is(202).json();
        assert_eq!(answer["tags"], json!([]));
        // What waits is not given twice.
        assert_eq!(clair.given(&pierone).await, [message]);
    }
}

#[tokio::test]
async fn of_an_index_its_images_are_given_and_of_an_artifact_nothing() {
    for ground in Ground::both_in_aws().await {
        let (clair, pierone) = Clair::new(&ground, "index").await;
        let amd = pierone.prepare("stups/kio", &[b"amd"]).await;
        let arm = pierone.prepare("stups/kio", &[b"arm"]).await;
        for image in [&amd, &arm] {
            pierone.put("stups/kio", &image.digest, JDOE, image).await.is(201);
        }
        assert!(clair.given(&pierone).await.is_empty());
        let index = Pushed::new(json!({
            "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [amd.descriptor(), arm.descriptor()],
        }));
        pierone.put("stups/kio", "1.0", JDOE, &index).await.is(201);
        pierone.blob("stups/chart", b"{}").await;
        pierone.blob("stups/chart", b"chart").await;
        let chart = Pushed::new(json!({
            "schemaVersion": 2, "mediaType": crate::support::OCI_MANIFEST,
            "config": descriptor("application/vnd.cncf.helm.config.v1+json", b"{}"),
            "layers": [descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", b"chart")],
        }));
        pierone.put("stups/chart", "1.0", JDOE, &chart).await.is(201);
        let given = clair.given(&pierone).await;
        let mut names: Vec<&str> = given
            .iter()
            .map(|image| image[0]["Layer"]["Name"].as_str().unwrap())
            .collect();
        names.sort_unstable();
        let mut expected = [chain(&sha256(b"amd")), chain(&sha256(b"arm"))];
        expected.sort();
        assert_eq!(names, expected);
        // The tag of an index has the worst of all of them.
        for (image, severity) in [("amd", "Low"), ("arm", "Critical")] {
            clair
                .tell(&report(&chain(&sha256(image.as_bytes())), severity), None)
                .await;
        }
        assert!(pierone.built.jobs.run_once("read-clair-results").await);
        let tags = pierone.get("/teams/stups/artifacts/kio/tags").await.is(200).json();
        assert_eq!(tags[0]["severity_fix_available"], "Critical", "{tags}");
        assert_eq!(tags[0]["severity_no_fix_available"], "clair:NoCVEsFound", "{tags}");
    }
}

#[tokio::test]
async fn what_clair_found_is_told_of_every_image_it_is_about() {
    for ground in Ground::both_in_aws().await {
        let (clair, pierone) = Clair::new(&ground, "results").await;
        for tag in ["1.0", "1.1"] {
            pierone.image("stups/kio", tag, &[b"one", b"two"]).await;
        }
        pierone.image("other/kio", "1.0", &[b"one", b"two"]).await;
        pierone.image("stups/else", "1.0", &[b"one"]).await;
        let top = chain(&(sha256(b"two") + &sha256(b"one")));
        let severities = async |repository: &str| {
            let tags = pierone.get(&format!("/teams/{repository}/tags")).await.is(200).json();
            let of = |tag: &Value| (tag["clair_id"].clone(), tag["severity_fix_available"].clone());
            tags.as_array().unwrap().iter().map(of).collect::<Vec<_>>()
        };
        for (message, kind, severity) in [
            (report(&top, "High"), None, "High"),
            (report(&top, "Low"), Some("application/json"), "Low"),
            (
                packed(&report(&top, "Medium")),
                Some("application/base64gzip"),
                "Medium",
            ),
            // Said again, it is no news.
            (report(&top, "Medium"), None, "Medium"),
        ] {
            clair.tell(&message, kind).await;
            assert!(pierone.built.jobs.run_once("read-clair-results").await);
            let found = (json!(top), json!(severity));
            assert_eq!(
                severities("stups/artifacts/kio").await,
                [found.clone(), found.clone()],
                "{}",
                ground.name
            );
            assert_eq!(severities("other/artifacts/kio").await, [found]);
            assert_eq!(severities("stups/artifacts/else").await[0].1, Value::Null);
        }
        let read = pierone
            .get(&format!("/v1/layers/{top}?vulnerabilities&features"))
            .await
            .is(200);
        assert_eq!(
            read.json()["Layer"]["Features"][0]["Vulnerabilities"][0]["FixedBy"],
            "2"
        );
        let told = pierone.trail().await;
        let told = told
            .iter()
            .filter(|(action, _)| action == "vulnerabilities.reported")
            .count();
        // Of two images, three times.
        assert_eq!(told, 2 * 3);
        assert_eq!(clair.left().await, "0");
    }
}

#[tokio::test]
async fn what_cannot_be_used_stays_for_others_or_goes() {
    let [_, ground] = Ground::both_in_aws().await;
    let (clair, pierone) = Clair::new(&ground, "unusable").await;
    for (message, kind, left) in [
        ("corrupt", Some("application/base64gzip"), "0"),
        ("{}", Some("text/xml"), "1"),
        ("no report", None, "2"),
        // Of an image that was never given.
        (report("sha256:1", "High").as_str(), None, "2"),
    ] {
        clair.tell(message, kind).await;
        assert!(pierone.built.jobs.run_once("read-clair-results").await);
        assert_eq!(clair.left().await, left, "{message}");
    }
}
