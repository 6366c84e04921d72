use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stups_auth::{
    DEFAULT_REVOCATION_SALT, HttpPolicy, InsecurePolicy, JwtSettings, NoPolicy, Policy, SetupError, TokenInfoSettings,
    TokenPlace, Verifier,
};
use url::Url;

/// Where a service runs: what `stupsd` tells each of them, beside the service's own configuration.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Where files go that have no other place: the SQLite database, keys.
    pub data_directory: PathBuf,
    /// How callers reach this service.
    pub public_url: Url,
    /// Where identity is: keys to verify tokens with, teams, policy. None for identity itself.
    pub identity_url: Option<Url>,
    /// A foreign token info endpoint that verifies tokens instead of identity.
    pub tokeninfo_url: Option<Url>,
    /// Where a foreign token info endpoint takes the token.
    pub tokeninfo_place: TokenPlace,
    /// The salt of identity's revocation feed.
    pub revocation_salt: String,
    /// Whether the person who starts the service typed that callers need no token.
    pub insecure_no_auth: bool,
    /// Bounds and what else is the same for every route.
    pub limits: Limits,
}

impl Environment {
    /// An environment without another service, with authentication and the default limits.
    pub fn new(data_directory: impl Into<PathBuf>, public_url: Url) -> Self {
        Self {
            data_directory: data_directory.into(),
            public_url,
            identity_url: None,
            tokeninfo_url: None,
            tokeninfo_place: TokenPlace::default(),
            revocation_salt: DEFAULT_REVOCATION_SALT.to_owned(),
            insecure_no_auth: false,
            limits: Limits::default(),
        }
    }

    /// How this service verifies tokens: by a foreign token info endpoint when one is set, by identity's keys, or not at all
    /// when the person who started it typed that. Fails when none of these is: services are closed by default.
    pub fn verifier(&self, service: &'static str) -> Result<Verifier, StartError> {
        let wrong = |error: SetupError| StartError::wrong(service, error);
        if self.insecure_no_auth {
            tracing::warn!(service, "authentication is off: everybody may do everything");
            return Ok(Verifier::insecure_no_auth());
        }
        if let Some(url) = &self.tokeninfo_url {
            let settings = TokenInfoSettings {
                place: self.tokeninfo_place,
                ..TokenInfoSettings::new(url.clone())
            };
            return Verifier::token_info(settings).map_err(wrong);
        }
        let identity = self.identity_url.clone().ok_or(StartError::NoVerifier { service })?;
        let settings = JwtSettings {
            revocation_salt: self.revocation_salt.clone(),
            ..JwtSettings::new(identity, &self.public_url)
        };
        Verifier::jwt(settings).map_err(wrong)
    }

    /// Who decides what callers may do for teams: the service at `url` (its setting `policy_url`), identity when there is none. Without
    /// either nothing can be decided, and writes are answered with 503 (contract kio, D5: never with yes).
    pub fn policy(&self, service: &'static str, url: Option<&Url>) -> Result<Arc<dyn Policy>, StartError> {
        if self.insecure_no_auth {
            return Ok(Arc::new(InsecurePolicy));
        }
        match url.or(self.identity_url.as_ref()) {
            Some(url) => {
                let policy = HttpPolicy::new(url.clone()).map_err(|error| StartError::wrong(service, error))?;
                Ok(Arc::new(policy))
            }
            None => Ok(Arc::new(NoPolicy)),
        }
    }
}

/// What a service bears from its callers.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a request may take until its answer begins, its body included.
    pub request_timeout: Duration,
    /// How many bytes a body may have.
    pub body_bytes: usize,
    /// How many requests may be worked on at once; beyond them the answer is 503 with `Retry-After`.
    pub concurrent_requests: usize,
    /// How many requests one caller may send in a minute, all of them at once if he likes; beyond them the answer is 429 with
    /// `Retry-After`. Unbounded when nothing is said. Each instance counts for itself.
    pub requests_per_minute: Option<u32>,
    /// How many connections there may be at once; who comes then is answered 503 with `Retry-After`, or, where TLS is spoken,
    /// disconnected.
    pub connections: usize,
    /// How long a connection may wait for its next request, that request's head included. Longer than load balancers keep
    /// theirs (60 seconds at AWS): where the service hangs up first, a request may be lost on its way.
    pub keep_alive: Duration,
    /// Which web pages may call the service: origins such as `https://yourturn.example.org`. Empty: all, as the originals
    /// (contract kio 2.1); credentials other than the bearer token are never allowed.
    pub cors_origins: Vec<String>,
    /// Which proxies are believed when they say whom they forward for (`X-Forwarded-For`).
    pub trusted_proxies: Vec<IpAddr>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(30),
            body_bytes: 1 << 20,
            concurrent_requests: 512,
            requests_per_minute: None,
            connections: 4096,
            keep_alive: Duration::from_secs(75),
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
        }
    }
}

impl Limits {
    /// How long nothing may be heard on a connection: while a request is worked on, nothing is.
    pub(crate) fn silence(&self) -> Duration {
        self.keep_alive.max(self.request_timeout) + Duration::from_secs(5)
    }
}

/// Why a service did not start. One line, for the person who started it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It could not verify tokens.
    #[error(
        "{service} has no way to verify tokens: set identity_url or tokeninfo_url, or type --insecure-no-auth to let everybody in"
    )]
    NoVerifier {
        /// The service.
        service: &'static str,
    },
    /// A setting cannot be used.
    #[error("{service}: {reason}")]
    Configuration {
        /// The service.
        service: &'static str,
        /// Which setting, and what would be right.
        reason: String,
    },
    /// The database cannot be opened.
    #[error("{service}: {source}")]
    Store {
        /// The service.
        service: &'static str,
        /// What the database said.
        #[source]
        source: stups_store::Error,
    },
    /// A file or an address cannot be used.
    #[error("{what}: {source}")]
    Io {
        /// Which file or address.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl StartError {
    /// A setting of the service cannot be used: why, and what would be right.
    pub fn wrong(service: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Configuration {
            service,
            reason: reason.to_string(),
        }
    }
}
