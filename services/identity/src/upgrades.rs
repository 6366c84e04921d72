//! Weak hashes are replaced after the login that showed the password: nobody waits for the second slow hash.

use secrecy::SecretString;
use stups_store::{Error, Store};
use tokio::sync::mpsc;

use crate::hasher::PasswordHasher;
use crate::model::{clients, passwords, users};

/// How many hashes wait to be replaced. One that finds no place, or that is lost when the process ends, is replaced at the next
/// login.
const WAITING: usize = 256;

/// A hash that is weaker than those made today, and the password that matched it.
pub struct Upgrade {
    /// Whose hash it is.
    pub of: Owner,
    /// The hash, as it is stored.
    pub hash: String,
    /// What matched it.
    pub password: SecretString,
    /// Whether a machine showed it, whose passwords are remembered while they match.
    pub of_machine: bool,
}

/// Whose hash is replaced.
pub enum Owner {
    /// The password of this id.
    Password(String),
    /// The client's secret.
    Client { realm: String, id: String },
}

/// Replaces weak hashes, one at a time.
#[derive(Clone, Debug)]
pub struct Upgrades(mpsc::Sender<Upgrade>);

impl Upgrades {
    /// Starts replacing; it ends with the last clone.
    pub fn start(store: Store, hasher: PasswordHasher) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Upgrade>(WAITING);
        tokio::spawn(async move {
            while let Some(upgrade) = receiver.recv().await {
                // With no place for a hash the logins need them all.
                let Ok(hash) = passwords::hash(&hasher, &upgrade.password).await else {
                    continue;
                };
                if upgrade.of_machine {
                    // First: a crowd that logs in meanwhile would compute the new hash, each for itself.
                    hasher.remembered().note(&upgrade.password, &hash).await;
                }
                if let Err(error) = replace(&store, &upgrade, hash).await {
                    tracing::warn!(%error, "a weak password hash was not replaced");
                }
            }
        });
        Self(sender)
    }

    /// Has the hash replaced soon.
    pub fn request(&self, upgrade: Upgrade) {
        if self.0.try_send(upgrade).is_err() {
            tracing::debug!("too many weak password hashes at once; the next login replaces this one");
        }
    }
}

/// Writes the new hash where the old one still is.
async fn replace(store: &Store, upgrade: &Upgrade, hash: String) -> Result<(), Error> {
    let write = store.write().await?;
    match &upgrade.of {
        Owner::Password(id) => users::replace_hash(write.transaction(), id, &upgrade.hash, hash).await?,
        Owner::Client { realm, id } => {
            clients::replace_hash(write.transaction(), (realm, id), &upgrade.hash, hash).await?;
        }
    }
    write.commit_unaudited().await
}
