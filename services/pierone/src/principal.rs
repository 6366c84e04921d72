//! Who is calling: a person or a service with an access token, an instance with its identity document, the bearer of a token of
//! the registry, or nobody (contract pierone 2.3, 5.5).

use std::sync::Arc;

use axum::http::HeaderMap;
use stups_auth::Caller;
use stups_server::{Credentials, Error, Origin};
use stups_store::audit::Actor;

use crate::PierOne;
use crate::registry_tokens::{self, Claims};

/// The user under which instances send their identity document.
const INSTANCE: &str = "instance-identity-document";

/// The realm of instances.
pub(crate) const INSTANCES: &str = "/instances";

/// Who is calling, as far as it was proved.
pub(crate) struct Principal {
    pub(crate) identity: Identity,
    origin: Origin,
}

pub(crate) enum Identity {
    /// An access token: what it says was verified.
    Caller(Arc<Caller>),
    /// A token that the registry issued: it may do what it says, for as long as it lasts.
    Registry(Claims),
    /// An instance of one of our accounts. It may read.
    Instance,
    /// Nobody said who he is.
    Nobody,
}

impl Principal {
    /// Looks at the credentials of a request. Wrong ones are refused; none at all are nobody's.
    pub(crate) async fn of(pierone: &PierOne, headers: &HeaderMap, origin: Origin) -> Result<Self, Error> {
        let sent = headers.contains_key(http::header::AUTHORIZATION);
        let identity = match Credentials::of(headers) {
            Some(Credentials::Token(token)) if registry_tokens::is_one(token) => {
                Identity::Registry(pierone.tokens.verify(token).ok_or_else(unauthorized)?)
            }
            Some(Credentials::Token(token)) => Self::caller(pierone, token).await?,
            Some(Credentials::Basic(user, password)) if user == INSTANCE => {
                let instances = pierone.instances.as_ref().ok_or_else(unauthorized)?;
                if !instances.verify(&password).await {
                    return Err(unauthorized());
                }
                Identity::Instance
            }
            Some(Credentials::Basic(user, password)) if pierone.config.token_users.contains(&user) => {
                Self::caller(pierone, &password).await?
            }
            None if !sent && pierone.insecure_no_auth => Self::caller(pierone, "").await?,
            None if !sent => Identity::Nobody,
            _ => return Err(unauthorized()),
        };
        origin.admit(match &identity {
            Identity::Caller(caller) => Some((&caller.realm, &caller.uid)),
            Identity::Registry(claims) if !claims.uid.is_empty() => Some((&claims.realm, &claims.uid)),
            // Where he is, is all that tells one from the other.
            Identity::Registry(_) | Identity::Instance | Identity::Nobody => None,
        })?;
        Ok(Self { identity, origin })
    }

    async fn caller(pierone: &PierOne, token: &str) -> Result<Identity, Error> {
        Ok(Identity::Caller(pierone.verifier.verify(token).await?))
    }

    /// The caller, where there is an access token.
    pub(crate) fn access_token(&self) -> Option<&Arc<Caller>> {
        match &self.identity {
            Identity::Caller(caller) => Some(caller),
            _ => None,
        }
    }

    /// The user's name; empty for instances and nobody.
    pub(crate) fn uid(&self) -> &str {
        match &self.identity {
            Identity::Caller(caller) => &caller.uid,
            Identity::Registry(claims) => &claims.uid,
            Identity::Instance | Identity::Nobody => "",
        }
    }

    /// `/realm/uid`
    pub(crate) fn name(&self) -> String {
        self.actor().name()
    }

    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        match &self.identity {
            Identity::Caller(caller) => caller.has_scope(scope),
            Identity::Registry(claims) => claims.scopes.iter().any(|held| held == scope),
            Identity::Instance | Identity::Nobody => false,
        }
    }

    /// Who acts, for the audit trail.
    pub(crate) fn actor(&self) -> Actor {
        match &self.identity {
            Identity::Caller(caller) => Actor {
                client_id: caller.client_id.clone(),
                ..self.origin.actor(&caller.realm, &caller.uid)
            },
            Identity::Registry(claims) => self.origin.actor(&claims.realm, &claims.uid),
            Identity::Instance => self.origin.actor(INSTANCES, ""),
            Identity::Nobody => self.origin.actor("", ""),
        }
    }
}

pub(crate) fn unauthorized() -> Error {
    Error::unauthorized("Unauthorized")
}
