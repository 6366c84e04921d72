//! Passwords and client secrets: how they are hashed, verified and generated (contract identity 5.4).
//!
//! What people choose is hashed with argon2id; bcrypt is accepted from imports and replaced at the next success. What this
//! service generates has 256 random bits, so a keyed hash is enough, and fast. The two are told apart by the form of the
//! password that is *presented*: whoever asks decides how long an answer takes, never what is stored. So an answer does not
//! tell whether a user exists.

mod remembered;

use std::time::Duration;

use argon2::Params;
use argon2::password_hash::phc::PasswordHash;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::StatusCode;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

use crate::argon2id::Argon2id;
use crate::hasher::{HashError, PasswordHasher};
use crate::secret::random_bytes;

pub(crate) use remembered::Remembered;

/// How the passwords that this service generates begin, so that scanners of repositories find them.
const MACHINE_PREFIX: &str = "stups_secret_";
/// Random bytes of a generated password.
const MACHINE_BYTES: usize = 32;
/// How the hashes of generated passwords begin.
const MACHINE_HASH_PREFIX: &str = "$hmac-sha256$";
/// Longer passwords are refused unseen, in bytes.
pub(crate) const MAX_PASSWORD_BYTES: usize = 1024;
/// bcrypt sees no more than this many bytes, so longer passwords cannot be verified with it.
const MAX_BCRYPT_BYTES: usize = 72;
/// What an imported hash may cost at most, so that no import makes a login expensive: KiB, passes, lanes.
const CEILING: (u32, u32, u32) = (256 * 1024, 10, 16);
/// The highest bcrypt cost that is accepted on import.
const MAX_BCRYPT_COST: u32 = 14;

/// Why a hash that somebody brought along is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a bcrypt ($2a$, $2b$, $2y$, cost at most 14) or argon2id hash (at most 256 MiB, 10 passes)")]
pub struct InvalidHash;

/// How a comparison with stored hashes ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Which of the hashes matched.
    pub matched: Option<usize>,
    /// Whether the hash that matched is weaker than what is made today, and to be replaced.
    pub is_weak: bool,
}

/// A new password with 256 random bits, and its hash.
pub fn generate(hasher: &PasswordHasher) -> (SecretString, String) {
    let random = BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<MACHINE_BYTES>());
    let secret = SecretString::from(format!("{MACHINE_PREFIX}{random}"));
    let tag = hmac::sign(hasher.machine_secret_key(), secret.expose_secret().as_bytes());
    (
        secret,
        format!("{MACHINE_HASH_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(tag)),
    )
}

/// The argon2id hash of a password that somebody chose. Errors: too many are hashed at the same time; it cannot be hashed.
pub async fn hash(hasher: &PasswordHasher, password: &SecretString) -> Result<String, HashError> {
    let password = password.clone();
    hasher.run(move |argon2id| new_hash(argon2id, &password)).await?
}

/// Which of the hashes the password matches. Costs the same whether there are hashes or not. Errors: too many are hashed at
/// the same time.
pub async fn verify(hasher: &PasswordHasher, password: &SecretString, hashes: &[String]) -> Result<Verdict, HashError> {
    if password.expose_secret().len() > MAX_PASSWORD_BYTES {
        return Ok(Verdict::default());
    }
    if is_machine_password(password) {
        return Ok(Verdict {
            matched: verify_machine(hasher.machine_secret_key(), password, hashes),
            is_weak: false,
        });
    }
    let (password, hashes) = (password.clone(), hashes.to_vec());
    hasher
        .run(move |argon2id| verify_chosen(argon2id, &password, &hashes))
        .await
}

/// As [`verify`], for a machine: that its password matched is remembered for a while, and those who show the same one at the same
/// moment, as a crowd with one client does, wait for one comparison.
pub async fn verify_of_machine(
    hasher: &PasswordHasher,
    password: &SecretString,
    hashes: &[String],
) -> Result<Verdict, HashError> {
    let remembered = hasher.remembered();
    if is_machine_password(password) || password.expose_secret().len() > MAX_PASSWORD_BYTES {
        return verify(hasher, password, hashes).await;
    }
    if let Some(known) = remembered.find(password, hashes).await {
        return Ok(known);
    }
    let question = remembered.question(password, hashes);
    let shown = (hasher.clone(), password.clone(), hashes.to_vec());
    let compare = move |_| {
        let (hasher, password, hashes) = shown.clone();
        async move { Ok(verify_and_remember(&hasher, &password, &hashes).await) }
    };
    let asked = remembered.asked.ask(question, compare).await;
    asked.unwrap_or(Err(HashError::Failed))
}

