use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use stups_store::audit::Actor;

use crate::Error;
use crate::context::Context;

/// Where a request comes from: for endpoints whose callers have no token.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The caller's network address, as far as trusted proxies tell.
    pub address: Option<String>,
    /// The id of the request, as in the access log and in `X-Request-Id`.
    pub request_id: String,
}

impl Origin {
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
        })
    }
}
