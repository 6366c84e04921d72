//! Pier One killed at the steps of a push: of an upload in pieces, of a blob in one request, of a new tag and of one that moves.
//! Whatever was answered is there and verifies; what was not answered is there as a whole or not at all, and the client goes on.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stups_aws::Session;
use stups_testkit::{Account, AwsApi, PostgreSql};
use stups_tests::{ServiceProcess, Steps, audit, client, until, verify_audit, vouch};
use tempfile::TempDir;

const REPOSITORY: &str = "stups/app";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const MOVING: &str = "app-SNAPSHOT";

/// So many moments are chosen, evenly, of all those that one push has.
const KILLS: u64 = 60;

/// What the processes stand on, one after the other.
struct Ground {
    directory: TempDir,
    settings: String,
    environment: Vec<(String, String)>,
    steps: Steps,
    /// How many bytes a layer has, and how many of them come with the first request.
    layer: (usize, usize),
    bucket: Option<(Session, String)>,
}

impl Ground {
    async fn new(database: Option<&str>, storage: Option<&str>, layer: (usize, usize)) -> Self {
        let directory = TempDir::new().unwrap();
        let vouching = vouch().await;
        let setting =
            |name: &str, value: Option<&str>| value.map_or_else(String::new, |value| format!("{name} = \"{value}\"\n"));
        Self {
            settings: format!(
                "[pierone]\ntokeninfo_url = \"{vouching}/tokeninfo\"\npolicy_url = \"{vouching}\"\n{}{}",
                setting("database", database),
                setting("storage", storage)
            ),
            environment: Vec::new(),
            steps: Steps::new(directory.path()),
            layer,
            bucket: None,
            directory,
        }
    }

    /// Pieces of a file have 256 KiB.
    async fn sqlite_and_a_directory() -> Self {
        Self::new(None, None, (700_000, 400_000)).await
    }

    /// A part of an object has 8 MiB: the first request needs two, and so does what is joined.
    async fn postgresql_and_s3(bucket: &str) -> Self {
        let database = PostgreSql::shared().await.database().await;
        let account = Account::builder(AwsApi::shared().await).bucket(bucket).build().await;
        let storage = format!("s3://{bucket}/images");
        let ground = Self::new(Some(&database), Some(&storage), ((8 << 20) + 300_000, (8 << 20) + 5)).await;
        let mut environment = account.environment();
        environment.retain(|(_, value)| !value.is_empty());
        environment.push(("AWS_REGION".to_owned(), "us-east-1".to_owned()));
        Self {
            environment,
            bucket: Some((account.session(), bucket.to_owned())),
            ..ground
        }
    }

    async fn start(&self) -> ServiceProcess {
        let own = self
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let environment: Vec<(&str, &str)> = own.chain(self.steps.environment()).collect();
        ServiceProcess::start_in("pierone", self.directory.path(), &self.settings, false, &environment).await
    }

    /// The AWS API has its objects in memory: what has been checked twice need not stay.
    async fn forget(&self, digest: &str) {
        let Some((session, bucket)) = &self.bucket else { return };
        let hex = digest.trim_start_matches("sha256:");
        let key = format!("images/blobs/sha256/{}/{hex}", &hex[..2]);
        session
            .s3()
            .delete_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await
            .unwrap();
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold("sha256:".to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// What is pushed in one round.
struct Image {
    tag: String,
    layer: Vec<u8>,
    layer_digest: String,
    /// How many of its bytes come first.
    first: usize,
    config: Vec<u8>,
    manifest: Vec<u8>,
}

impl Image {
    fn new(round: usize, (size, first): (usize, usize)) -> Self {
        // Quickly made, and of no other round.
        let block: Vec<u8> = (0..65_521_usize)
            .map(|place| (place * (round + 3) + place / 251) as u8)
            .collect();
        let mut layer = block.repeat(size / block.len() + 1);
        layer.truncate(size);
        // The pattern comes again after 256 rounds.
        layer[..8].copy_from_slice(&(round as u64).to_le_bytes());
        let config =
            json!({"architecture": "amd64", "os": "linux", "config": {"Labels": {"round": round.to_string()}}})
                .to_string();
        let descriptor = |kind: &str, bytes: &[u8]| json!({"mediaType": format!("application/vnd.oci.image.{kind}"), "digest": digest(bytes), "size": bytes.len()});
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor("config.v1+json", config.as_bytes()),
            "layers": [descriptor("layer.v1.tar", &layer)],
        });
        Self {
            tag: format!("{round}.0"),
            layer_digest: digest(&layer),
            layer,
            first,
            config: config.into_bytes(),
            manifest: manifest.to_string().into_bytes(),
        }
    }
}

/// What a client does, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Nothing,
    Start,
    First,
    Layer,
    Config,
    Tag,
    Move,
}

