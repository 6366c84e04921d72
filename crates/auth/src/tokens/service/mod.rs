//! Tokens for programs that run as a service (contract zign 2.7 and 5).

mod credentials;
mod error;
mod held;
mod managed;
mod request;
mod settings;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;
use stups_api::client::TokenSource;

pub use error::ServiceTokenError;
pub use managed::TokenStatus;
pub use settings::{Grant, ServiceTokenSettings};

use managed::Managed;
use request::Requester;

/// The tokens of a service, by name. Cloning is cheap; clones share the tokens.
///
/// A token is renewed in the background when 60 % of its lifetime are over; one request at a time is made for it, however many
/// ask. While the provider is away the last good token is handed out, until a minute after its end and no longer.
#[derive(Clone, Debug)]
pub struct ServiceTokens(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: ServiceTokenSettings,
    requester: Arc<Requester>,
    tokens: Mutex<HashMap<String, Arc<Managed>>>,
}

impl ServiceTokens {
    /// Tokens obtained as `settings` say. Nothing is asked for yet.
    pub fn new(settings: ServiceTokenSettings) -> Self {
        Self(Arc::new(Shared {
            requester: Arc::new(Requester::new(settings.clone())),
            settings,
            tokens: Mutex::default(),
        }))
    }

    /// The token named `name` with these scopes. Asking again for the same name and scopes gives the same token; other scopes
    /// make it another one, and the old one is forgotten.
    pub fn manage(&self, name: &str, scopes: &[&str]) -> ServiceToken {
        let mut tokens = self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(managed) = tokens.get(name)
            && managed.scopes().iter().eq(scopes)
        {
            return ServiceToken(Arc::clone(managed));
        }
        let managed = Arc::new(Managed::new(
            name,
            scopes,
            &self.0.settings,
            Arc::clone(&self.0.requester),
        ));
        tokens.insert(name.to_owned(), Arc::clone(&managed));
        ServiceToken(managed)
    }

    /// How each token fares, by name.
    pub fn status(&self) -> Vec<TokenStatus> {
        let tokens = self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let mut status: Vec<TokenStatus> = tokens.values().map(|managed| managed.status()).collect();
        status.sort_by(|one, other| one.name.cmp(&other.name));
        status
    }
}

/// One token of a service, always fresh. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct ServiceToken(Arc<Managed>);

impl ServiceToken {
    /// A token that is valid now.
    pub async fn get(&self) -> Result<SecretString, ServiceTokenError> {
        self.0.get().await
    }

    /// A new token, whatever is held: after a service refused the one that it was given.
    pub async fn refresh(&self) -> Result<SecretString, ServiceTokenError> {
        self.0.refresh().await
    }
}

impl TokenSource for ServiceToken {
    fn token(&self) -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send + '_>> {
        Box::pin(async move { self.get().await.map_err(|error| error.to_string()) })
    }
}
