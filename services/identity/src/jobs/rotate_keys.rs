use std::collections::BTreeSet;
use std::fs;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretBox, SecretString};
use serde_json::json;
use stups_server::{Job, JobResult};
use stups_store::Error;

use crate::State;
use crate::audit;
use crate::config::Algorithm;
use crate::keys::{SigningKey, UnusableKey, from_pem, generate};
use crate::model::keys;

/// Clocks differ, and consumers keep keys for a while: a key stays that much longer than its last token.
const SKEW_MILLISECONDS: i64 = 10 * 60 * 1000;

/// Why there is no usable signing key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] Error),
    /// No key of that algorithm can be used.
    #[error(
        "no signing key for {0} can be used: the database was written with another master key, or no key file is configured"
    )]
    None(&'static str),
    /// The key file cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Makes new signing keys in time, lets them be published before they sign, removes old ones when nothing that they signed can
/// be valid any more, and loads what other instances have made.
pub struct RotateKeys(pub State);

impl Job for RotateKeys {
    fn name(&self) -> &'static str {
        "rotate_keys"
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn run(&self) -> Pin<Box<dyn Future<Output = JobResult> + Send + '_>> {
        Box::pin(async move {
            rotate(&self.0).await.map_err(|error| error.to_string())?;
            Ok(json!({ "keys": self.0.keys.count() }))
        })
    }
}