async fn verify_and_remember(
    hasher: &PasswordHasher,
    password: &SecretString,
    hashes: &[String],
) -> Result<Verdict, HashError> {
    let remembered = hasher.remembered();
    // Those before may have found out meanwhile.
    if let Some(known) = remembered.find(password, hashes).await {
        return Ok(known);
    }
    let verdict = verify(hasher, password, hashes).await?;
    if let Some(hash) = verdict.matched.and_then(|index| hashes.get(index)) {
        remembered.note(password, hash).await;
    }
    Ok(verdict)
}

fn verify_machine(key: &hmac::Key, password: &SecretString, hashes: &[String]) -> Option<usize> {
    let message = password.expose_secret().as_bytes();
    hashes.iter().position(|hash| {
        let stored = hash
            .strip_prefix(MACHINE_HASH_PREFIX)
            .and_then(|tag| BASE64_URL_SAFE_NO_PAD.decode(tag).ok());
        // ring compares in constant time.
        stored.is_some_and(|stored| hmac::verify(key, message, &stored).is_ok())
    })
}

fn verify_chosen(argon2id: &Argon2id, password: &SecretString, hashes: &[String]) -> Verdict {
    let mut compared = false;
    for (index, hash) in hashes
        .iter()
        .enumerate()
        .filter(|(_, hash)| !hash.starts_with(MACHINE_HASH_PREFIX))
    {
        compared = true;
        if matches(argon2id, password, hash) {
            return Verdict {
                matched: Some(index),
                is_weak: is_weak(argon2id, hash),
            };
        }
    }
    if !compared {
        // As expensive as a comparison.
        drop(new_hash(argon2id, password));
    }
    Verdict::default()
}

fn new_hash(argon2id: &Argon2id, password: &SecretString) -> Result<String, HashError> {
    argon2id.hash(password).map_err(|_| HashError::Failed)
}

/// Whether a hash that matched is to be replaced: bcrypt, or argon2id that costs less than ours.
fn is_weak(argon2id: &Argon2id, hash: &str) -> bool {
    argon2id_cost(hash).is_none_or(|(memory, iterations, _)| {
        memory < argon2id.params().m_cost() || iterations < argon2id.params().t_cost()
    })
}

impl From<HashError> for stups_server::Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).retry_after(Duration::from_secs(1))
            }
            HashError::Failed => Self::internal(),
        }
    }
}

/// Whether this service may store the hash: one that it can verify, at bounded cost.
pub fn check_imported(hash: &str) -> Result<(), InvalidHash> {
    if hash.starts_with("$2") {
        let parts: bcrypt::HashParts = hash.parse().map_err(|_| InvalidHash)?;
        let variant = ["$2a$", "$2b$", "$2y$"].iter().any(|variant| hash.starts_with(variant));
        return if variant && parts.get_cost() <= MAX_BCRYPT_COST {
            Ok(())
        } else {
            Err(InvalidHash)
        };
    }
    let (memory, iterations, lanes) = argon2id_cost(hash).ok_or(InvalidHash)?;
    let complete = PasswordHash::new(hash).is_ok_and(|hash| hash.salt.is_some() && hash.hash.is_some());
    let bounded = memory <= CEILING.0 && iterations <= CEILING.1 && lanes <= CEILING.2;
    if complete && bounded { Ok(()) } else { Err(InvalidHash) }
}

fn matches(argon2id: &Argon2id, password: &SecretString, hash: &str) -> bool {
    if hash.starts_with("$2") {
        let password = password.expose_secret().as_bytes();
        return password.len() <= MAX_BCRYPT_BYTES && bcrypt::verify(password, hash).unwrap_or(false);
    }
    argon2id.verify(password, hash)
}

/// Memory in KiB, passes and lanes of an argon2id hash; nothing for any other.
fn argon2id_cost(hash: &str) -> Option<(u32, u32, u32)> {
    let hash = PasswordHash::new(hash)
        .ok()
        .filter(|hash| hash.algorithm.as_str() == "argon2id")?;
    let params = Params::try_from(&hash).ok()?;
    Some((params.m_cost(), params.t_cost(), params.p_cost()))
}

/// Whether a password has the form of those that this service generates.
fn is_machine_password(password: &SecretString) -> bool {
    let random = password.expose_secret().strip_prefix(MACHINE_PREFIX);
    random
        .and_then(|random| BASE64_URL_SAFE_NO_PAD.decode(random).ok())
        .is_some_and(|bytes| bytes.len() == MACHINE_BYTES)
}

#[cfg(test)]
mod tests;
