//! Which of several passwords (or clients) of a service user are valid.
//!
//! A new one is valid at once and the old ones stay, until the new one is committed: whoever distributes it does that when
//! every file holds it. What is never committed piles up, so there is a limit in number and in age; but what applications
//! really use is in some file, and stays, and the youngest of all is perhaps just being written into files, however long that
//! takes. All decisions are here, as functions of the list alone.

use crate::model::entity::{password, service_client};

/// Uncommitted ones beyond this number are dropped when another is added, the oldest first.
pub const MAX_UNCOMMITTED: usize = 3;
/// An uncommitted one expires after this time, in milliseconds, unless it is the youngest.
pub const UNCOMMITTED_LIFETIME_MS: i64 = 24 * 3600 * 1000;
/// So many uncommitted ones, those used last, are exempt from both limits.
pub const KEPT_IN_USE: usize = 2;
/// The use of one is noted no more often than this, in milliseconds: a login is not a write each time.
pub const USE_RESOLUTION_MS: i64 = 60 * 1000;

/// A password or a client with its place in the rotation. Times are milliseconds since 1970 UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// The password's id, or the client id.
    pub id: String,
    /// The transaction that made it, by which it is committed. None: it was not made by a rotation, and counts as committed.
    pub txid: Option<String>,
    /// When it was made.
    pub created_at: i64,
    /// When it was committed.
    pub committed_at: Option<i64>,
    /// When it ceases to be valid: some time after a later one was committed.
    pub expires_at: Option<i64>,
    /// When it was last used, to within [`USE_RESOLUTION_MS`].
    pub last_used_at: Option<i64>,
}

impl Generation {
    fn is_uncommitted(&self) -> bool {
        self.txid.is_some() && self.committed_at.is_none()
    }
}

impl From<&password::Model> for Generation {
    fn from(row: &password::Model) -> Self {
        Self {
            id: row.id.clone(),
            txid: row.txid.clone(),
            created_at: row.created_at,
            committed_at: row.committed_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        }
    }
}

impl From<&service_client::Model> for Generation {
    fn from(row: &service_client::Model) -> Self {
        Self {
            id: row.client_id.clone(),
            txid: Some(row.txid.clone()),
            created_at: row.created_at,
            committed_at: row.committed_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// For each one whether it is valid at `now`.
pub fn valid(generations: &[Generation], now: i64) -> Vec<bool> {
    let in_use = in_use(generations);
    let youngest = generations.iter().map(age).max();
    let kept = |one: &Generation| in_use.contains(&one.id) || Some(age(one)) == youngest;
    let valid = |one: &Generation| match one.expires_at {
        Some(expires_at) => now < expires_at,
        None => !one.is_uncommitted() || now < one.created_at + UNCOMMITTED_LIFETIME_MS || kept(one),
    };
    generations.iter().map(valid).collect()
}

/// The ids of those that are valid no more at `now`: rows to delete.
pub fn expired(generations: &[Generation], now: i64) -> Vec<String> {
    let valid = valid(generations, now);
    generations
        .iter()
        .zip(valid)
        .filter(|(_, valid)| !valid)
        .map(|(one, _)| one.id.clone())
        .collect()
}

/// The ids of those that make room for one more uncommitted one.
pub fn superfluous(generations: &[Generation]) -> Vec<String> {
    let in_use = in_use(generations);
    let mut uncommitted: Vec<&Generation> = pending(generations).collect();
    uncommitted.sort_by_key(|one| one.created_at);
    let excess = (uncommitted.len() + 1).saturating_sub(MAX_UNCOMMITTED);
    let candidates = uncommitted.into_iter().filter(|one| !in_use.contains(&one.id));
    candidates.take(excess).map(|one| one.id.clone()).collect()
}

/// What a commit changes: those that expire after the grace, all older than the committed one. Younger ones stay: they are of
/// another rotation that is under way, and commit themselves or expire.
pub fn superseded(generations: &[Generation], committed: &Generation) -> Vec<String> {
    let older = |one: &&Generation| age(one) < age(committed);
    generations.iter().filter(older).map(|one| one.id.clone()).collect()
}

/// What orders them: the youngest is the greatest.
fn age(one: &Generation) -> (i64, &str) {
    (one.created_at, &one.id)
}

/// Uncommitted, and no commit of a later one has put an end to it.
fn pending(generations: &[Generation]) -> impl Iterator<Item = &Generation> {
    generations
        .iter()
        .filter(|one| one.is_uncommitted() && one.expires_at.is_none())
}

/// The ids of the uncommitted ones that were used last; of those used at the same time the younger, which replaced the others
/// in their files.
fn in_use(generations: &[Generation]) -> Vec<String> {
    let mut used: Vec<&Generation> = pending(generations).filter(|one| one.last_used_at.is_some()).collect();
    used.sort_by_key(|one| std::cmp::Reverse((one.last_used_at, age(one))));
    used.iter().take(KEPT_IN_USE).map(|one| one.id.clone()).collect()
}

#[cfg(test)]
mod tests;
