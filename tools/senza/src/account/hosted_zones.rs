//! The account's hosted zones.

use stups_aws::route53::types::VpcRegion;

use super::Account;
use crate::Error;
use crate::route53::{HostedZone, zones_of_name};

impl Account {
    /// All hosted zones of the account.
    pub(crate) async fn hosted_zones(&self) -> Result<&[HostedZone], Error> {
        if self.dns.known_zones().is_none() {
            self.online()?;
        }
        self.dns.zones().await
    }

    /// The hosted zone that `name` belongs to: the one that shares the most labels with it, and of several private ones of that
    /// name the one that the stack's VPC sees. Nothing when there is none.
    pub(crate) async fn zone_of(&self, name: &str, prefer_private: bool) -> Result<Option<&HostedZone>, Error> {
        let zones = zones_of_name(self.hosted_zones().await?, name, prefer_private);
        let Some(first) = zones.first().copied() else {
            return Ok(None);
        };
        let is_rival = |zone: &&HostedZone| zone.is_private && zone.domain() == first.domain();
        let rivals: Vec<&HostedZone> = zones.into_iter().filter(is_rival).collect();
        if !first.is_private || rivals.len() < 2 {
            return Ok(Some(first));
        }
        let Some(vpc) = self.stack_vpc().await else {
            return Ok(Some(first));
        };
        let seen = self
            .zones_of_vpc
            .get(&vpc, Box::pin(self.look_up_zones_of_vpc(&vpc)))
            .await?;
        let own = rivals.into_iter().find(|zone| seen.contains(&zone.id));
        Ok(own.or(Some(first)))
    }

    /// Ids of the private hosted zones that a VPC of this region sees.
    async fn look_up_zones_of_vpc(&self, vpc: &str) -> Result<Vec<String>, Error> {
        let session = self.online()?;
        let mut ids = Vec::new();
        let mut next = None;
        loop {
            let answer = session
                .route53()
                .list_hosted_zones_by_vpc()
                .vpc_id(vpc)
                .vpc_region(VpcRegion::from(session.region()))
                .set_next_token(next)
                .send()
                .await?;
            let zones = answer.hosted_zone_summaries;
            ids.extend(
                zones
                    .into_iter()
                    .map(|zone| zone.hosted_zone_id.trim_start_matches("/hostedzone/").to_owned()),
            );
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(ids);
            }
        }
    }
}
