use std::ops::Deref;
use std::sync::Arc;

use stups_store::Store;
use url::Url;

use crate::clock::Clock;
use crate::config::Config;
use crate::hasher::PasswordHasher;
use crate::keys::SigningKeys;
use crate::master_key::MasterKey;
use crate::realms::Realms;

/// What every handler and job of the identity service stands on. Cloning is cheap.
#[derive(Clone)]
pub struct State(Arc<Parts>);

/// The parts of [`State`].
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The settings.
    pub config: Config,
    /// The user directories.
    pub realms: Realms,
    /// Our name in tokens: the public URL without a slash at its end.
    pub issuer: String,
    /// Seals private keys and derives the keys of hashes.
    pub master: MasterKey,
    /// What tokens are signed with and verified by.
    pub keys: SigningKeys,
    /// Computes and compares password hashes.
    pub hasher: PasswordHasher,
    /// What time it is.
    pub clock: Clock,
}

impl State {
    /// Puts the parts together. Signing keys are loaded afterwards, by [`SigningKeys::refresh`].
    pub fn new(store: Store, config: Config, master: MasterKey, public_url: &Url, clock: Clock) -> Self {
        Self(Arc::new(Parts {
            store,
            realms: Realms::new(&config.realms, config.default_realm.as_deref()),
            issuer: public_url.as_str().trim_end_matches('/').to_owned(),
            hasher: PasswordHasher::new(&config.argon2, &master),
            keys: SigningKeys::default(),
            master,
            config,
            clock,
        }))
    }
}

impl Deref for State {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