/// Makes and removes keys as it is due, and loads all.
pub async fn rotate(state: &State) -> Result<(), KeyError> {
    let stored = keys::all(state.store.connection()).await?;
    let now = state.clock.milliseconds();
    for algorithm in algorithms(state) {
        if let Some(active_from) = due(state, algorithm, &stored, now) {
            // Somebody else may have been first: then theirs is loaded.
            match add(state, algorithm, next_generation(algorithm, &stored), active_from).await {
                Ok(()) | Err(Error::Constraint(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    remove_old(state, &stored, now).await?;
    load(state).await?;
    for algorithm in algorithms(state) {
        if state.keys.signer(algorithm, now).is_none() {
            return Err(KeyError::None(keys::name(algorithm)));
        }
    }
    Ok(())
}

fn algorithms(state: &State) -> Vec<Algorithm> {
    let mut algorithms = vec![state.config.signing.algorithm, state.config.signing.modern_algorithm];
    algorithms.dedup();
    algorithms
}

fn of_algorithm(algorithm: Algorithm, stored: &[keys::Model]) -> impl DoubleEndedIterator<Item = &keys::Model> {
    stored.iter().filter(move |key| key.algorithm == keys::name(algorithm))
}

fn next_generation(algorithm: Algorithm, stored: &[keys::Model]) -> i32 {
    of_algorithm(algorithm, stored)
        .map(|key| key.generation)
        .max()
        .unwrap_or_default()
        + 1
}

/// When the next key is to begin to sign, if it is to be made now: at once when there is none.
fn due(state: &State, algorithm: Algorithm, stored: &[keys::Model], now: i64) -> Option<i64> {
    let Some(newest) = of_algorithm(algorithm, stored).map(|key| key.active_from).max() else {
        return Some(now);
    };
    let published = now + state.config.signing.publish_before_seconds * 1000;
    let next = newest + state.config.signing.rotation_seconds * 1000;
    (next <= published).then_some(next.max(published))
}

async fn add(state: &State, algorithm: Algorithm, generation: i32, active_from: i64) -> Result<(), Error> {
    // RSA keys are not made here: the one of the file stays until another one is configured.
    let Some(pkcs8) = generate(algorithm) else {
        return Ok(());
    };
    insert(state, algorithm, &pkcs8, generation, active_from)
        .await
        .map(|_| ())
}

async fn insert(
    state: &State,
    algorithm: Algorithm,
    pkcs8: &SecretBox<[u8]>,
    generation: i32,
    active_from: i64,
) -> Result<Option<UnusableKey>, Error> {
    let key = match SigningKey::from_pkcs8(algorithm, pkcs8, active_from) {
        Ok(key) => key,
        Err(unusable) => return Ok(Some(unusable)),
    };
    let row = keys::Model {
        sealed_private_key: state.master.seal(&context(&key.kid), pkcs8.expose_secret()),
        kid: key.kid.clone(),
        algorithm: keys::name(algorithm).to_owned(),
        generation,
        created_at: state.clock.milliseconds(),
        active_from,
    };
    let write = state.store.write().await?;
    keys::insert(write.transaction(), row).await?;
    let details = json!({ "algorithm": keys::name(algorithm), "active_from": active_from });
    write
        .commit(audit::by_service("signing_key.created", &key.kid, details))
        .await?;
    Ok(None)
}

fn context(kid: &str) -> String {
    format!("signing_keys/{kid}")
}

/// Takes in the RSA key of a PEM file, once. It signs at once when it is the first of its kind, else after it was published.
pub async fn import_rs256(state: &State, path: &Path) -> Result<(), KeyError> {
    let wrong = |reason: String| KeyError::File {
        path: path.display().to_string(),
        reason,
    };
    let text = SecretString::from(fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?);
    let pkcs8 = from_pem(text.expose_secret()).map_err(|error| wrong(error.to_string()))?;
    let key = SigningKey::from_pkcs8(Algorithm::Rs256, &pkcs8, 0).map_err(|error| wrong(error.to_string()))?;
    let stored = keys::all(state.store.connection()).await?;
    if stored.iter().any(|known| known.kid == key.kid) {
        return Ok(());
    }
    let now = state.clock.milliseconds();
    let is_first = of_algorithm(Algorithm::Rs256, &stored).next().is_none();
    let active_from = if is_first {
        now
    } else {
        now + state.config.signing.publish_before_seconds * 1000
    };
    let generation = next_generation(Algorithm::Rs256, &stored);
    match insert(state, Algorithm::Rs256, &pkcs8, generation, active_from).await {
        // Another instance has taken it in at the same moment.
        Ok(None) | Err(Error::Constraint(_)) => Ok(()),
        Ok(Some(unusable)) => Err(wrong(unusable.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// Removes keys whose successor has signed for so long that nothing of theirs can be valid any more.
async fn remove_old(state: &State, stored: &[keys::Model], now: i64) -> Result<(), Error> {
    let kept_for = state.realms.longest_lifetime_seconds() * 1000 + SKEW_MILLISECONDS;
    for key in stored {
        let successor = stored
            .iter()
            .filter(|other| other.algorithm == key.algorithm && other.active_from > key.active_from)
            .map(|other| other.active_from)
            .min();
        if successor.is_some_and(|successor| successor + kept_for < now) {
            let write = state.store.write().await?;
            keys::delete(write.transaction(), &key.kid).await?;
            write
                .commit(audit::by_service("signing_key.removed", &key.kid, json!({})))
                .await?;
        }
    }
    Ok(())
}

/// Loads all keys when they are not the loaded ones. One that cannot be used does not stop the others.
async fn load(state: &State) -> Result<(), Error> {
    let stored: BTreeSet<String> = keys::ids(state.store.connection()).await?.into_iter().collect();
    if stored == state.keys.ids() && !stored.is_empty() {
        return Ok(());
    }
    let mut loaded = Vec::new();
    for row in keys::all(state.store.connection()).await? {
        if let Some(key) = open(state, &row) {
            loaded.push(Arc::new(key));
        } else {
            tracing::error!(
                kid = row.kid,
                "a signing key cannot be used: sealed with another master key?"
            );
        }
    }
    state.keys.replace(loaded);
    state.verified.forget();
    Ok(())
}

fn open(state: &State, row: &keys::Model) -> Option<SigningKey> {
    let pkcs8 = state.master.open(&context(&row.kid), &row.sealed_private_key).ok()?;
    let key = SigningKey::from_pkcs8(keys::algorithm(&row.algorithm)?, &pkcs8, row.active_from).ok()?;
    (key.kid == row.kid).then_some(key)
}
