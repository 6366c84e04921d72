//! The security groups of an application: looked for, checked, and made if a person agrees.

use std::collections::BTreeSet;

use futures::future::{FutureExt, try_join};
use stups_aws::Session;
use stups_aws::ec2::types::{
    Filter, IpPermission, IpRange, ResourceType, SecurityGroup, Tag, TagSpecification, UserIdGroupPair,
};
use stups_terminal::Terminal;

use crate::Error;

/// What the group of the SSH bastion host is called.
const BASTION_GROUP: &str = "Odd (SSH Bastion Host)";
/// What our groups say of themselves.
const DESCRIPTION: &str = "Application security group";
const SSH: u16 = 22;
const HTTPS: u16 = 443;

/// Makes sure that the groups `app-<id>` and `app-<id>-lb` of a web application exist in the VPC: the load balancer's takes
/// HTTPS from everywhere; the instances' takes `http_port` from the load balancer only, SSH from the bastion host only (from the
/// whole VPC when there is no bastion), and everything from itself. Groups that exist are left alone, with a word about what
/// they lack; but those that an interrupted run made get the rules that it did not come to.
pub(super) async fn ensure_for_web_app(
    session: &Session,
    terminal: &Terminal,
    vpc_id: &str,
    application_id: &str,
    http_port: u16,
) -> Result<(), Error> {
    let vpc = Vpc { session, id: vpc_id };
    let (app_name, lb_name) = (format!("app-{application_id}"), format!("app-{application_id}-lb"));

    let app = vpc.check(terminal, &app_name).await?;
    if let Found::Existing(group) = &app
        && !is_unfinished(group)
    {
        let missing = missing_ports(group, &[SSH, http_port]);
        if missing.contains(&SSH) {
            terminal.warning(&format!(
                "Security group {app_name} does not allow SSH access, you will not be able to ssh into your servers"
            ));
        }
        if missing.contains(&http_port) {
            terminal.error(&format!(
                "Security group {app_name} does not allow inbound TCP traffic on the specified HTTP port ({http_port})"
            ));
        }
    }
    let lb = vpc.check(terminal, &lb_name).await?;
    if let Found::Existing(group) = &lb
        && !is_unfinished(group)
        && !missing_ports(group, &[HTTPS]).is_empty()
    {
        terminal.error(&format!(
            "Load balancer security group {lb_name} does not allow inbound HTTPS traffic"
        ));
    }

    // The load balancer's first: the application's rules name it.
    let https = || {
        let everywhere = IpRange::builder().cidr_ip("0.0.0.0/0").build();
        vec![tcp(HTTPS).ip_ranges(everywhere).build()]
    };
    let lb_id = match lb {
        Found::Existing(group) => {
            let id = group.group_id.clone().unwrap_or_default();
            if is_unfinished(&group) {
                vpc.finish(terminal, &lb_name, &id, https()).await?;
            }
            Some(id)
        }
        Found::Wanted => Some(vpc.create(&lb_name, |_| https()).await?),
        Found::Declined => None,
    };
    let unfinished = match app {
        Found::Existing(group) if is_unfinished(&group) => group.group_id,
        Found::Wanted => None,
        Found::Existing(_) | Found::Declined => return Ok(()),
    };
    let (vpc_cidr, bastion) = try_join(vpc.cidr(), vpc.group(BASTION_GROUP)).await?;
    let bastion_id = bastion.and_then(|group| group.group_id);
    let rules = |own_id: &str| app_rules(own_id, http_port, lb_id.as_deref(), bastion_id.as_deref(), &vpc_cidr);
    match unfinished {
        Some(id) => vpc.finish(terminal, &app_name, &id, rules(&id)).await,
        None => vpc.create(&app_name, rules).await.map(drop),
    }
}

/// Whether a run of ours made this group and ended before it had its rules: nobody makes a group that lets nothing in.
fn is_unfinished(group: &SecurityGroup) -> bool {
    group.ip_permissions().is_empty() && group.description() == Some(DESCRIPTION)
}

/// A group that was looked for.
enum Found {
    Existing(Box<SecurityGroup>),
    /// does not exist, and a person wants it
    Wanted,
    Declined,
}

/// The VPC that groups belong to.
struct Vpc<'a> {
    session: &'a Session,
    id: &'a str,
}

