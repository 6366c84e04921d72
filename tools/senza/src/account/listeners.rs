//! Listeners that versions share.

use stups_aws::elasticloadbalancingv2::types::Rule;

use super::Account;
use crate::Error;
use crate::commands::traffic::shared::rules_of;

impl Account {
    /// The rules of a listener, as they are now.
    pub(crate) async fn listener_rules(&self, listener: &str) -> Result<Vec<Rule>, Error> {
        rules_of(self.online()?, listener).await
    }
}
