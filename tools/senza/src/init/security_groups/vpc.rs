//! Groups in a VPC: finding them, and making them with their rules.

use std::collections::BTreeSet;

use futures::future::FutureExt;
use stups_aws::Session;
use stups_aws::ec2::types::{Filter, IpPermission, ResourceType, SecurityGroup, Tag, TagSpecification};

use super::super::answers::Answers;
use super::missing_ports;
use crate::Error;
use crate::account::Account;

/// What the group of the SSH bastion host is called.
pub(in crate::init) const BASTION_GROUP: &str = "Odd (SSH Bastion Host)";
/// What our groups say of themselves.
const DESCRIPTION: &str = "Application security group";

/// A group that was looked for.
#[derive(Debug)]
pub(super) enum Found {
    Existing(Box<SecurityGroup>),
    /// a run of ours made it and ended before it had its rules
    Unfinished(String),
    /// does not exist, and a person wants it
    Wanted,
    Declined,
}

impl Found {
    /// Those of `ports` that a finished group lets nobody in on.
    pub(super) fn missing_ports(&self, ports: &[u16]) -> BTreeSet<u16> {
        match self {
            Self::Existing(group) => missing_ports(group, ports),
            Self::Unfinished(_) | Self::Wanted | Self::Declined => BTreeSet::new(),
        }
    }

    /// Whether [`Vpc::complete`] has something to do.
    pub(super) fn is_incomplete(&self) -> bool {
        matches!(self, Self::Unfinished(_) | Self::Wanted)
    }
}

impl From<SecurityGroup> for Found {
    fn from(group: SecurityGroup) -> Self {
        // Nobody else makes a group that lets nothing in.
        if group.ip_permissions().is_empty() && group.description() == Some(DESCRIPTION) {
            return Self::Unfinished(group.group_id.unwrap_or_default());
        }
        Self::Existing(Box::new(group))
    }
}

/// The VPC that groups belong to.
#[derive(Debug)]
pub(super) struct Vpc<'a> {
    session: &'a Session,
    answers: &'a Answers<'a>,
    id: String,
}

impl<'a> Vpc<'a> {
    /// The account's VPC.
    pub(super) async fn of(answers: &'a Answers<'a>, account: &'a Account) -> Result<Self, Error> {
        Ok(Self {
            session: account.session(),
            answers,
            id: account.vpc_id().await?,
        })
    }

    /// Looks for a group, and asks whether one that does not exist shall be made.
    pub(super) async fn check(&self, name: &str) -> Result<Found, Error> {
        let action = self
            .answers
            .terminal()
            .action(&format!("Checking security group {name}.."));
        if let Some(group) = action.during(self.group(name)).await? {
            return Ok(group.into());
        }
        let question = format!("Security group {name} does not exist. Do you want Senza to create it now?");
        Ok(if self.answers.agree(&question, true)? {
            Found::Wanted
        } else {
            Found::Declined
        })
    }

    /// The group with this `Name` tag or else this name.
    pub(super) async fn group(&self, name: &str) -> Result<Option<SecurityGroup>, Error> {
        let by = |filter: &str| {
            self.session
                .ec2()
                .describe_security_groups()
                .filters(Filter::builder().name("vpc-id").values(&self.id).build())
                .filters(Filter::builder().name(filter).values(name).build())
                .send()
                .boxed()
        };
        let (by_tag, by_name) = futures::join!(by("tag:Name"), by("group-name"));
        let groups = [by_tag?.security_groups, by_name?.security_groups];
        Ok(groups.into_iter().flatten().flatten().next())
    }

    /// Its addresses.
    pub(super) async fn cidr(&self) -> Result<String, Error> {
        let answer = self.session.ec2().describe_vpcs().vpc_ids(&self.id).send().await?;
        answer
            .vpcs
            .unwrap_or_default()
            .into_iter()
            .find_map(|vpc| vpc.cidr_block)
            .ok_or_else(|| Error::Fatal(format!("The address range of VPC {} is not known.", self.id)))
    }

    /// Makes a group that is wanted, and gives it and one that is unfinished the rules that `rules` makes for its id. Returns
    /// the id; nothing for a group that was declined.
    pub(super) async fn complete(
        &self,
        found: Found,
        name: &str,
        rules: impl FnOnce(&str) -> Vec<IpPermission>,
    ) -> Result<Option<String>, Error> {
        Ok(match found {
            Found::Existing(group) => group.group_id,
            Found::Declined => None,
            Found::Wanted => Some(self.create(name, rules).await?),
            Found::Unfinished(id) => {
                let doing = format!("Adding the missing rules to security group {name}..");
                let action = self.answers.terminal().action(&doing);
                action.during(self.allow(&id, rules(&id))).await?;
                Some(id)
            }
        })
    }

    /// A group that can't get its rules is removed again.
    async fn create(&self, name: &str, rules: impl FnOnce(&str) -> Vec<IpPermission>) -> Result<String, Error> {
        let ec2 = self.session.ec2();
        let name_tag = TagSpecification::builder()
            .resource_type(ResourceType::SecurityGroup)
            .tags(Tag::builder().key("Name").value(name).build())
            .build();
        let created = ec2
            .create_security_group()
            .group_name(name)
            .description(DESCRIPTION)
            .vpc_id(&self.id)
            .tag_specifications(name_tag)
            .send()
            .await?;
        let id = created.group_id.unwrap_or_default();
        if let Err(error) = self.allow(&id, rules(&id)).await {
            // What went wrong first is what a person has to know.
            let _ = ec2.delete_security_group().group_id(&id).send().await;
            return Err(error);
        }
        Ok(id)
    }

    async fn allow(&self, id: &str, rules: Vec<IpPermission>) -> Result<(), Error> {
        let allowed = self
            .session
            .ec2()
            .authorize_security_group_ingress()
            .group_id(id)
            .set_ip_permissions(Some(rules));
        allowed.send().await?;
        Ok(())
    }
}
