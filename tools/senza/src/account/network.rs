//! VPCs, subnets and NAT gateways.

use std::fmt;

use serde::{Deserialize, Serialize};
use stups_aws::ec2;

use super::Account;
use crate::Error;

/// A virtual network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vpc {
    /// `vpc-...`
    pub(crate) id: String,
    /// whether AWS made it as the region's default
    pub(crate) is_default: bool,
    /// tag `Name`
    pub(crate) name: Option<String>,
}

impl fmt::Display for Vpc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.name.as_deref().unwrap_or(&self.id), self.id)
    }
}

/// A subnet of a VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subnet {
    /// `subnet-...`
    pub(crate) id: String,
    /// its VPC
    pub(crate) vpc_id: String,
    /// `eu-west-1a`
    pub(crate) availability_zone: String,
    /// tag `Name`, empty without one
    pub(crate) name: String,
    /// whether AWS made it with the region's default VPC
    pub(crate) is_default: bool,
}

/// A NAT gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NatGateway {
    /// the subnet it stands in
    pub(crate) subnet_id: String,
    /// the private address of its first network interface
    pub(crate) private_ip: String,
    /// whether it is there to be used: available or about to be
    pub(crate) usable: bool,
}

impl Account {
    /// All VPCs of the region.
    pub(crate) async fn vpcs(&self) -> Result<&[Vpc], Error> {
        let vpcs = self
            .vpcs
            .get_or_try_init(|| {
                Box::pin(async {
                    let pages = self.online()?.ec2().describe_vpcs().into_paginator().items().send();
                    let found: Vec<ec2::types::Vpc> = pages.collect::<Result<_, _>>().await?;
                    Ok::<_, Error>(
                        found
                            .into_iter()
                            .map(|vpc| Vpc {
                                name: name_tag(vpc.tags()),
                                is_default: vpc.is_default.unwrap_or_default(),
                                id: vpc.vpc_id.unwrap_or_default(),
                            })
                            .collect(),
                    )
                })
            })
            .await?;
        Ok(vpcs)
    }

    /// The subnets of a VPC, in EC2's order.
    pub(crate) async fn subnets(&self, vpc_id: &str) -> Result<Vec<Subnet>, Error> {
        if let Some(all) = self.region_subnets.get() {
            return Ok(all.iter().filter(|subnet| subnet.vpc_id == vpc_id).cloned().collect());
        }
        self.subnets
            .get(
                vpc_id,
                Box::pin(self.describe_subnets(Some(filter("vpc-id", [vpc_id])))),
            )
            .await
    }

    /// The subnets of the VPC to use, nothing where a person would have to choose it. The default VPC is told by its
    /// subnets, so VPCs are only asked for where there is none.
    pub(crate) async fn evident_subnets(&self) -> Result<Option<Vec<Subnet>>, Error> {
        if self.vpcs.get().is_none() {
            self.region_subnets
                .get_or_try_init(|| Box::pin(self.describe_subnets(None)))
                .await?;
        }
        match self.evident_vpc_id().await? {
            Some(vpc_id) => self.subnets(&vpc_id).await.map(Some),
            None => Ok(None),
        }
    }

    async fn describe_subnets(&self, filter: Option<ec2::types::Filter>) -> Result<Vec<Subnet>, Error> {
        let pages = self
            .online()?
            .ec2()
            .describe_subnets()
            .set_filters(filter.map(|filter| vec![filter]))
            .into_paginator()
            .items()
            .send();
        let found: Vec<ec2::types::Subnet> = pages.collect::<Result<_, _>>().await?;
        Ok(found
            .into_iter()
            .map(|subnet| Subnet {
                name: name_tag(subnet.tags()).unwrap_or_default(),
                is_default: subnet.default_for_az.unwrap_or_default(),
                id: subnet.subnet_id.unwrap_or_default(),
                vpc_id: subnet.vpc_id.unwrap_or_default(),
                availability_zone: subnet.availability_zone.unwrap_or_default(),
            })
            .collect())
    }

    /// All NAT gateways of the region that have a private address, in EC2's order, deleted ones as well.
    pub(crate) async fn nat_gateways(&self) -> Result<&[NatGateway], Error> {
        let gateways = self
            .nat_gateways
            .get_or_try_init(|| {
                Box::pin(async {
                    let pages = self
                        .online()?
                        .ec2()
                        .describe_nat_gateways()
                        .into_paginator()
                        .items()
                        .send();
                    let found: Vec<ec2::types::NatGateway> = pages.collect::<Result<_, _>>().await?;
                    Ok::<_, Error>(found.into_iter().filter_map(nat_gateway).collect())
                })
            })
            .await?;
        Ok(gateways)
    }
}

fn nat_gateway(gateway: ec2::types::NatGateway) -> Option<NatGateway> {
    use ec2::types::NatGatewayState::{Available, Pending};
    let usable = matches!(gateway.state, Some(Available | Pending));
    let private_ip = gateway.nat_gateway_addresses().first()?.private_ip.clone()?;
    Some(NatGateway {
        subnet_id: gateway.subnet_id?,
        private_ip,
        usable,
    })
}

/// A filter of an EC2 Describe call: any of `values`.
pub(super) fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> ec2::types::Filter {
    ec2::types::Filter::builder()
        .name(name)
        .set_values(Some(values.into_iter().map(str::to_owned).collect()))
        .build()
}

/// The value of the tag `Name`.
pub(super) fn name_tag(tags: &[ec2::types::Tag]) -> Option<String> {
    tags.iter()
        .find(|tag| tag.key() == Some("Name"))
        .and_then(|tag| tag.value.clone())
}
