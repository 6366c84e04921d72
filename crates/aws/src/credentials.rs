//! The SDK's usual chain of credentials, of which the environment is asked before the others are made.
//!
//! Making them (STS, SSO and metadata clients) takes a noticeable part of a short command, and most calls find the keys in the
//! environment.

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result, future};
use tokio::sync::OnceCell;

/// Environment, profile, web identity, container, instance: the order of [`DefaultCredentialsChain`], which begins with the environment, too.
#[derive(Debug)]
pub(crate) struct UsualCredentials {
    environment: EnvironmentVariableCredentialsProvider,
    config: ProviderConfig,
    region: Region,
    chain: OnceCell<DefaultCredentialsChain>,
}

impl UsualCredentials {
    pub(crate) fn new(config: ProviderConfig, region: Region) -> Self {
        Self {
            environment: EnvironmentVariableCredentialsProvider::new(),
            config,
            region,
            chain: OnceCell::new(),
        }
    }

    async fn credentials(&self) -> Result {
        match self.environment.provide_credentials().await {
            Err(CredentialsError::CredentialsNotLoaded(_)) => {}
            outcome => return outcome,
        }
        let chain = self.chain.get_or_init(|| {
            let chain = DefaultCredentialsChain::builder().configure(self.config.clone());
            chain.region(self.region.clone()).build()
        });
        chain.await.provide_credentials().await
    }
}

impl ProvideCredentials for UsualCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.chain.get().and_then(ProvideCredentials::fallback_on_interrupt)
    }
}
