use std::ops::Deref;
use std::sync::Arc;

use ring::hmac;
use stups_auth::SetupError;
use stups_server::Clock;
use stups_store::Store;
use url::Url;

use crate::config::Config;
use crate::hasher::PasswordHasher;
use crate::issue_log::IssueLog;
use crate::keys::SigningKeys;
use crate::master_key::MasterKey;
use crate::opaque::OpaqueTokens;
use crate::realms::Realms;
use crate::revoked::Revoked;
use crate::upgrades::Upgrades;
use crate::upstream::Upstream;
use crate::verified::Verified;

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
    /// Replaces weak ones.
    pub upgrades: Upgrades,
    /// What time it is.
    pub clock: Clock,
    /// Which tokens are revoked.
    pub revoked: Revoked,
    /// Tokens that were verified.
    pub verified: Verified,
    /// Who answers for tokens that are not ours, if anybody.
    pub opaque: Option<OpaqueTokens>,
    /// Where else people log in, if anywhere.
    pub upstream: Option<Upstream>,
    /// The audit trail of issued tokens.
    pub issue_log: IssueLog,
    /// What forms are marked with.
    pub csrf_key: hmac::Key,
    /// What successors of refresh tokens follow by.
    pub refresh_key: hmac::Key,
    /// What user codes are hashed with.
    pub user_code_key: hmac::Key,
    /// What the secrets of a login at another provider follow from its state by.
    pub upstream_key: hmac::Key,
}

impl State {
    /// Puts the parts together, inside of a tokio runtime. Signing keys and revocations are loaded afterwards, by the jobs.
    ///
    /// Fails when the settings of the other provider cannot be.
    pub fn new(
        store: Store,
        config: Config,
        master: MasterKey,
        public_url: &Url,
        clock: Clock,
    ) -> Result<Self, SetupError> {
        let issuer = public_url.as_str().trim_end_matches('/').to_owned();
        let realms = Realms::new(&config.realms, config.default_realm.as_deref());
        let upstream = match &config.upstream {
            Some(settings) => Some(Upstream::new(settings, &issuer, &realms)?),
            None => None,
        };
        let hasher = PasswordHasher::new(&config.argon2, &master)
            .map_err(|error| SetupError(format!("argon2: memory_kib or iterations: {error}")))?;
        Ok(Self(Arc::new(Parts {
            realms,
            issuer,
            upstream,
            upgrades: Upgrades::start(store.clone(), hasher.clone()),
            hasher,
            keys: SigningKeys::default(),
            revoked: Revoked::default(),
            verified: Verified::default(),
            opaque: config.upstream_tokeninfo_url.clone().map(OpaqueTokens::new),
            issue_log: IssueLog::start(store.clone()),
            csrf_key: master.derive("csrf"),
            refresh_key: master.derive("refresh tokens"),
            user_code_key: master.derive("user codes"),
            upstream_key: master.derive("upstream logins"),
            master,
            config,
            clock,
            store,
        })))
    }
}

impl Deref for State {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