/// What a client knows.
struct Push<'a> {
    image: &'a Image,
    location: Option<String>,
    begun: Step,
    answered: Step,
}

struct Registry {
    url: String,
    client: reqwest::Client,
}

impl Registry {
    fn of(process: &ServiceProcess) -> Self {
        Self {
            url: process.url().to_owned(),
            client: client(),
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth("token")
    }

    /// The bytes, or nothing when it is not there.
    async fn get(&self, kind: &str, reference: &str) -> Option<Vec<u8>> {
        let answer = self
            .request(Method::GET, &format!("/v2/{REPOSITORY}/{kind}/{reference}"))
            .send()
            .await
            .unwrap();
        match answer.status() {
            StatusCode::NOT_FOUND => None,
            StatusCode::OK => Some(answer.bytes().await.unwrap().into()),
            status => panic!("{kind}/{reference}: {status} {}", answer.text().await.unwrap()),
        }
    }

    async fn tags(&self) -> Vec<String> {
        let answer = self
            .request(Method::GET, &format!("/v2/{REPOSITORY}/tags/list"))
            .send()
            .await
            .unwrap();
        let list: Value = answer.json().await.unwrap();
        let tags = list["tags"].as_array().cloned().unwrap_or_default();
        tags.iter().map(|tag| tag.as_str().unwrap().to_owned()).collect()
    }

    /// How many bytes an upload has.
    async fn progress(&self, location: &str) -> Option<usize> {
        let answer = self.request(Method::GET, location).send().await.unwrap();
        if answer.status() == StatusCode::NOT_FOUND {
            return None;
        }
        let range = answer.headers()["range"].to_str().unwrap().to_owned();
        let last: usize = range.trim_start_matches("0-").parse().unwrap();
        // `0-0` is what an upload without a byte says, and no request here brings one.
        Some(if last == 0 { 0 } else { last + 1 })
    }

    /// Pushes what is not answered yet. Nothing when an answer does not come: the process has ended.
    async fn push(&self, push: &mut Push<'_>) -> Option<()> {
        let image = push.image;
        if push.answered < Step::Start {
            let path = format!("/v2/{REPOSITORY}/blobs/uploads/");
            let answer = push
                .step(Step::Start, self.request(Method::POST, &path), StatusCode::ACCEPTED)
                .await?;
            push.location = Some(answer.headers()["location"].to_str().unwrap().to_owned());
        }
        if push.answered < Step::Layer {
            let location = push.location.clone().unwrap();
            let mut there = match push.begun {
                Step::Start => 0,
                _ => self.progress(&location).await.unwrap_or(image.layer.len()),
            };
            if there < image.first {
                let body = image.layer[there..image.first].to_vec();
                let request = self.request(Method::PATCH, &location).body(body);
                push.step(Step::First, request, StatusCode::ACCEPTED).await?;
                there = image.first;
            }
            let path = format!("{location}?digest={}", image.layer_digest);
            let request = self.request(Method::PUT, &path).body(image.layer[there..].to_vec());
            push.step(Step::Layer, request, StatusCode::CREATED).await?;
        }
        if push.answered < Step::Config {
            let path = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={}", digest(&image.config));
            let request = self.request(Method::POST, &path).body(image.config.clone());
            push.step(Step::Config, request, StatusCode::CREATED).await?;
        }
        for (step, tag) in [(Step::Tag, image.tag.as_str()), (Step::Move, MOVING)] {
            if push.answered < step {
                let path = format!("/v2/{REPOSITORY}/manifests/{tag}");
                let request = self.request(Method::PUT, &path).header("content-type", MANIFEST);
                push.step(step, request.body(image.manifest.clone()), StatusCode::CREATED)
                    .await?;
            }
        }
        Some(())
    }

    /// Whatever was answered is there; what was not even begun is not; what is between is whole or not there.
    async fn check(&self, push: &Push<'_>, before: Option<&Image>) {
        let image = push.image;
        let layer = self.get("blobs", &image.layer_digest).await;
        let config = self.get("blobs", &digest(&image.config)).await;
        let tagged = self.get("manifests", &image.tag).await;
        for (step, found, whole) in [
            (Step::Layer, &layer, &image.layer),
            (Step::Config, &config, &image.config),
            (Step::Tag, &tagged, &image.manifest),
        ] {
            assert!(found.is_some() || push.answered < step, "{step:?} was answered");
            assert!(found.is_none() || push.begun >= step, "{step:?} was not begun");
            assert!(found.as_ref().is_none_or(|found| found == whole), "{step:?} is whole");
        }
        assert_eq!(
            self.tags().await.contains(&image.tag),
            tagged.is_some(),
            "lists and reads agree"
        );
        let moved = self.get("manifests", MOVING).await;
        let here = moved.as_ref() == Some(&image.manifest);
        assert!(here || push.answered < Step::Move);
        assert!(!here || push.begun >= Step::Move);
        assert!(
            here || moved.as_ref() == before.map(|image| &image.manifest),
            "it is where it was"
        );
        if layer.is_none()
            && let Some(location) = &push.location
        {
            let there = self
                .progress(location)
                .await
                .expect("an upload that was begun and not ended is there");
            let least = if push.answered >= Step::First { image.first } else { 0 };
            assert!((least..=image.layer.len()).contains(&there), "{there}");
        }
    }
}

impl Push<'_> {
    /// Sends, and sees that the answer is what it should be.
    async fn step(&mut self, step: Step, request: RequestBuilder, status: StatusCode) -> Option<Response> {
        self.begun = self.begun.max(step);
        let answer = request.send().await.ok()?;
        if answer.status() != status {
            let found = answer.status();
            panic!("{step:?}: {found} {}", answer.text().await.unwrap_or_default());
        }
        self.answered = step;
        Some(answer)
    }
}

