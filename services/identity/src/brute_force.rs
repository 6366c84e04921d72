//! Passwords cannot be guessed by trying: failures of a user and of an address make the next attempt wait.

use std::time::Duration;

use axum::http::StatusCode;
use stups_server::{Error, Origin};

use crate::State;
use crate::audit;
use crate::model::throttle;

/// One attempt to log in.
pub struct Attempt<'a> {
    /// The realm that the user is said to be of.
    pub realm: &'a str,
    /// The user's name, which may not exist.
    pub uid: &'a str,
    /// The client through which it comes.
    pub client_id: &'a str,
    /// From where.
    pub origin: &'a Origin,
}

impl Attempt<'_> {
    /// People are slowed wherever the attempts come from. Machines only per address: an attacker elsewhere must not be able
    /// to keep an application from its token, and a generated password cannot be guessed.
    fn user(&self, interactive: bool) -> String {
        match &self.origin.address {
            Some(address) if !interactive => format!("user:{}/{}@{address}", self.realm, self.uid),
            _ => format!("user:{}/{}", self.realm, self.uid),
        }
    }

    fn address(&self) -> Option<String> {
        self.origin.address.as_ref().map(|address| format!("address:{address}"))
    }
}

fn is_interactive(state: &State, realm: &str) -> bool {
    state.realms.get(realm).is_some_and(|(_, realm)| realm.interactive)
}

/// Refuses with 429 while the user or the address has to wait. The password is not looked at then.
pub async fn check(state: &State, attempt: &Attempt<'_>) -> Result<(), Error> {
    let user = attempt.user(is_interactive(state, attempt.realm));
    let subjects: Vec<String> = std::iter::once(user).chain(attempt.address()).collect();
    let now = state.clock.milliseconds();
    match throttle::blocked_until(state.store.connection(), &subjects, now).await? {
        Some(until) => Err(wait(until - now)),
        None => Ok(()),
    }
}

fn wait(milliseconds: i64) -> Error {
    let wait = Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default()) + Duration::from_millis(999);
    Error::oauth(StatusCode::TOO_MANY_REQUESTS, "slow_down", "Too many failed attempts; try again later").retry_after(wait)
}

/// Counts a failure, and records it.
pub async fn failed(state: &State, attempt: &Attempt<'_>) -> Result<(), Error> {
    let config = &state.config.throttle;
    let now = state.clock.milliseconds();
    let user = attempt.user(is_interactive(state, attempt.realm));
    let write = state.store.write().await?;
    throttle::failed(write.transaction(), &user, config.user_failures, config, now).await?;
    if let Some(address) = attempt.address() {
        throttle::failed(write.transaction(), &address, config.address_failures, config, now).await?;
    }
    let event =
        audit::refused(attempt.origin, "login.failed", attempt.realm, attempt.uid, attempt.client_id, "wrong password");
    write.commit(event).await?;
    Ok(())
}

/// Forgets the user's failures. The address keeps its own: one right password must not clear the way for guessing others.
pub async fn succeeded(state: &State, attempt: &Attempt<'_>) -> Result<(), Error> {
    let user = attempt.user(is_interactive(state, attempt.realm));
    if throttle::has_failures(state.store.connection(), &user).await? {
        let write = state.store.write().await?;
        throttle::forget(write.transaction(), &user).await?;
        write.commit_unaudited().await?;
    }
    Ok(())
}

/// Slows guesses of user codes from one address (RFC 8628 5.1).
pub async fn user_code_guessed(state: &State, origin: &Origin) -> Result<(), Error> {
    let Some(address) = &origin.address else { return Ok(()) };
    let config = &state.config.throttle;
    let write = state.store.write().await?;
    let subject = format!("user-code:{address}");
    throttle::failed(write.transaction(), &subject, config.user_failures, config, state.clock.milliseconds()).await?;
    write.commit_unaudited().await?;
    Ok(())
}

/// Refuses with 429 while the address has guessed too many user codes.
pub async fn check_user_code(state: &State, origin: &Origin) -> Result<(), Error> {
    let Some(address) = &origin.address else { return Ok(()) };
    let now = state.clock.milliseconds();
    match throttle::blocked_until(state.store.connection(), &[format!("user-code:{address}")], now).await? {
        Some(until) => Err(wait(until - now)),
        None => Ok(()),
    }
}
