//! Accounts whose answers are given, for tests that need no AWS.

use stups_aws::SessionOptions;

use super::*;
use crate::route53::HostedZone;

/// The answers of an account. What is not given is empty.
#[derive(Default)]
pub(crate) struct Answers {
    pub(crate) vpcs: Vec<Vpc>,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) nat_gateways: Vec<NatGateway>,
    pub(crate) taupage_images: Vec<Image>,
    pub(crate) images: Vec<Image>,
    pub(crate) security_groups: Vec<SecurityGroup>,
    /// names that are known not to exist
    pub(crate) missing_security_groups: Vec<&'static str>,
    pub(crate) hosted_zones: Vec<HostedZone>,
    /// ids of the zones that a VPC sees
    pub(crate) zones_of_vpc: Vec<(&'static str, Vec<String>)>,
    pub(crate) acm_certificates: Vec<AcmCertificate>,
    pub(crate) server_certificates: Vec<ServerCertificate>,
    /// by `<stack>/<logical id>`
    pub(crate) stack_resources: Vec<(&'static str, StackResource)>,
    pub(crate) stack_outputs: Vec<(&'static str, StackOutputs)>,
    pub(crate) role_policies: Vec<(&'static str, Vec<Json>)>,
    pub(crate) topics: Vec<String>,
    pub(crate) alias: Option<&'static str>,
    pub(crate) id: Option<&'static str>,
    /// instead of Flatcar's list of images
    pub(crate) coreos_feed: Option<String>,
    /// instead of Spot's API
    pub(crate) spot_api: Option<String>,
    /// directories with plug-ins
    pub(crate) programs: Vec<std::path::PathBuf>,
}

impl Answers {
    /// An account in eu-west-1 with these answers and no others.
    pub(crate) async fn account(self, terminal: &Terminal) -> Account {
        let options = SessionOptions {
            region: Some("eu-west-1".to_owned()),
            ..SessionOptions::default()
        };
        let mut account = Account::new(
            Session::load(options).await.unwrap(),
            terminal.clone(),
            Settings::default(),
        );
        account.offline = Some("this account was given with its answers; it can't be asked for more".to_owned());
        // Tests ask nobody but themselves: the discard port answers nothing.
        let nowhere = || "http://127.0.0.1:9".to_owned();
        account.endpoints = Endpoints {
            coreos_feed: self.coreos_feed.unwrap_or_else(nowhere),
            spot_api: self.spot_api.unwrap_or_else(nowhere),
            programs: self.programs,
        };
        for vpc in &self.vpcs {
            let subnets = self.subnets.iter().filter(|subnet| subnet.vpc_id == vpc.id);
            account.subnets.set(&vpc.id, subnets.cloned().collect());
        }
        let groups = self.security_groups;
        let names = groups
            .iter()
            .flat_map(|group| group.name_tag.clone().into_iter().chain([group.group_name.clone()]))
            .chain(self.missing_security_groups.iter().map(ToString::to_string));
        *lock(&account.security_groups) = names
            .map(|name| (name.clone(), security_groups::candidates(&groups, &name)))
            .collect();
        for image in self.images {
            account.images.set(&image.id.clone(), Some(image));
        }
        for (name, resource) in self.stack_resources {
            account.stack_resources.set(name, resource);
        }
        for (name, outputs) in self.stack_outputs {
            account.stack_outputs.set(name, outputs);
        }
        for (name, policies) in self.role_policies {
            account.role_policies.set(name, policies);
        }
        for (vpc, zones) in self.zones_of_vpc {
            account.zones_of_vpc.set(vpc, zones);
        }
        account.vpcs = OnceCell::from(self.vpcs);
        account.nat_gateways = OnceCell::from(self.nat_gateways);
        account.taupage_images = OnceCell::from(self.taupage_images);
        account.dns = Dns::with_zones(&account.session, self.hosted_zones);
        account.acm_certificates = OnceCell::from(self.acm_certificates);
        account.server_certificates = OnceCell::from(self.server_certificates);
        account.topics = OnceCell::from(self.topics);
        account.id = OnceCell::from(self.id.unwrap_or("123456789012").to_owned());
        account.alias = OnceCell::from(self.alias.unwrap_or("acme-team").to_owned());
        account
    }
}
