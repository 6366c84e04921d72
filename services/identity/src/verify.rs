use std::sync::Arc;

use stups_auth::{Caller, Verification, Verify, VerifyError};

use crate::State;

/// Verifies the callers of the identity service itself, by its own keys: nothing is asked over the network.
pub struct OwnKeys(pub State);

impl Verify for OwnKeys {
    fn verify<'a>(&'a self, token: &'a str) -> Verification<'a> {
        Box::pin(async move {
            let verified = self
                .0
                .verified
                .token(&self.0, token)
                .await
                .map_err(|_| VerifyError::Invalid)?;
            // A token for somebody else is not for us; one that names nobody is for all.
            if !verified.audience.is_empty() && !verified.audience.contains(&self.0.issuer) {
                return Err(VerifyError::Invalid);
            }
            Ok(Arc::new(Caller {
                uid: verified.uid.clone(),
                realm: verified.realm.clone(),
                scopes: verified.scopes.clone(),
                client_id: verified.client_id.clone(),
                expires_at: verified.expires_at,
                token: token.into(),
            }))
        })
    }
}
