//! Security groups by name.

use serde::{Deserialize, Serialize};
use stups_aws::ec2;

use super::network::{filter, name_tag};
use super::{Account, lock};
use crate::Error;

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SecurityGroup {
    /// `sg-...`
    pub(crate) id: String,
    /// the group name it was created with
    pub(crate) group_name: String,
    /// tag `Name`
    pub(crate) name_tag: Option<String>,
    /// its VPC
    pub(crate) vpc_id: Option<String>,
}

impl Account {
    /// Looks up all groups whose tag `Name` is among `names`, and by their group name those that no tag names: one question
    /// for all of them each.
    pub(crate) async fn load_security_groups(&self, names: &[String]) -> Result<(), Error> {
        let unknown: Vec<String> = {
            let known = lock(&self.security_groups);
            names
                .iter()
                .filter(|name| !known.contains_key(*name))
                .cloned()
                .collect()
        };
        if unknown.is_empty() {
            return Ok(());
        }
        let mut found = self.describe_security_groups("tag:Name", &unknown).await?;
        let is_tagged = |name: &String| found.iter().any(|group| group.name_tag.as_ref() == Some(name));
        let untagged: Vec<String> = unknown.iter().filter(|name| !is_tagged(name)).cloned().collect();
        if !untagged.is_empty() {
            found.extend(self.describe_security_groups("group-name", &untagged).await?);
        }
        let mut known = lock(&self.security_groups);
        for name in unknown {
            let groups = candidates(&found, &name);
            known.insert(name, groups);
        }
        Ok(())
    }

    /// The groups of that name, those with that tag first. Where the tag names only groups outside the stack's VPC, one
    /// inside may have it as its group name.
    async fn security_groups_called(&self, name: &str) -> Result<Vec<SecurityGroup>, Error> {
        self.load_security_groups(&[name.to_owned()]).await?;
        let groups = lock(&self.security_groups).get(name).cloned().unwrap_or_default();
        let Some(network) = self.stack_network().filter(|_| self.offline.is_none()) else {
            return Ok(groups);
        };
        let is_elsewhere = |group: &SecurityGroup| group.vpc_id.as_ref() != Some(&network.vpc_id);
        let is_tagged = |group: &SecurityGroup| group.name_tag.as_deref() == Some(name);
        if groups.is_empty() || !groups.iter().all(|group| is_elsewhere(group) && is_tagged(group)) {
            return Ok(groups);
        }
        let mut found = groups;
        found.extend(self.describe_security_groups("group-name", &[name.to_owned()]).await?);
        let groups = candidates(&found, name);
        lock(&self.security_groups).insert(name.to_owned(), groups.clone());
        Ok(groups)
    }

    async fn describe_security_groups(&self, field: &str, names: &[String]) -> Result<Vec<SecurityGroup>, Error> {
        let pages = self
            .online()?
            .ec2()
            .describe_security_groups()
            .filters(filter(field, names.iter().map(String::as_str)))
            .into_paginator()
            .items()
            .send();
        let found: Vec<ec2::types::SecurityGroup> = pages.collect::<Result<_, _>>().await?;
        Ok(found
            .into_iter()
            .map(|group| SecurityGroup {
                name_tag: name_tag(group.tags()),
                id: group.group_id.unwrap_or_default(),
                group_name: group.group_name.unwrap_or_default(),
                vpc_id: group.vpc_id,
            })
            .collect())
    }

    /// The id of the group called `name`: by tag `Name` before group name, and in the stack's VPC before any other when there
    /// are several.
    pub(crate) async fn security_group_id(&self, name: &str) -> Result<String, Error> {
        let groups = self.security_groups_called(name).await?;
        let group = match groups.as_slice() {
            [] => None,
            [only] => Some(only),
            [first, ..] => {
                let vpc_id = self.stack_vpc().await;
                let here = groups.iter().find(|group| vpc_id.is_some() && group.vpc_id == vpc_id);
                Some(here.unwrap_or(first))
            }
        };
        group
            .map(|group| group.id.clone())
            .ok_or_else(|| Error::SecurityGroupNotFound(name.to_owned()))
    }
}

/// The groups called `name`, those with that tag first, no group twice. EC2's filters take `*` for anything: only exact names
/// count here.
pub(super) fn candidates(groups: &[SecurityGroup], name: &str) -> Vec<SecurityGroup> {
    let tagged = groups.iter().filter(|group| group.name_tag.as_deref() == Some(name));
    let named = groups.iter().filter(|group| group.group_name == name);
    let mut result: Vec<SecurityGroup> = Vec::new();
    for group in tagged.chain(named) {
        if !result.iter().any(|known| known.id == group.id) {
            result.push(group.clone());
        }
    }
    result
}
