//! SNS topics.

use super::Account;
use crate::Error;

impl Account {
    /// The ARN of the topic `name`; an ARN is its own answer. Nothing when there is no such topic.
    pub(crate) async fn topic_arn(&self, name: &str) -> Result<Option<String>, Error> {
        if name.starts_with("arn:") {
            return Ok(Some(name.to_owned()));
        }
        let topics = self
            .topics
            .get_or_try_init(|| {
                Box::pin(async {
                    let pages = self.online()?.sns().list_topics().into_paginator().items().send();
                    let topics: Vec<stups_aws::sns::types::Topic> = pages.collect::<Result<_, _>>().await?;
                    Ok::<_, Error>(topics.into_iter().filter_map(|topic| topic.topic_arn).collect())
                })
            })
            .await?;
        let ending = format!(":{name}");
        Ok(topics.iter().rev().find(|arn| arn.ends_with(&ending)).cloned())
    }
}
