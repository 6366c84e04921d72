use std::future::Future;
use std::io::Read as _;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use sea_orm::FromQueryResult;
use serde::Deserialize;
use serde_json::json;
use stups_api::pierone::LayerReport;
use stups_aws::sqs;
use stups_aws::sqs::types::{Message, MessageSystemAttributeName};
use stups_server::{Job, JobResult};
use stups_store::audit::Actor;
use url::Url;

use crate::names::Repository;
use crate::vulnerabilities::{self, Report};
use crate::{PierOne, audit, sql};

/// How long a call waits for a message, in seconds.
const POLL: i32 = 5;
/// How many messages one call brings.
const BATCH: i32 = 10;
/// How many batches are read before the job says how it went.
const BATCHES: usize = 100;

/// How often a message that cannot be used comes before it is removed. The queue's own rule about dead letters, which keeps
/// them, should say less.
const PATIENCE: i32 = 10;

/// Reports are no longer than this when they are unpacked.
const LONGEST: u64 = 64 << 20;

/// Reads what Clair found out of a queue that a topic writes to.
pub(crate) struct ReadResults {
    pub(crate) pierone: Arc<PierOne>,
    pub(crate) client: sqs::Client,
    pub(crate) queue: Url,
}

/// The notice of a topic.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Notice {
    message: String,
    #[serde(default)]
    message_attributes: Attributes,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(rename = "CLAIR.CONTENTTYPE")]
    content_type: Option<Attribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    value: String,
}

/// What is wrong with a message.
#[derive(Debug, PartialEq, Eq)]
enum Unusable {
    /// It will never be anything else.
    Corrupt(String),
    /// Somebody may know what to do with it: it stays in the queue.
    Unknown(String),
}

/// What a message says.
fn read(body: &str) -> Result<LayerReport, Unusable> {
    let notice: Notice = serde_json::from_str(body)
        .map_err(|error| Unusable::Unknown(format!("it is no notice of a topic: {error}")))?;
    let kind = notice.message_attributes.content_type.map(|kind| kind.value);
    let text = match kind.as_deref() {
        None | Some("application/json") => notice.message,
        Some("application/base64gzip") => unpacked(&notice.message).map_err(Unusable::Corrupt)?,
        Some(other) => return Err(Unusable::Unknown(format!("its type is {other:?}"))),
    };
    serde_json::from_str(&text).map_err(|error| Unusable::Unknown(format!("it is no report: {error}")))
}

fn unpacked(text: &str) -> Result<String, String> {
    let packed = STANDARD.decode(text.trim()).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    let mut reader = GzDecoder::new(packed.as_slice()).take(LONGEST + 1);
    reader.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("it has more than {LONGEST} bytes when it is unpacked"));
    }
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

#[derive(FromQueryResult)]
struct Image {
    repository: String,
    digest: String,
}

impl ReadResults {
    /// Reads until there is little left: how many reports there were.
    async fn read(&self) -> Result<usize, String> {
        let mut reports = 0;
        for _ in 0..BATCHES {
            let messages = self.receive().await?;
            for message in &messages {
                reports += usize::from(self.take(message).await?);
            }
            // What is left is for the next run, soon.
            if messages.len() < BATCH as usize {
                break;
            }
        }
        Ok(reports)
    }

    async fn receive(&self) -> Result<Vec<Message>, String> {
        let received = self
            .client
            .receive_message()
            .queue_url(self.queue.as_str())
            .wait_time_seconds(POLL)
            .max_number_of_messages(BATCH)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send()
            .await;
        let received = received.map_err(|error| stups_aws::Error::from(error).to_string())?;
        Ok(received.messages.unwrap_or_default())
    }

    /// Keeps what a message says, and removes it from the queue. What the database could not take comes again.
    async fn take(&self, message: &Message) -> Result<bool, String> {
        let id = message.message_id().unwrap_or_default();
        let report = match read(message.body().unwrap_or_default()) {
            Ok(report) => Some(report),
            Err(Unusable::Unknown(reason)) if times(message) < PATIENCE => {
                tracing::warn!(message = id, %reason, "a message of Clair's cannot be used, and stays in the queue");
                return Ok(false);
            }
            Err(Unusable::Unknown(reason) | Unusable::Corrupt(reason)) => {
                tracing::error!(message = id, %reason, "a message of Clair's cannot be used, and is removed from the queue");
                None
            }
        };
        if let Some(report) = &report {
            let kept = self.pierone.keep_result(report).await;
            kept.map_err(|error| error.to_string())?;
        }
        if let Some(handle) = message.receipt_handle() {
            let deletion = self.client.delete_message().queue_url(self.queue.as_str());
            let deleted = deletion.receipt_handle(handle).send().await;
            deleted.map_err(|error| stups_aws::Error::from(error).to_string())?;
        }
        Ok(report.is_some())
    }
}

