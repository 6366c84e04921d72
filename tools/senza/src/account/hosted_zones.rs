//! The account's hosted zones.

use super::Account;
use crate::Error;
use crate::route53::HostedZone;

impl Account {
    /// All hosted zones of the account.
    pub(crate) async fn hosted_zones(&self) -> Result<&[HostedZone], Error> {
        self.dns.zones().await
    }
}
