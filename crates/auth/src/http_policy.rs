//! Permissions as identity decides them, asked over HTTP with the caller's own token (contract identity 2.17, 2.19).

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::json;
use stups_api::client::{Answer, Client};
use url::Url;

use crate::{Caller, Policy, PolicyUnavailable, SetupError};

/// How long an answer is believed.
const BELIEVED: Duration = Duration::from_mins(1);

/// How long a refusal is: whoever has just been added to a team tries again soon.
const REFUSAL_BELIEVED: Duration = Duration::from_secs(5);

/// How many answers of each kind are kept.
const CAPACITY: u64 = 10_000;

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Longer names are not teams.
const NAME_LIMIT: usize = 256;

/// The policy that the originals ask for by name.
const POLICY: &str = "relaxed-radical-agility";

/// How long a yes and a no are believed.
struct ByAnswer;

impl<K> Expiry<K, bool> for ByAnswer {
    fn expire_after_create(&self, _: &K, yes: &bool, _: Instant) -> Option<Duration> {
        Some(if *yes { BELIEVED } else { REFUSAL_BELIEVED })
    }
}

/// Asks identity, remembers the answers for at most 60 seconds (refusals for 5), asks once for callers who want to know the same.
#[derive(Clone)]
pub struct HttpPolicy {
    identity: Client,
    decisions: Cache<(String, String), bool>,
    teams: Cache<String, bool>,
    memberships: Cache<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Account {
    name: String,
}

impl HttpPolicy {
    /// The policy of this identity service.
    pub fn new(identity: Url) -> Result<Self, SetupError> {
        Ok(Self {
            identity: Client::new(identity)?.with_timeout(TIMEOUT),
            decisions: Cache::builder().max_capacity(CAPACITY).expire_after(ByAnswer).build(),
            teams: Cache::builder().max_capacity(CAPACITY).expire_after(ByAnswer).build(),
            memberships: Cache::builder().max_capacity(CAPACITY).time_to_live(BELIEVED).build(),
        })
    }

    async fn ask_decision(&self, caller: &Caller, team: &str) -> Result<bool, PolicyUnavailable> {
        let body = json!({"policy": POLICY, "payload": {"team": team}});
        let answer = self
            .identity
            .on_behalf_of(&caller.token)
            .post(&["auth"])
            .json(&body)
            .any_answer()
            .await;
        let answer = answer.map_err(unavailable)?;
        match answer.status {
            // A proxy's page to log in at is no decision.
            StatusCode::OK if is_page(&answer) => Err(PolicyUnavailable("the answer is a page of HTML".to_owned())),
            StatusCode::OK => Ok(true),
            StatusCode::FORBIDDEN => Ok(false),
            _ => Err(unexpected(answer)),
        }
    }

    async fn ask_team(&self, caller: &Caller, team: &str) -> Result<bool, PolicyUnavailable> {
        let answer = self
            .identity
            .on_behalf_of(&caller.token)
            .get(&["teams", team])
            .any_answer()
            .await;
        let answer = answer.map_err(unavailable)?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(unexpected(answer)),
        }
    }

    async fn ask_memberships(&self, caller: &Caller) -> Result<Vec<String>, PolicyUnavailable> {
        let request = self.identity.on_behalf_of(&caller.token);
        let accounts: Vec<Account> = request
            .get(&["accounts", "aws"])
            .query(&[("member", &caller.uid)])
            .send()
            .await
            .map_err(unavailable)?;
        Ok(accounts.into_iter().map(|account| account.name).collect())
    }
}

impl Policy for HttpPolicy {
    fn may_act_for<'a>(
        &'a self,
        caller: &'a Caller,
        team: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<bool, PolicyUnavailable>> + Send + 'a>> {
        Box::pin(async move {
            if !is_name(team) {
                return Ok(false);
            }
            let key = (caller.name(), team.to_owned());
            self.decisions
                .try_get_with(key, self.ask_decision(caller, team))
                .await
                .map_err(shared)
        })
    }

    fn team_exists<'a>(
        &'a self,
        caller: &'a Caller,
        team: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<bool, PolicyUnavailable>> + Send + 'a>> {
        Box::pin(async move {
            if !is_name(team) {
                return Ok(false);
            }
            self.teams
                .try_get_with_by_ref(team, self.ask_team(caller, team))
                .await
                .map_err(shared)
        })
    }

    fn teams_of<'a>(
        &'a self,
        caller: &'a Caller,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<String>, PolicyUnavailable>> + Send + 'a>> {
        Box::pin(async move {
            self.memberships
                .try_get_with(caller.name(), self.ask_memberships(caller))
                .await
                .map_err(shared)
        })
    }
}

/// Whether it could be a team at all: nothing blank, nothing that would be another path, nothing endless.
fn is_name(team: &str) -> bool {
    !team.trim().is_empty() && team.len() <= NAME_LIMIT && team != "." && team != ".."
}

fn is_page(answer: &Answer) -> bool {
    let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
        || answer.body.trim_ascii_start().starts_with(b"<")
}

fn unexpected(answer: Answer) -> PolicyUnavailable {
    PolicyUnavailable(answer.into_error().to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "used where an error is mapped")]
fn unavailable(error: stups_api::client::Error) -> PolicyUnavailable {
    PolicyUnavailable(error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "used where an error is mapped")]
fn shared(error: std::sync::Arc<PolicyUnavailable>) -> PolicyUnavailable {
    PolicyUnavailable(error.0.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_believed_for_a_shorter_time() {
        let lasts = |yes| ByAnswer.expire_after_create(&"team", &yes, Instant::now());
        assert_eq!((lasts(true), lasts(false)), (Some(BELIEVED), Some(REFUSAL_BELIEVED)));
        assert!(REFUSAL_BELIEVED < BELIEVED);
    }
}
