//! Who is told of tags: a topic in SNS of every new one, a queue in SQS of images for Clair (contract pierone 2.10, 2.13).
//!
//! What is to be told is written as a job in the transaction of the tag: it is told once that is committed, at least once, and
//! nobody who pushes waits for it. Without a topic and a queue there are no such jobs.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sea_orm::DatabaseTransaction;
use serde_json::{Value, json};
use stups_aws::{Session, sns, sqs};
use stups_server::{Job, JobResult};
use stups_store::jobs::{self, NewJob};
use stups_store::{Error as StoreError, Store};
use url::Url;

use crate::names::Repository;

/// Jobs that tell the topic of a tag.
const TAGS: &str = "new-tags";
/// Jobs that give Clair an image.
const IMAGES: &str = "clair-images";

/// How often it is tried, with pauses up to an hour: two days in which the other side may be away.
const ATTEMPTS: i32 = 60;

/// How many are told before the job says how it went.
const AT_ONCE: usize = 1000;

/// Who is told.
#[derive(Clone, Default)]
pub(crate) struct Outlets {
    topic: Option<(sns::Client, String)>,
    images: Option<(sqs::Client, Url)>,
}

impl Outlets {
    /// As the settings say, which [`region_of_topic`] and [`region_of_queue`] have understood.
    pub(crate) fn new(session: &Session, topic: Option<&String>, images: Option<&Url>) -> Self {
        // What fails is tried again by itself.
        let session = session.with_attempts(2);
        let of = |region: Option<&str>| region.map_or_else(|| session.clone(), |region| session.in_region(region));
        Self {
            topic: topic.map(|topic| (of(region_of_topic(topic)).sns(), topic.clone())),
            images: images.map(|queue| (of(region_of_queue(queue)).sqs(), queue.clone())),
        }
    }

    /// Whether images are given to Clair.
    pub(crate) fn has_clair(&self) -> bool {
        self.images.is_some()
    }

    /// Tells the topic, once the transaction is committed.
    pub(crate) async fn tell_of_tag(
        &self,
        transaction: &DatabaseTransaction,
        registry: Option<&str>,
        repository: &Repository,
        tag: &str,
    ) -> Result<(), StoreError> {
        if self.topic.is_none() {
            return Ok(());
        }
        let payload = json!({
            "registry": registry, "team": repository.team(), "image": repository.artifact(), "tag": tag,
        });
        jobs::enqueue(transaction, job(TAGS, payload, None)).await?;
        Ok(())
    }

    /// Gives Clair a message about an image, once the transaction is committed. The same is not sent twice at a time.
    pub(crate) async fn give_to_clair(
        &self,
        transaction: &DatabaseTransaction,
        key: String,
        message: Value,
    ) -> Result<(), StoreError> {
        if self.images.is_some() {
            jobs::enqueue(transaction, job(IMAGES, message, Some(key))).await?;
        }
        Ok(())
    }

    /// What has to run for it.
    pub(crate) fn jobs(&self, store: &Store) -> Vec<Tell> {
        let mut told = Vec::new();
        if let Some((client, topic)) = self.topic.clone() {
            told.push(Tell {
                store: store.clone(),
                name: "tell-of-tags",
                queue: TAGS,
                outlet: Outlet::Topic(client, topic),
            });
        }
        if let Some((client, queue)) = self.images.clone() {
            told.push(Tell {
                store: store.clone(),
                name: "give-to-clair",
                queue: IMAGES,
                outlet: Outlet::Queue(client, queue),
            });
        }
        told
    }
}

fn job(queue: &'static str, payload: Value, key: Option<String>) -> NewJob {
    NewJob {
        queue,
        payload,
        key,
        due_at: 0,
        attempts: ATTEMPTS,
    }
}

/// `arn:aws:sns:<region>:<account>:<name>`; nothing when it is no topic.
pub(crate) fn region_of_topic(topic: &str) -> Option<&str> {
    let parts: Vec<&str> = topic.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "sns", region, account, name]
            if stups_aws::is_region_name(region) && !account.is_empty() && !name.is_empty() =>
        {
            Some(region)
        }
        _ => None,
    }
}

/// `https://sqs.<region>.amazonaws.com/<account>/<name>`; nothing when the address does not say it.
pub(crate) fn region_of_queue(queue: &Url) -> Option<&str> {
    let region = queue.host_str()?.strip_prefix("sqs.")?.split('.').next()?;
    stups_aws::is_region_name(region).then_some(region)
}

enum Outlet {
    Topic(sns::Client, String),
    Queue(sqs::Client, Url),
}

impl Outlet {
    async fn send(&self, message: String) -> Result<(), stups_aws::Error> {
        match self {
            Self::Topic(client, topic) => {
                client.publish().topic_arn(topic).message(message).send().await?;
            }
            Self::Queue(client, queue) => {
                let message = client.send_message().queue_url(queue.as_str()).message_body(message);
                message.send().await?;
            }
        }
        Ok(())
    }
}

/// Tells one of them what is to be told.
pub(crate) struct Tell {
    store: Store,
    name: &'static str,
    queue: &'static str,
    outlet: Outlet,
}

impl Tell {
    async fn tell(&self) -> Result<usize, String> {
        for told in 0..AT_ONCE {
            let failure = Mutex::new(None);
            let (outlet, failed) = (&self.outlet, &failure);
            let one = jobs::work(&self.store, self.queue, |job| async move {
                let sent = outlet.send(job.payload.to_string()).await;
                sent.map_err(|error| {
                    let reason = error.to_string();
                    failed
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .replace(reason.clone());
                    reason
                })
            });
            let was_one = one.await.map_err(|error| error.to_string())?;
            // Others would fail as well: they wait for the next run.
            if let Some(reason) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
                return Err(reason);
            }
            if !was_one {
                return Ok(told);
            }
        }
        Ok(AT_ONCE)
    }
}

impl Job for Tell {
    fn name(&self) -> &'static str {
        self.name
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn run(&self) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
        Box::pin(async { self.tell().await.map(|told| json!({"told": told})) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_read_off_topics_and_queues() {
        for (topic, region) in [
            ("arn:aws:sns:eu-west-1:123456789012:tags", Some("eu-west-1")),
            ("arn:aws-cn:sns:cn-north-1:123456789012:tags", Some("cn-north-1")),
            ("arn:aws:sqs:eu-west-1:123456789012:tags", None),
            ("arn:aws:sns::123456789012:tags", None),
            ("arn:aws:sns:eu-west-1:123456789012:", None),
            ("tags", None),
        ] {
            assert_eq!(region_of_topic(topic), region, "{topic}");
        }
        for (queue, region) in [
            ("https://sqs.eu-west-1.amazonaws.com/123456789012/q", Some("eu-west-1")),
            ("https://eu-west-1.queue.amazonaws.com/123456789012/q", None),
            ("http://127.0.0.1:4566/123456789012/q", None),
        ] {
            assert_eq!(region_of_queue(&queue.parse().unwrap()), region, "{queue}");
        }
    }
}
