//! Who is told of new tags.

use serde_json::Value;
use stups_aws::Session;
use stups_pierone::Config;
use stups_server::Environment;

use crate::support::{Ground, JDOE, TRUSTED};

/// A topic, and the address of a queue that gets what it is told.
pub(crate) async fn topic_with_queue(session: &Session, name: &str) -> (String, String) {
    let topic = session.sns().create_topic().name(name).send().await.unwrap();
    let topic = topic.topic_arn.unwrap();
    let queue = session.sqs().create_queue().queue_name(name).send().await.unwrap();
    let queue = queue.queue_url.unwrap();
    let arn = topic.replace(":sns:", ":sqs:");
    let subscription = session
        .sns()
        .subscribe()
        .topic_arn(&topic)
        .protocol("sqs")
        .endpoint(arn);
    subscription.send().await.unwrap();
    (topic, queue)
}

/// Takes all messages out of a queue.
pub(crate) async fn messages(session: &Session, queue: &str) -> Vec<String> {
    let sqs = session.sqs();
    let mut bodies = Vec::new();
    loop {
        let received = sqs.receive_message().queue_url(queue).max_number_of_messages(10);
        let received = received.send().await.unwrap().messages.unwrap_or_default();
        if received.is_empty() {
            bodies.sort();
            return bodies;
        }
        for message in received {
            let deletion = sqs.delete_message().queue_url(queue);
            let handle = message.receipt_handle.unwrap();
            deletion.receipt_handle(handle).send().await.unwrap();
            bodies.push(message.body.unwrap());
        }
    }
}

fn told(body: &str) -> String {
    let notice: Value = serde_json::from_str(body).unwrap();
    notice["Message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_topic_is_told_of_new_tags_and_of_nothing_else() {
    for ground in Ground::both_in_aws().await {
        let name = if ground.name.starts_with("SQLite") {
            "small"
        } else {
            "large"
        };
        let (topic, queue) = topic_with_queue(ground.session(), &format!("tags-{name}")).await;
        let config = Config {
            sns_topic: Some(topic),
            registry: Some("pierone.example.org".to_owned()),
            ..Config::default()
        };
        let pierone = ground.start(config.clone()).await;
        let image = pierone.image("stups/kio", "1.0", &[b"one"]).await;
        // The same again, a tag that moves, one that may not, and content without a tag.
        pierone.put("stups/kio", "1.0", JDOE, &image).await.is(201);
        pierone.image("stups/kio", "2.0-SNAPSHOT", &[b"two"]).await;
        let other = pierone.image("stups/kio", "2.0-SNAPSHOT", &[b"three"]).await;
        pierone.put("stups/kio", "1.0", JDOE, &other).await.is(409);
        let untagged = pierone.prepare("stups/kio", &[b"four"]).await;
        pierone
            .put("stups/kio", &untagged.digest, JDOE, &untagged)
            .await
            .is(201);
        let signature = format!("sha256-{}.sig", &image.digest[7..]);
        pierone.put("stups/kio", &signature, TRUSTED, &image).await.is(201);

        // The process ends before anybody was told.
        drop(pierone);
        let pierone = ground.start(config).await;
        assert!(messages(ground.session(), &queue).await.is_empty());
        for _ in 0..2 {
            assert!(pierone.built.jobs.run_once("tell-of-tags").await);
        }
        let bodies = messages(ground.session(), &queue).await;
        let told: Vec<String> = bodies.iter().map(|body| told(body)).collect();
        let notice =
            |tag: &str| format!(r#"{{"registry":"pierone.example.org","team":"stups","image":"kio","tag":"{tag}"}}"#);
        let mut sorted = told.clone();
        sorted.sort();
        assert_eq!(sorted, [notice("1.0"), notice("2.0-SNAPSHOT")], "{}", ground.name);
    }
}

#[tokio::test]
async fn a_topic_that_is_not_there_holds_up_nobody_and_is_told_later() {
    for ground in Ground::both_in_aws().await {
        let name = if ground.name.starts_with("SQLite") {
            "late-small"
        } else {
            "late-large"
        };
        let session = ground.session();
        let (topic, queue) = topic_with_queue(session, name).await;
        session.sns().delete_topic().topic_arn(&topic).send().await.unwrap();
        let config = Config {
            sns_topic: Some(topic),
            ..Config::default()
        };
        let pierone = ground.start(config).await;
        pierone.image("stups/kio", "1.0", &[b"one"]).await;
        pierone.built.jobs.run_once("tell-of-tags").await;
        let status = pierone.send("GET", "/status", "", &[], b"").await.is(200).json();
        let job = &status["jobs"]["tell-of-tags"];
        assert_eq!(job["failures"], 1, "{status}");
        assert!(job["error"].as_str().unwrap().contains("NotFound"), "{status}");

        topic_with_queue(session, name).await;
        pierone.sql("UPDATE jobs SET due_at = 0").await;
        pierone.built.jobs.run_once("tell-of-tags").await;
        let bodies = messages(session, &queue).await;
        let told: Vec<String> = bodies.iter().map(|body| told(body)).collect();
        assert_eq!(told, [r#"{"registry":null,"team":"stups","image":"kio","tag":"1.0"}"#]);
    }
}

#[tokio::test]
async fn a_topic_that_is_none_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let environment = Environment {
        insecure_no_auth: true,
        ..Environment::new(directory.path(), "http://127.0.0.1:8082".parse().unwrap())
    };
    let config = Config {
        sns_topic: Some("tags".to_owned()),
        ..Config::default()
    };
    let error = stups_pierone::build(&config, &environment).await.err().unwrap();
    assert!(
        error
            .to_string()
            .starts_with("pierone: sns_topic: \"tags\" is no topic"),
        "{error}"
    );
}