/// How often a message has come.
fn times(message: &Message) -> i32 {
    let count = message
        .attributes()
        .and_then(|attributes| attributes.get(&MessageSystemAttributeName::ApproximateReceiveCount));
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

impl PierOne {
    /// Keeps a report for all images that were given to Clair under its name. Auditors are told when it changes what is known.
    async fn keep_result(&self, report: &LayerReport) -> Result<(), stups_store::Error> {
        let write = self.store.write().await?;
        let images: Vec<Image> = sql::rows(
            write.transaction(),
            "SELECT repository, digest FROM scan_requests WHERE clair_id = $1 ORDER BY repository, digest",
            [report.layer.name.clone().into()],
        )
        .await?;
        let mut events = Vec::new();
        for image in images {
            let Ok(repository) = Repository::parse(&image.repository) else {
                continue;
            };
            let told = Report {
                repository: &repository,
                digest: &image.digest,
                found: report,
                scanner: "clair",
            };
            let (severities, changed) = vulnerabilities::keep(write.transaction(), &told).await?;
            if changed {
                let details = json!({
                    "severity_fix_available": severities.fix_available,
                    "severity_no_fix_available": severities.no_fix_available,
                });
                let actor = Actor::service();
                events.push(audit::content(
                    "vulnerabilities.reported",
                    actor,
                    &repository,
                    &image.digest,
                    details,
                ));
            }
        }
        if events.is_empty() {
            write.commit_unaudited().await
        } else {
            write.commit_all(events).await.map(|_| ())
        }
    }
}

impl Job for ReadResults {
    fn name(&self) -> &'static str {
        "read-clair-results"
    }

    /// Also how long nobody asks a queue that could not be reached.
    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn run(&self) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
        Box::pin(async { self.read().await.map(|reports| json!({"reports": reports})) })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::Value;

    use super::*;

    fn notice(message: &str, kind: Option<&str>) -> String {
        let mut notice = json!({"Type": "Notification", "MessageId": "1", "TopicArn": "arn", "Message": message});
        if let Some(kind) = kind {
            notice["MessageAttributes"] = json!({"CLAIR.CONTENTTYPE": {"Type": "String", "Value": kind}});
        }
        notice.to_string()
    }

    fn packed(text: &[u8]) -> String {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        STANDARD.encode(encoder.finish().unwrap())
    }

    fn report() -> Value {
        json!({"Layer": {"Name": "sha256:1", "ParentName": "sha256:0", "IndexedByVersion": 3, "Features": [
            {"Name": "openssl", "NamespaceName": "debian:8", "VersionFormat": "dpkg", "Version": "1.0", "Vulnerabilities": [
                {"Name": "CVE-1", "NamespaceName": "debian:8", "Severity": "High", "FixedBy": "1.1", "Metadata": {"NVD": {}}},
            ]},
        ]}})
    }

    #[test]
    fn reports_come_plain_and_packed() {
        let text = report().to_string();
        for body in [
            notice(&text, None),
            notice(&text, Some("application/json")),
            notice(&packed(text.as_bytes()), Some("application/base64gzip")),
        ] {
            let report = read(&body).unwrap();
            assert_eq!(report.layer.name, "sha256:1");
            assert_eq!(report.layer.severities().fix_available, "High");
        }
    }

    #[test]
    fn what_can_never_be_read_is_told_apart_from_what_somebody_else_may_read() {
        let text = report().to_string();
        let cut = packed(text.as_bytes());
        for (body, corrupt) in [
            (notice("!", Some("application/base64gzip")), true),
            (notice(&cut[..cut.len() / 2], Some("application/base64gzip")), true),
            (notice(&packed(b"\xff"), Some("application/base64gzip")), true),
            (notice(&text, Some("text/xml")), false),
            (notice("{}", None), false),
            (text.clone(), false),
            (String::new(), false),
        ] {
            let unusable = read(&body).unwrap_err();
            assert_eq!(matches!(unusable, Unusable::Corrupt(_)), corrupt, "{unusable:?}");
        }
    }
}
