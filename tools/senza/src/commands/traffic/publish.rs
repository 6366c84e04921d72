//! Telling the operators: a change of traffic is published before it is made.

use futures::future::join_all;
use indexmap::IndexSet;
use stups_terminal::Row;

use super::version::Version;
use crate::context::Context;

const SUBJECT: &str = "SenzaTrafficRedirect";

/// Publishes the rows of the change as JSON to every topic that one of the stacks notifies. Traffic does not depend on it:
/// a topic that cannot be reached is a warning.
pub(super) async fn publish(context: &Context, versions: &[Version], rows: &[Row]) {
    let topics: IndexSet<&str> = versions
        .iter()
        .flat_map(|version| version.stack.notification_arns())
        .map(String::as_str)
        .collect();
    let message = serde_json::Value::from(rows.iter().cloned().map(serde_json::Value::Object).collect::<Vec<_>>());
    let sns = context.session.sns();
    let publications = topics.into_iter().map(|topic| {
        let request = sns
            .publish()
            .topic_arn(topic)
            .subject(SUBJECT)
            .message(message.to_string());
        async move { (topic, request.send().await) }
    });
    for (topic, published) in join_all(publications).await {
        if let Err(error) = published {
            let reason = stups_aws::Error::from(error);
            context
                .terminal
                .warning(&format!("The change could not be published to {topic}: {reason}"));
        }
    }
}
