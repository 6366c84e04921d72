//! The account's hosted zones.

use super::Account;
use crate::Error;
use crate::route53::{HostedZone, list_hosted_zones};

impl Account {
    /// All hosted zones of the account.
    pub(crate) async fn hosted_zones(&self) -> Result<&[HostedZone], Error> {
        let zones = self
            .hosted_zones
            .get_or_try_init(|| Box::pin(async { list_hosted_zones(&self.online()?.route53()).await }))
            .await?;
        Ok(zones)
    }
}
