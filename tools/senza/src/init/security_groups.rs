//! The security groups of an application: looked for, checked, and made if a person agrees.

mod vpc;

use std::collections::BTreeSet;

use futures::future::try_join;
use stups_aws::ec2::types::{IpPermission, IpRange, SecurityGroup, UserIdGroupPair};

use super::answers::Answers;
use crate::Error;
use crate::account::Account;
use vpc::Vpc;

pub(super) use vpc::BASTION_GROUP;

const SSH: u16 = 22;
const HTTPS: u16 = 443;
const REDIS: u16 = 6379;

/// Makes sure that the groups `app-<id>` and `app-<id>-lb` of a web application exist in the VPC: the load balancer's takes
/// HTTPS from everywhere; the instances' takes `http_port` from the load balancer only, SSH from the bastion host only (from the
/// whole VPC when there is no bastion), and everything from itself. Groups that exist are left alone, with a word about what
/// they lack; but those that an interrupted run made get the rules that it did not come to.
pub(super) async fn ensure_for_web_app(
    answers: &Answers<'_>,
    account: &Account,
    application_id: &str,
    http_port: u16,
) -> Result<(), Error> {
    let vpc = Vpc::of(answers, account).await?;
    let terminal = answers.terminal();
    let (app_name, lb_name) = (format!("app-{application_id}"), format!("app-{application_id}-lb"));

    let app = vpc.check(&app_name).await?;
    let missing = app.missing_ports(&[SSH, http_port]);
    if missing.contains(&SSH) {
        terminal.warning(&no_ssh(&app_name));
    }
    if missing.contains(&http_port) {
        terminal.error(&format!(
            "Security group {app_name} does not allow inbound TCP traffic on the specified HTTP port ({http_port})"
        ));
    }
    let lb = vpc.check(&lb_name).await?;
    if !lb.missing_ports(&[HTTPS]).is_empty() {
        terminal.error(&format!(
            "Load balancer security group {lb_name} does not allow inbound HTTPS traffic"
        ));
    }

    // The load balancer's first: the application's rules name it.
    let lb_id = vpc
        .complete(lb, &lb_name, |_| {
            let everywhere = IpRange::builder().cidr_ip("0.0.0.0/0").build();
            vec![tcp(HTTPS).ip_ranges(everywhere).build()]
        })
        .await?;
    if !app.is_incomplete() {
        return Ok(());
    }
    let (vpc_cidr, bastion) = try_join(vpc.cidr(), vpc.group(BASTION_GROUP)).await?;
    let bastion_id = bastion.and_then(|group| group.group_id);
    vpc.complete(app, &app_name, |own_id| {
        vec![
            from(SSH, bastion_id.as_deref(), &vpc_cidr),
            from(http_port, lb_id.as_deref(), &vpc_cidr),
            everything_from(own_id),
        ]
    })
    .await?;
    Ok(())
}

/// As [`ensure_for_web_app`], for an application that nobody calls: `app-<id>` takes SSH, and everything from itself.
pub(super) async fn ensure_for_background_app(
    answers: &Answers<'_>,
    account: &Account,
    application_id: &str,
) -> Result<(), Error> {
    let vpc = Vpc::of(answers, account).await?;
    let name = format!("app-{application_id}");
    let app = vpc.check(&name).await?;
    if !app.missing_ports(&[SSH]).is_empty() {
        answers.terminal().warning(&no_ssh(&name));
    }
    if !app.is_incomplete() {
        return Ok(());
    }
    let (vpc_cidr, bastion) = try_join(vpc.cidr(), vpc.group(BASTION_GROUP)).await?;
    let bastion_id = bastion.and_then(|group| group.group_id);
    vpc.complete(app, &name, |own_id| {
        vec![from(SSH, bastion_id.as_deref(), &vpc_cidr), everything_from(own_id)]
    })
    .await?;
    Ok(())
}

/// As [`ensure_for_web_app`], for Redis: `redis-<id>` takes its port from the whole VPC, and everything from itself.
pub(super) async fn ensure_for_redis(
    answers: &Answers<'_>,
    account: &Account,
    application_id: &str,
) -> Result<(), Error> {
    let vpc = Vpc::of(answers, account).await?;
    let name = format!("redis-{application_id}");
    let redis = vpc.check(&name).await?;
    if !redis.missing_ports(&[REDIS]).is_empty() {
        answers.terminal().warning(&format!(
            "Security group {name} does not allow tcp/{REDIS} access, you will not be able to access your redis"
        ));
    }
    if !redis.is_incomplete() {
        return Ok(());
    }
    let vpc_cidr = vpc.cidr().await?;
    vpc.complete(redis, &name, |own_id| {
        vec![from(REDIS, None, &vpc_cidr), everything_from(own_id)]
    })
    .await?;
    Ok(())
}

/// The addresses of the account's VPC.
pub(super) async fn vpc_cidr(answers: &Answers<'_>, account: &Account) -> Result<String, Error> {
    Vpc::of(answers, account).await?.cidr().await
}

/// The id of the group of the SSH bastion host, if there is one.
pub(super) async fn bastion(answers: &Answers<'_>, account: &Account) -> Result<Option<String>, Error> {
    let group = Vpc::of(answers, account).await?.group(BASTION_GROUP).await?;
    Ok(group.and_then(|group| group.group_id))
}

fn no_ssh(name: &str) -> String {
    format!("Security group {name} does not allow SSH access, you will not be able to ssh into your servers")
}

/// Lets `group` in on a port, or the whole VPC where there is no such group.
fn from(port: u16, group: Option<&str>, vpc_cidr: &str) -> IpPermission {
    match group {
        Some(id) => tcp(port)
            .user_id_group_pairs(UserIdGroupPair::builder().group_id(id).build())
            .build(),
        None => tcp(port)
            .ip_ranges(IpRange::builder().cidr_ip(vpc_cidr).build())
            .build(),
    }
}

/// Lets in members of the group itself.
fn everything_from(own_id: &str) -> IpPermission {
    IpPermission::builder()
        .ip_protocol("-1")
        .user_id_group_pairs(UserIdGroupPair::builder().group_id(own_id).build())
        .build()
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
    fn a_port_is_open_to_a_group_or_else_to_the_vpc() {
        for (group, ranges) in [(Some("sg-lb"), &[][..]), (None, &["10.0.0.0/16"])] {
            let rule = from(8080, group, "10.0.0.0/16");
            let groups: Vec<_> = rule
                .user_id_group_pairs()
                .iter()
                .filter_map(UserIdGroupPair::group_id)
                .collect();
            assert_eq!(groups, group.into_iter().collect::<Vec<_>>());
            assert_eq!(
                rule.ip_ranges().iter().filter_map(IpRange::cidr_ip).collect::<Vec<_>>(),
                ranges
            );
            assert_eq!((rule.from_port(), rule.to_port()), (Some(8080), Some(8080)));
        }
    }
}
