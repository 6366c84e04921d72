//! Tokens that are verified by identity's published keys.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jsonwebtoken::{Validation, decode, decode_header};
use serde_json::{Map, Value};
use stups_api::client::Client;
use url::Url;

use crate::cache::TokenCache;
use crate::claims::{caller, text};
use crate::key_set::{self, KeySet, Published};
use crate::revocations::{DEFAULT_REVOCATION_SALT, Revocations};
use crate::{Caller, SetupError, Verification, Verify, VerifyError, crypto};

/// How often keys are refreshed.
const REFRESH: Duration = Duration::from_mins(1);

/// How often keys are asked for while there are none, and how often an unknown key makes us ask.
const RETRY: Duration = Duration::from_secs(1);
const UNKNOWN_KEY_REFRESH: Duration = Duration::from_secs(10);

/// How often the revocation feed is polled unless the settings say otherwise.
const REVOCATION_POLL: Duration = Duration::from_secs(10);

/// How long one call may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long a verified token is remembered, never beyond its expiry. Revocations are looked at at every use.
const REMEMBERED: Duration = Duration::from_mins(5);

/// How far the clocks of two machines may be apart, in seconds: for `nbf` and `iat`, never for `exp`.
const CLOCK_SKEW: i64 = 5;

/// The issuer that the originals write to save space (contract identity 2.5).
const SHORT_ISSUER: &str = "B";

/// Whose tokens are accepted.
#[derive(Clone, Debug)]
pub struct JwtSettings {
    /// Where identity is. Its metadata (RFC 8414) names the keys and the issuer.
    pub identity: Url,
    /// What tokens of the modern profile (`at+jwt`) must be meant for: one of these. Empty: such tokens are refused.
    pub audiences: Vec<String>,
    /// Whether identity's revocation feed is polled.
    pub revocations: bool,
    /// The salt of the revocation feed's hashes.
    pub revocation_salt: String,
    /// How often the feed is polled: every 10 seconds, as by the originals.
    pub revocation_poll: Duration,
}

impl JwtSettings {
    /// Tokens of this identity service, revocations included; those of the modern profile when they are for `audience`.
    pub fn new(identity: Url, audience: &Url) -> Self {
        let audience = audience.as_str();
        Self {
            identity,
            audiences: vec![audience.to_owned(), audience.trim_end_matches('/').to_owned()],
            revocations: true,
            revocation_salt: DEFAULT_REVOCATION_SALT.to_owned(),
            revocation_poll: REVOCATION_POLL,
        }
    }
}

/// A token whose signature and times have been checked.
struct Verified {
    caller: Arc<Caller>,
    claims: Map<String, Value>,
    /// The generation of the revocation list in which the token was last found not to be on it.
    unrevoked_in: AtomicU64,
}

pub(crate) struct JwtVerifier {
    identity: Client,
    audiences: Vec<String>,
    published: RwLock<Arc<Published>>,
    /// When keys were last asked for, and whether they came. Held while asking: one at a time.
    asked: tokio::sync::Mutex<Option<(Instant, Result<(), String>)>>,
    revocations: Option<Revocations>,
    known: TokenCache<Verified>,
}

impl JwtVerifier {
    pub(crate) fn start(settings: JwtSettings) -> Result<Arc<Self>, SetupError> {
        crypto::install();
        let verifier = Arc::new(Self {
            identity: Client::new(settings.identity)?.with_timeout(TIMEOUT),
            audiences: settings.audiences,
            published: RwLock::new(Arc::new(Published {
                keys: KeySet::default(),
                issuer: None,
            })),
            asked: tokio::sync::Mutex::new(None),
            revocations: settings
                .revocations
                .then(|| Revocations::new(&settings.revocation_salt)),
            known: TokenCache::new(),
        });
        tokio::spawn(keep_keys(Arc::downgrade(&verifier)));
        if verifier.revocations.is_some() {
            tokio::spawn(keep_revocations(Arc::downgrade(&verifier), settings.revocation_poll));
        }
        Ok(verifier)
    }

