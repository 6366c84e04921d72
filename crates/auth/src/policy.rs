use std::future::{Future, ready};
use std::pin::Pin;

use crate::Caller;

/// Whether it cannot be said now: the team service is away. Services answer 503.
#[derive(Debug, thiserror::Error)]
#[error("permissions cannot be checked now: {0}")]
pub struct PolicyUnavailable(pub String);

/// What the team service decides: membership and existence of teams (contract identity 2.17, 2.19).
pub trait Policy: Send + Sync {
    /// Whether the caller may act for the team.
    fn may_act_for<'a>(
        &'a self,
        caller: &'a Caller,
        team: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<bool, PolicyUnavailable>> + Send + 'a>>;

    /// Whether the team exists.
    fn team_exists<'a>(
        &'a self,
        caller: &'a Caller,
        team: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<bool, PolicyUnavailable>> + Send + 'a>>;

    /// The teams that the caller belongs to, by id, account names included.
    fn teams_of<'a>(
        &'a self,
        caller: &'a Caller,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<String>, PolicyUnavailable>> + Send + 'a>>;
}

/// Decides nothing, because there is nobody to ask: no identity service is configured.
#[derive(Clone, Copy, Debug)]
pub struct NoPolicy;

impl NoPolicy {
    fn unavailable<T>() -> Result<T, PolicyUnavailable> {
        Err(PolicyUnavailable("identity_url is not set".to_owned()))
    }
}

impl Policy for NoPolicy {
    fn may_act_for<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<bool, PolicyUnavailable>> + Send + 'a>> {
        Box::pin(ready(Self::unavailable()))
    }

    fn team_exists<'a>(
        &'a self,
        _: &'a Caller,
        _: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<bool, PolicyUnavailable>> + Send + 'a>> {
        Box::pin(ready(Self::unavailable()))
    }

    fn teams_of<'a>(
        &'a self,
        _: &'a Caller,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<String>, PolicyUnavailable>> + Send + 'a>> {
        Box::pin(ready(Self::unavailable()))
    }
}