impl Vpc<'_> {
    /// Looks for a group, and asks whether one that does not exist shall be made.
    async fn check(&self, terminal: &Terminal, name: &str) -> Result<Found, Error> {
        let action = terminal.action(&format!("Checking security group {name}.."));
        if let Some(group) = action.during(self.group(name)).await? {
            return Ok(Found::Existing(Box::new(group)));
        }
        let question = format!("Security group {name} does not exist. Do you want Senza to create it now?");
        Ok(if terminal.confirm(&question, true)? {
            Found::Wanted
        } else {
            Found::Declined
        })
    }

    /// The group with this `Name` tag or else this name.
    async fn group(&self, name: &str) -> Result<Option<SecurityGroup>, Error> {
        let by = |filter: &str| {
            self.session
                .ec2()
                .describe_security_groups()
                .filters(Filter::builder().name("vpc-id").values(self.id).build())
                .filters(Filter::builder().name(filter).values(name).build())
                .send()
                .boxed()
        };
        let (by_tag, by_name) = futures::join!(by("tag:Name"), by("group-name"));
        let groups = [by_tag?.security_groups, by_name?.security_groups];
        Ok(groups.into_iter().flatten().flatten().next())
    }

    async fn cidr(&self) -> Result<String, Error> {
        let answer = self.session.ec2().describe_vpcs().vpc_ids(self.id).send().await?;
        answer
            .vpcs
            .unwrap_or_default()
            .into_iter()
            .find_map(|vpc| vpc.cidr_block)
            .ok_or_else(|| Error::Fatal(format!("The address range of VPC {} is not known.", self.id)))
    }

    /// Makes a group with the rules that `rules` makes for its id, and returns the id. A group that can't get its rules is
    /// removed again.
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
            .vpc_id(self.id)
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

    /// Gives a group that has no rules yet its rules.
    async fn finish(&self, terminal: &Terminal, name: &str, id: &str, rules: Vec<IpPermission>) -> Result<(), Error> {
        let action = terminal.action(&format!("Adding the missing rules to security group {name}.."));
        action.during(self.allow(id, rules)).await
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

fn app_rules(
    own_id: &str,
    http_port: u16,
    lb_id: Option<&str>,
    bastion_id: Option<&str>,
    vpc_cidr: &str,
) -> Vec<IpPermission> {
    let from = |port: u16, group: Option<&str>| match group {
        Some(id) => tcp(port)
            .user_id_group_pairs(UserIdGroupPair::builder().group_id(id).build())
            .build(),
        None => tcp(port)
            .ip_ranges(IpRange::builder().cidr_ip(vpc_cidr).build())
            .build(),
    };
    let itself = IpPermission::builder()
        .ip_protocol("-1")
        .user_id_group_pairs(UserIdGroupPair::builder().group_id(own_id).build())
        .build();
    vec![from(SSH, bastion_id), from(http_port, lb_id), itself]
}

fn tcp(port: u16) -> stups_aws::ec2::types::builders::IpPermissionBuilder {
    IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(i32::from(port))
        .to_port(i32::from(port))
}

/// Those of `ports` that the group lets nobody in by TCP on.
fn missing_ports(group: &SecurityGroup, ports: &[u16]) -> BTreeSet<u16> {
    let allows = |rule: &IpPermission, port: u16| match rule.ip_protocol() {
        // "All protocols" is a rule for other members of the group; who else may come in is what counts.
        Some("-1") => !rule.ip_ranges().is_empty() || !rule.ipv6_ranges().is_empty(),
        Some("tcp") => {
            let port = i32::from(port);
            rule.from_port().is_some_and(|from| from <= port) && rule.to_port().is_some_and(|to| port <= to)
        }
        _ => false,
    };
    ports
        .iter()
        .copied()
        .filter(|port| !group.ip_permissions().iter().any(|rule| allows(rule, *port)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_missing_unless_a_rule_covers_them() {
        let everyone = IpRange::builder().cidr_ip("0.0.0.0/0").build();
        let ranged = IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(8000)
            .to_port(9000)
            .build();
        let itself = IpPermission::builder()
            .ip_protocol("-1")
            .user_id_group_pairs(UserIdGroupPair::builder().group_id("sg-1").build())
            .build();
        let everything = IpPermission::builder().ip_protocol("-1").ip_ranges(everyone).build();
        let udp = IpPermission::builder()
            .ip_protocol("udp")
            .from_port(22)
            .to_port(22)
            .build();
        for (rules, expected) in [
            (vec![], vec![22, 8080]),
            (vec![tcp(22).build()], vec![8080]),
            (vec![tcp(22).build(), ranged], vec![]),
            (vec![itself], vec![22, 8080]),
            (vec![everything], vec![]),
            (vec![udp], vec![22, 8080]),
        ] {
            let group = SecurityGroup::builder().set_ip_permissions(Some(rules.clone())).build();
            assert_eq!(
                missing_ports(&group, &[22, 8080]),
                expected.into_iter().collect(),
                "{rules:?}"
            );
        }
    }

    #[test]
    fn nothing_is_open_to_the_world_on_the_instances() {
        for (lb, bastion) in [(Some("sg-lb"), Some("sg-odd")), (None, None)] {
            let rules = app_rules("sg-own", 8080, lb, bastion, "10.0.0.0/16");
            assert_eq!(rules.len(), 3);
            let ranges: Vec<_> = rules
                .iter()
                .flat_map(IpPermission::ip_ranges)
                .filter_map(IpRange::cidr_ip)
                .collect();
            assert!(ranges.iter().all(|range| *range == "10.0.0.0/16"), "{ranges:?}");
            assert_eq!(ranges.is_empty(), lb.is_some() && bastion.is_some());
        }
    }
}