    fn published(&self) -> Arc<Published> {
        self.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for the keys, unless that was done less than `not_within` ago. Says whether the last attempt succeeded. An empty
    /// or failed answer keeps the old keys.
    async fn refresh(&self, not_within: Duration) -> Result<(), String> {
        let mut asked = self.asked.lock().await;
        if let Some((at, result)) = &*asked
            && at.elapsed() < not_within
        {
            return result.clone();
        }
        let result = match key_set::fetch(&self.identity).await {
            Ok(published) if published.keys.is_empty() => Err("identity publishes no usable key".to_owned()),
            Ok(published) => {
                *self.published.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(published);
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        };
        *asked = Some((Instant::now(), result.clone()));
        result
    }

    /// Checks everything but revocation. Says how long the result may be remembered.
    async fn check(&self, token: &str) -> Result<(Verified, Duration), VerifyError> {
        let header = decode_header(token).map_err(|_| VerifyError::Invalid)?;
        let modern = match header.typ.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("jwt") => false,
            Some("at+jwt" | "application/at+jwt") => true,
            Some(_) => return Err(VerifyError::Invalid),
        };
        let kid = header.kid.ok_or(VerifyError::Invalid)?;
        let mut published = self.published();
        if published.keys.get(&kid).is_none() {
            let wait = if published.keys.is_empty() {
                RETRY
            } else {
                UNKNOWN_KEY_REFRESH
            };
            self.refresh(wait).await.map_err(VerifyError::Unavailable)?;
            published = self.published();
        }
        let key = published.keys.get(&kid).ok_or(VerifyError::Invalid)?;
        if !key.algorithms.contains(&header.alg) {
            return Err(VerifyError::Invalid);
        }
        let mut validation = Validation::new(header.alg);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims = decode::<Map<String, Value>>(token, &key.decoding, &validation)
            .map_err(|_| VerifyError::Invalid)?
            .claims;

        let now = Timestamp::now().as_second();
        let expires_at = live(&claims, now)?;
        self.meant_for_us(&claims, modern, published.issuer.as_deref())?;
        // A token without realm and scope is none of ours: an ID token, say (contract identity 2.11.2, 5.3).
        if text(&claims, "realm").is_none() || !claims.contains_key("scope") {
            return Err(VerifyError::Invalid);
        }
        let caller = caller(
            &claims,
            text(&claims, "sub").ok_or(VerifyError::Invalid)?,
            expires_at,
            token,
        )?;
        let lasts = REMEMBERED.min(Duration::from_secs((expires_at - now).unsigned_abs()));
        Ok((
            Verified {
                caller: Arc::new(caller),
                claims,
                unrevoked_in: AtomicU64::new(0),
            },
            lasts,
        ))
    }

    fn meant_for_us(&self, claims: &Map<String, Value>, modern: bool, issuer: Option<&str>) -> Result<(), VerifyError> {
        if let (Some(expected), Some(issuer)) = (issuer, claims.get("iss"))
            && issuer
                .as_str()
                .is_none_or(|issuer| issuer != expected && issuer != SHORT_ISSUER)
        {
            return Err(VerifyError::Invalid);
        }
        let ours = |audience: &Value| {
            audience
                .as_str()
                .is_some_and(|audience| self.audiences.iter().any(|ours| ours == audience))
        };
        let meant = match claims.get("aud") {
            None => !modern,
            Some(Value::Array(audiences)) => audiences.iter().any(ours),
            Some(audience) => ours(audience),
        };
        if meant { Ok(()) } else { Err(VerifyError::Invalid) }
    }
}

/// Checks the token's times; says when it expires.
pub(crate) fn live(claims: &Map<String, Value>, now: i64) -> Result<i64, VerifyError> {
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or(VerifyError::Invalid),
    };
    let expires_at = time("exp")?.ok_or(VerifyError::Invalid)?;
    let not_yet = |at: Option<i64>| at.is_some_and(|at| at > now + CLOCK_SKEW);
    if expires_at <= now || not_yet(time("nbf")?) || not_yet(time("iat")?) {
        return Err(VerifyError::Invalid);
    }
    Ok(expires_at)
}

impl Verify for JwtVerifier {
    fn verify<'a>(&'a self, token: &'a str) -> Verification<'a> {
        Box::pin(async move {
            let verified = self.known.get(token, self.check(token)).await?;
            if let Some(revocations) = &self.revocations {
                let generation = revocations.generation();
                if verified.unrevoked_in.load(Ordering::Acquire) != generation {
                    if revocations.is_revoked(token, &verified.claims) {
                        return Err(VerifyError::Invalid);
                    }
                    verified.unrevoked_in.store(generation, Ordering::Release);
                }
            }
            if verified.caller.expires_at <= Timestamp::now().as_second() {
                return Err(VerifyError::Invalid);
            }
            Ok(Arc::clone(&verified.caller))
        })
    }
}

/// Refreshes the keys for as long as the verifier is there.
async fn keep_keys(verifier: Weak<JwtVerifier>) {
    let mut waiting_told = false;
    loop {
        let Some(alive) = verifier.upgrade() else { return };
        let result = alive.refresh(RETRY).await;
        let rest = match result {
            Ok(()) => {
                waiting_told = false;
                REFRESH
            }
            Err(reason) => {
                if !waiting_told {
                    tracing::warn!(%reason, "identity's keys cannot be refreshed; those that are known stay in use");
                    waiting_told = true;
                }
                RETRY
            }
        };
        drop(alive);
        tokio::time::sleep(rest).await;
    }
}

/// Polls the revocation feed for as long as the verifier is there.
async fn keep_revocations(verifier: Weak<JwtVerifier>, every: Duration) {
    let mut told = false;
    loop {
        let Some(alive) = verifier.upgrade() else { return };
        let Some(revocations) = &alive.revocations else { return };
        match revocations.poll(&alive.identity, Timestamp::now().as_second()).await {
            Ok(()) => told = false,
            Err(error) => {
                if !told {
                    tracing::warn!(%error, "revocations cannot be read; those that are known stay in force");
                    told = true;
                }
            }
        }
        drop(alive);
        tokio::time::sleep(every).await;
    }
}