async fn killed_at_every_step(ground: &Ground) {
    let mut process = ground.start().await;
    let mut images: Vec<Image> = Vec::new();
    let (mut kills, mut number, mut stride) = (BTreeMap::<String, usize>::new(), 0, 1);
    loop {
        let image = Image::new(images.len(), ground.layer);
        let mut push = Push {
            image: &image,
            location: None,
            begun: Step::Nothing,
            answered: Step::Nothing,
        };
        match number {
            0 => ground.steps.only_count(),
            number => ground.steps.end_before(number),
        }
        let done = Registry::of(&process).push(&mut push).await;
        let count = ground.steps.stop();
        if done.is_none() {
            until("the end of the process", async || process.has_ended()).await;
            *kills.entry(format!("{:?}", push.begun)).or_default() += 1;
        }
        // One that has not ended by itself ends now, when all was answered.
        process.kill().await;
        process = ground.start().await;
        let registry = Registry::of(&process);
        registry.check(&push, images.last()).await;
        registry.push(&mut push).await.expect("the client goes on");
        registry.check(&push, None).await;
        if let Some(before) = images.last() {
            assert_eq!(
                registry.get("manifests", &before.tag).await.as_ref(),
                Some(&before.manifest)
            );
            assert_eq!(
                registry.get("blobs", &before.layer_digest).await.as_ref(),
                Some(&before.layer)
            );
            ground.forget(&before.layer_digest).await;
        }
        if number == 0 {
            stride = (count / KILLS).max(1);
        } else if done.is_some() {
            break;
        }
        number += stride;
        images.push(image);
        if let [.., before, _] = &mut images[..] {
            before.layer = Vec::new();
        }
    }
    let total: usize = kills.values().sum();
    println!("{total} kills, every {stride}. step: {kills:?}");
    assert!(total >= 50, "{kills:?}");
    let registry = Registry::of(&process);
    for image in &images {
        assert_eq!(
            registry.get("manifests", &image.tag).await.as_ref(),
            Some(&image.manifest)
        );
    }
    // One record for each, however often a client has tried.
    let records = audit(process.url(), "token").await;
    let subjects = |action: &str| {
        let mut subjects: Vec<String> = records
            .iter()
            .filter(|record| record["event"]["action"] == action)
            .map(|record| record["event"]["subject"].as_str().unwrap().to_owned())
            .collect();
        subjects.sort_unstable();
        subjects
    };
    let mut tags: Vec<String> = registry
        .tags()
        .await
        .iter()
        .map(|tag| format!("{REPOSITORY}:{tag}"))
        .collect();
    tags.sort_unstable();
    assert_eq!(subjects("tag.uploaded"), tags);
    let pushed = subjects("blob.pushed");
    let mut once = pushed.clone();
    once.dedup();
    assert_eq!(pushed, once);
    assert_eq!(pushed.len(), 2 * (tags.len() - 1));
    verify_audit(process.url(), "pierone", "token", ground.directory.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_survives_a_kill_at_every_step_on_sqlite_and_a_directory() {
    killed_at_every_step(&Ground::sqlite_and_a_directory().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_survives_a_kill_at_every_step_on_postgresql_and_s3() {
    killed_at_every_step(&Ground::postgresql_and_s3("pierone-killed").await).await;
}
