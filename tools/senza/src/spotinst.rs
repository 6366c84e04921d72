//! Elastigroups: the part of Spot's API that the commands need.
//!
//! The API is at `https://api.spotinst.io`, or where `SPOTINST_API_URL` says (plain HTTP is taken on this machine only).
//! Token and account stand in the stack's template. Where the template has them in parameters, they are what `SPOTINST_TOKEN` and
//! `SPOTINST_ACCOUNT` say, else what its `SenzaInfo` says. A token that is encrypted (`senza:kms:`) is decrypted by KMS.

use std::fmt;
use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use serde_json::{Value as Json, json};
use stups_aws::Session;

use crate::template::secrets;
use crate::{Error, deployed, http};

/// The keys of `SenzaInfo`.
const TOKEN: &str = "SpotinstAccessToken";
const ACCOUNT: &str = "SpotinstAccountId";

const API: &str = "https://api.spotinst.io";
/// For one request, connecting included.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often a request is tried that was refused because there were too many.
const ATTEMPTS: u32 = 5;
/// The first pause between two attempts; it doubles.
const PAUSE: Duration = Duration::from_secs(1);
/// No answer is longer, in bytes.
const LONGEST_ANSWER: usize = 8 << 20;

/// The API with an account's token.
#[derive(Clone)]
pub(crate) struct Spotinst {
    http: reqwest::Client,
    base: Url,
    account: String,
    token: String,
    pause: Duration,
}

impl fmt::Debug for Spotinst {
    /// Without the token.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Spotinst({} at {})", self.account, self.base)
    }
}

impl Spotinst {
    /// The API with the token and account of the stack's Elastigroup.
    pub(crate) async fn of_stack(session: &Session, stack: &str) -> Result<Self, Error> {
        let body = deployed::template_body(session, stack).await?;
        let template = deployed::parse_template(&body).map_err(Error::Fatal)?;
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let base = environment("SPOTINST_API_URL");
        let (token, account) = access(&template, stack, environment)?;
        let token = secrets::decrypted(TOKEN, &token, session).await?;
        Self::new(base.as_deref().unwrap_or(API), token, account)
    }

    fn new(base: &str, token: String, account: String) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Usage(format!("SPOTINST_API_URL is \"{base}\": {reason}"));
        let url = Url::parse(base).map_err(|error| wrong(&error.to_string()))?;
        let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
            return Err(wrong("the token is only sent over HTTPS"));
        }
        let http = http::client(TIMEOUT)
            .map_err(|error| Error::Fatal(format!("The HTTPS client could not be set up: {error}")))?;
        Ok(Self {
            http,
            base: url,
            account,
            token,
            pause: PAUSE,
        })
    }

    /// The group's description.
    pub(crate) async fn group(&self, group: &str) -> Result<Json, Error> {
        let items = self.call(Method::GET, &[group], None).await?;
        let found = items.into_iter().next();
        found.ok_or_else(|| Error::Fatal(format!("Elastigroup {group} not found")))
    }

    /// Sets the capacity.
    pub(crate) async fn set_capacity(&self, group: &str, capacity: Capacity) -> Result<(), Error> {
        let capacity = json!({
            "target": capacity.target, "minimum": capacity.minimum, "maximum": capacity.maximum,
        });
        self.update(group, json!({"group": {"capacity": capacity}})).await
    }

    /// Changes what is in `compute` and nothing else.
    pub(crate) async fn set_compute(&self, group: &str, compute: Json) -> Result<(), Error> {
        self.update(group, json!({"group": {"compute": compute}})).await
    }

    async fn update(&self, group: &str, body: Json) -> Result<(), Error> {
        self.call(Method::PUT, &[group], Some(body)).await.map(drop)
    }

    /// The instances that keep their identity.
    pub(crate) async fn stateful_instances(&self, group: &str) -> Result<Vec<StatefulInstance>, Error> {
        let items = self.call(Method::GET, &[group, "statefulInstance"], None).await?;
        let text = |item: &Json, name: &str| item.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        Ok(items
            .iter()
            .map(|item| StatefulInstance {
                id: text(item, "id"),
                instance_id: text(item, "instanceId"),
                private_ip: text(item, "privateIp"),
                state: text(item, "state"),
            })
            .collect())
    }

    /// Replaces the machine of a stateful instance.
    pub(crate) async fn recycle(&self, group: &str, instance: &str) -> Result<(), Error> {
        let path = [group, "statefulInstance", instance, "recycle"];
        self.call(Method::PUT, &path, None).await.map(drop)
    }

    /// Begins to replace all instances, `percentage` of them at a time.
    pub(crate) async fn roll(&self, group: &str, percentage: u64, grace: Duration) -> Result<Vec<Roll>, Error> {
        let body = json!({
            "batchSizePercentage": percentage,
            "gracePeriod": grace.as_secs(),
            "strategy": {"action": "REPLACE_SERVER"},
        });
        let items = self.call(Method::PUT, &[group, "roll"], Some(body)).await?;
        Ok(items.iter().map(Roll::from).collect())
    }

    /// How far a replacement has got.
    pub(crate) async fn roll_status(&self, group: &str, roll: &str) -> Result<Option<Roll>, Error> {
        let items = self.call(Method::GET, &[group, "roll", roll], None).await?;
        Ok(items.iter().map(Roll::from).find(|found| found.id == roll))
    }

    /// The items of the answer. What was refused because of too many requests is tried again.
    async fn call(&self, method: Method, path: &[&str], body: Option<Json>) -> Result<Vec<Json>, Error> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Error::Usage("SPOTINST_API_URL has no place for a path".to_owned()))?
            .pop_if_empty()
            .extend(["aws", "ec2", "group"].iter().chain(path));
        url.query_pairs_mut().append_pair("accountId", &self.account);
        let what = format!("{method} {}", path.join("/"));
        let mut pause = self.pause;
        for attempt in 1.. {
            let mut request = self.http.request(method.clone(), url.clone()).bearer_auth(&self.token);
            request = match &body {
                Some(body) => request.json(body),
                None => request.header("Content-Type", "application/json"),
            };
            let answer = request.send().await;
            let answer = answer.map_err(|error| unanswered(&what, &error))?;
            let status = answer.status();
            let is_passing = status == StatusCode::TOO_MANY_REQUESTS
                || (method == Method::GET && status == StatusCode::SERVICE_UNAVAILABLE);
            if is_passing && attempt < ATTEMPTS {
                tokio::time::sleep(pause).await;
                pause *= 2;
                continue;
            }
            return items(&what, status, answer).await;
        }
        Ok(Vec::new())
    }
}

