//! Listeners that versions share.

use serde::{Deserialize, Serialize};
use stups_aws::elasticloadbalancingv2::types::Rule;

use super::Account;
use crate::Error;
use crate::commands::traffic::shared::{host_of, rules_of};

/// A rule of a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListenerRule {
    /// nothing for the listener's default
    pub(crate) priority: Option<i32>,
    /// the name, if it is about all requests for one name and no others
    pub(crate) host: Option<String>,
}

impl Account {
    /// The rules of a listener, as they are now.
    pub(crate) async fn listener_rules(&self, listener: &str) -> Result<Vec<ListenerRule>, Error> {
        let look_up = Box::pin(async {
            let rules = rules_of(self.online()?, listener).await?;
            Ok(rules.iter().map(listener_rule).collect())
        });
        self.listener_rules.get(listener, look_up).await
    }
}

fn listener_rule(rule: &Rule) -> ListenerRule {
    ListenerRule {
        priority: rule.priority().and_then(|priority| priority.parse().ok()),
        host: host_of(rule).map(str::to_owned),
    }
}
