use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use stups_store::audit::Actor;

use crate::Error;
use crate::context::{Context, ContextSettings};
use crate::rates::Sender;

/// Where a request comes from: for endpoints whose callers have no token.
#[derive(Clone)]
pub struct Origin {
    /// The caller's network address, as far as trusted proxies tell.
    pub address: Option<String>,
    /// The id of the request, as in the access log and in `X-Request-Id`.
    pub request_id: String,
    network_address: Option<IpAddr>,
    settings: Arc<ContextSettings>,
}

impl Origin {
    /// Counts a request whose caller the handler itself has found out: realm and name, or nobody's. Refuses with 429 who has sent
    /// too many. [`crate::Authenticated`] does so by itself.
    pub fn admit(&self, caller: Option<(&str, &str)>) -> Result<(), Error> {
        let Some(rates) = &self.settings.rates else {
            return Ok(());
        };
        rates.admit(match caller {
            Some((realm, uid)) => Sender::Caller { realm, uid },
            None => Sender::at(self.network_address),
        })
    }

    /// Who acts, for the audit trail.
    pub fn actor(&self, realm: &str, uid: &str) -> Actor {
        Actor {
            realm: realm.to_owned(),
            uid: uid.to_owned(),
            client_id: None,
            address: self.address.clone(),
            request_id: Some(self.request_id.clone()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let context = Context::from_request_parts(parts, state).await?;
        Ok(Self {
            address: context.address.map(|address| address.to_string()),
            request_id: context.request_id().to_owned(),
            network_address: context.address,
            settings: context.settings,
        })
    }
}
