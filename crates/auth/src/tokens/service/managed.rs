//! One token that is kept fresh.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use secrecy::SecretString;

use super::credentials::token_from_file;
use super::held::{Held, Use, pause};
use super::request::Requester;
use super::{ServiceTokenError, ServiceTokenSettings};
use crate::tokens::random;

/// The shortest sleep of the background renewal.
const SHORTEST_SLEEP: Duration = Duration::from_millis(100);

/// How a token fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenStatus {
    /// The token's name.
    pub name: String,
    /// How long it is still valid; nothing if there is none.
    pub expires_in: Option<Duration>,
    /// How many attempts have failed since the last good one.
    pub failures: u32,
    /// Why the last attempt failed, if it did.
    pub problem: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Managed {
    name: String,
    scopes: Vec<String>,
    fixed: Option<SecretString>,
    directory: PathBuf,
    from_file_only: bool,
    requester: Arc<Requester>,
    state: Mutex<State>,
    /// Held by whoever asks the provider: one at a time.
    flight: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    /// counts finished requests: who waited for another's request takes its result
    attempts: u64,
    failures: u32,
    problem: Option<ServiceTokenError>,
    /// the provider is left alone until then
    paused_until: Option<Instant>,
    in_background: bool,
}

impl Managed {
    pub(crate) fn new(name: &str, scopes: &[&str], settings: &ServiceTokenSettings, requester: Arc<Requester>) -> Self {
        Self {
            name: name.to_owned(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            fixed: settings.fixed.get(name).cloned(),
            directory: settings.credentials_directory.clone(),
            from_file_only: settings.from_file_only,
            requester,
            state: Mutex::default(),
            flight: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    pub(crate) fn status(&self) -> TokenStatus {
        let state = self.state();
        let now = Instant::now();
        TokenStatus {
            name: self.name.clone(),
            expires_in: state
                .held
                .as_ref()
                .map(|held| held.expires.saturating_duration_since(now)),
            failures: state.failures,
            problem: state.problem.as_ref().map(ToString::to_string),
        }
    }

    /// A token that is valid now: a fixed one, else the one in the token file, else one of the provider.
    pub(crate) async fn get(self: &Arc<Self>) -> Result<SecretString, ServiceTokenError> {
        if let Some(token) = self.given()? {
            return Ok(token);
        }
        let (held, attempts) = {
            let state = self.state();
            (state.held.clone(), state.attempts)
        };
        let last = match held {
            Some(held) => match held.at(Instant::now()) {
                Use::Fresh => return Ok(held.token),
                Use::Renew => {
                    self.renew_in_background();
                    return Ok(held.token);
                }
                Use::Last => Some(held.token),
                Use::Over => None,
            },
            None => None,
        };
        if let Some(problem) = self.state().pausing() {
            return last.ok_or(problem);
        }
        match (self.request(attempts).await, last) {
            (Err(error), Some(token)) => {
                tracing::warn!(token = self.name, %error, "a token could not be renewed, its last value is used once more");
                Ok(token)
            }
            (result, _) => result,
        }
    }

    /// A new token, even if the provider should be left alone.
    pub(crate) async fn refresh(self: &Arc<Self>) -> Result<SecretString, ServiceTokenError> {
        if let Some(token) = self.given()? {
            return Ok(token);
        }
        let attempts = self.state().attempts;
        self.request(attempts).await
    }

    /// A token that needs no provider.
    fn given(&self) -> Result<Option<SecretString>, ServiceTokenError> {
        if let Some(token) = &self.fixed {
            return Ok(Some(token.clone()));
        }
        if let Some(token) = token_from_file(&self.directory, &self.name)? {
            return Ok(Some(token));
        }
        if self.from_file_only {
            return Err(ServiceTokenError::Credentials(format!(
                "Failed to read token \"{}\" from {}.",
                self.name,
                self.directory.display()
            )));
        }
        Ok(None)
    }

    /// Asks the provider, unless somebody else has done so since `attempts` were counted: then that result is as good.
    async fn request(self: &Arc<Self>, attempts: u64) -> Result<SecretString, ServiceTokenError> {
        let _flight = self.flight.lock().await;
        {
            let state = self.state();
            if state.attempts != attempts {
                return match (&state.problem, &state.held) {
                    (None, Some(held)) => Ok(held.token.clone()),
                    (Some(problem), _) => Err(problem.clone()),
                    (None, None) => unreachable!("an attempt ends with a token or a problem"),
                };
            }
        }
        let asked = Instant::now();
        let result = self.requester.request(&self.scopes).await;
        let mut state = self.state();
        state.attempts += 1;
        match result {
            Ok(response) => {
                // The lifetime counts from before the request, so that a slow answer is not taken for a longer life.
                let lifetime = Duration::from_secs(response.expires_in);
                let held = Held::new(response.access_token.clone(), lifetime, asked, random::fraction());
                state.held = Some(held);
                state.failures = 0;
                state.problem = None;
                state.paused_until = None;
                drop(state);
                self.renew_in_background();
                Ok(response.access_token)
            }
            Err(error) => {
                state.failures += 1;
                state.problem = Some(error.clone());
                state.paused_until = Some(Instant::now() + pause(state.failures, random::fraction()));
                Err(error)
            }
        }
    }

    /// Has the token renewed for as long as somebody holds it.
    fn renew_in_background(self: &Arc<Self>) {
        let mut state = self.state();
        if state.in_background {
            return;
        }
        state.in_background = true;
        tokio::spawn(renew(Arc::downgrade(self)));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The last problem, while the provider is left alone after it.
    fn pausing(&self) -> Option<ServiceTokenError> {
        let paused = self.paused_until.is_some_and(|until| Instant::now() < until);
        self.problem.clone().filter(|_| paused)
    }
}

/// Sleeps until the token is due, renews it, and so on until nobody holds the token any more, or its runtime ends.
async fn renew(managed: Weak<Managed>) {
    let mut failed = false;
    loop {
        let due = {
            let Some(managed) = managed.upgrade() else { return };
            let state = managed.state();
            match (&state.held, state.paused_until) {
                (_, Some(until)) if failed => until,
                (Some(held), _) => held.renew,
                (None, _) => Instant::now(),
            }
        };
        let sleep = due.saturating_duration_since(Instant::now()).max(SHORTEST_SLEEP);
        tokio::time::sleep(sleep).await;
        let Some(managed) = managed.upgrade() else { return };
        let attempts = managed.state().attempts;
        if managed
            .state()
            .held
            .as_ref()
            .is_some_and(|held| held.at(Instant::now()) == Use::Fresh)
        {
            failed = false;
            continue;
        }
        let result = managed.request(attempts).await;
        failed = result.is_err();
        if let Err(error) = result {
            tracing::warn!(token = managed.name, %error, "a token could not be renewed");
        }
    }
}
