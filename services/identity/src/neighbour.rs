//! Tokens for a service in the same process, which needs no password to be believed: it can read the keys anyway.

use std::future::Future;
use std::pin::Pin;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use stups_api::client::TokenSource;
use tokio::sync::Mutex;

use crate::State;
use crate::audit;
use crate::issue;

/// The realm of services.
const REALM: &str = "/services";

/// A token is replaced when less than this is left of it, in seconds.
const SPARE_SECONDS: i64 = 600;

/// The tokens of a service in the same process, as if it were a service user. Each that is made is on record.
pub struct NeighbourTokens {
    state: State,
    uid: String,
    scopes: Vec<String>,
    /// The token, and when it expires: seconds since 1970 UTC.
    held: Mutex<Option<(SecretString, i64)>>,
}

impl NeighbourTokens {
    /// Tokens for the service user `uid`, which need not exist, with these scopes.
    pub fn new(state: State, uid: &str, scopes: &[&str]) -> Self {
        let mut scopes: Vec<String> = scopes.iter().map(|&scope| scope.to_owned()).collect();
        scopes.sort();
        Self {
            state,
            uid: uid.to_owned(),
            scopes,
            held: Mutex::default(),
        }
    }

    async fn fresh(&self) -> Result<SecretString, String> {
        let now = self.state.clock.seconds();
        let mut held = self.held.lock().await;
        if let Some((token, expires_at)) = &*held
            && expires_at - now > SPARE_SECONDS
            && self
                .state
                .verified
                .token(&self.state, token.expose_secret())
                .await
                .is_ok()
        {
            return Ok(token.clone());
        }
        let token =
            issue::neighbour_token(&self.state, REALM, &self.uid, &self.scopes).map_err(|error| error.to_string())?;
        let details = json!({"scopes": self.scopes, "jti": token.jti, "expires_in": token.expires_in});
        let event = audit::by_service("token.issued_to_neighbour", &format!("{REALM}/{}", self.uid), details);
        self.state
            .store
            .record(event)
            .await
            .map_err(|error| error.to_string())?;
        let text = SecretString::from(token.text);
        *held = Some((text.clone(), now + token.expires_in));
        Ok(text)
    }
}

impl TokenSource for NeighbourTokens {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send + '_>> {
        Box::pin(self.fresh())
    }
}