fn unanswered(what: &str, error: &reqwest::Error) -> Error {
    Error::Fatal(format!("No answer from Spot to {what}: {}", http::cause(error)))
}

async fn items(what: &str, status: StatusCode, mut answer: reqwest::Response) -> Result<Vec<Json>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| unanswered(what, &error))? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_ANSWER {
            return Err(Error::Fatal(format!("Spot's answer to {what} is too long")));
        }
    }
    let body: Option<Json> = serde_json::from_slice(&body).ok();
    if !status.is_success() {
        let errors = body
            .as_ref()
            .and_then(|body| body.pointer("/response/errors/0/message"));
        let reason = errors.and_then(Json::as_str).unwrap_or("no reason given");
        return Err(Error::Fatal(format!("Spot refuses {what}: {status}: {reason}")));
    }
    let body = body.ok_or_else(|| Error::Fatal(format!("Spot's answer to {what} is not JSON")))?;
    let items = body.pointer("/response/items").and_then(Json::as_array);
    Ok(items.cloned().unwrap_or_default())
}

/// Token, perhaps encrypted, and account for a template's Elastigroup.
fn access(
    template: &Json,
    stack: &str,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<(String, String), Error> {
    let resources = template.get("Resources").and_then(Json::as_object);
    let is_elastigroup = |resource: &&Json| resource.get("Type").and_then(Json::as_str) == Some("Custom::elastigroup");
    let found = resources.and_then(|resources| resources.values().find(is_elastigroup));
    let Some(elastigroup) = found else {
        return Err(Error::Fatal(format!(
            "Stack {stack} has no Elastigroup in its template"
        )));
    };
    let info = template.pointer("/Mappings/Senza/Info");
    let value = |property: &str, variable: &str, key: &str| {
        let literal = elastigroup
            .pointer(&format!("/Properties/{property}"))
            .and_then(Json::as_str);
        literal
            .map(str::to_owned)
            .or_else(|| environment(variable))
            .or_else(|| Some(info?.get(key)?.as_str()?.to_owned()))
            .ok_or_else(|| {
                Error::Fatal(format!(
                    "The template of stack {stack} does not say the {property} of its Elastigroup: set {variable}"
                ))
            })
    };
    Ok((
        value("accessToken", "SPOTINST_TOKEN", TOKEN)?,
        value("accountId", "SPOTINST_ACCOUNT", ACCOUNT)?,
    ))
}

/// How many instances a group may, should and must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capacity {
    /// never fewer
    pub(crate) minimum: i64,
    /// as many as there should be now
    pub(crate) target: i64,
    /// never more
    pub(crate) maximum: i64,
}

impl Capacity {
    /// That of a described group.
    pub(crate) fn of(group: &Json) -> Option<Self> {
        let number = |name: &str| group.get("capacity")?.get(name)?.as_i64();
        Some(Self {
            minimum: number("minimum")?,
            target: number("target")?,
            maximum: number("maximum")?,
        })
    }
}

/// An instance that keeps its disks and its address when its machine is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatefulInstance {
    /// `ssi-...`
    pub(crate) id: String,
    /// the machine it has now
    pub(crate) instance_id: String,
    /// its address
    pub(crate) private_ip: String,
    /// `ACTIVE`, ...
    pub(crate) state: String,
}

impl StatefulInstance {
    /// Whether it serves.
    pub(crate) fn is_active(&self) -> bool {
        self.state == "ACTIVE"
    }
}

/// A replacement of all instances.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Roll {
    /// its id
    pub(crate) id: String,
    /// `STARTING`, `IN_PROGRESS`, `FINISHED`, `STOPPED`, `FAILED`
    pub(crate) status: String,
    /// percent
    progress: f64,
}

impl From<&Json> for Roll {
    fn from(item: &Json) -> Self {
        let text = |name: &str| item.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        Self {
            id: text("id"),
            status: text("status"),
            progress: item
                .pointer("/progress/value")
                .and_then(Json::as_f64)
                .unwrap_or_default(),
        }
    }
}

impl Roll {
    /// Whether nothing more happens.
    pub(crate) fn is_over(&self) -> bool {
        self.progress >= 100.0 || self.has_failed()
    }

    /// Whether it ended without having replaced all.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.status.to_lowercase().as_str(), "stopped" | "failed")
    }
}

#[cfg(test)]
pub(crate) mod tests;
