//! What is known about an account, in a file: a definition can be evaluated with it where AWS can't be asked, as in an editor or in CI.
//!
//! It has the answers to what definitions asked when it was saved. What KMS decrypts is not among them; outputs of other stacks are,
//! whatever they hold.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map as JsonMap, Value as Json};
use stups_aws::Session;
use stups_terminal::{Terminal, json_pretty, write_private};
use tokio::sync::OnceCell;

use super::{
    Account, AcmCertificate, Image, ListenerRule, NatGateway, SecurityGroup, ServerCertificate, StackOutputs,
    StackResource, Subnet, Vpc, lock,
};
use crate::Error;
use crate::route53::{Dns, HostedZone};
use crate::settings::Settings;

/// The answers. What was not asked is not there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Snapshot {
    pub(crate) region: String,
    id: Option<String>,
    alias: Option<String>,
    mint_bucket: Option<String>,
    vpcs: Option<Vec<Vpc>>,
    chosen_vpc: Option<String>,
    region_subnets: Option<Vec<Subnet>>,
    subnets: BTreeMap<String, Vec<Subnet>>,
    nat_gateways: Option<Vec<NatGateway>>,
    taupage_images: Option<Vec<Image>>,
    images: BTreeMap<String, Option<Image>>,
    coreos_images: BTreeMap<String, String>,
    pub(crate) security_groups: BTreeMap<String, Vec<SecurityGroup>>,
    pub(crate) hosted_zones: Option<Vec<HostedZone>>,
    zones_of_vpc: BTreeMap<String, Vec<String>>,
    acm_certificates: Option<Vec<AcmCertificate>>,
    described_certificates: BTreeMap<String, AcmCertificate>,
    server_certificates: Option<Vec<ServerCertificate>>,
    /// by `<stack>/<logical id>`
    pub(crate) stack_resources: BTreeMap<String, StackResource>,
    pub(crate) stack_outputs: BTreeMap<String, StackOutputs>,
    role_policies: BTreeMap<String, Vec<Json>>,
    parameters: BTreeMap<String, Option<String>>,
    listener_rules: BTreeMap<String, Vec<ListenerRule>>,
    topics: Option<Vec<String>>,
    spot: Option<String>,
}

impl Snapshot {
    /// The saved account in a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| file_error(path, error))?;
        serde_json::from_str(&text).map_err(|error| not_one(path, &error.to_string()))
    }

    /// Writes it to a file. What is saved there already about the same region stays, unless there is a newer answer: one file
    /// serves several definitions.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Error> {
        let mut answers = object(self);
        match std::fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => {
                let before = Self::read(path)?;
                if before.region != self.region {
                    return Err(Error::Fatal(format!(
                        "{} is a saved account of {}, not of {}. Save this one in another file.",
                        path.display(),
                        before.region,
                        self.region
                    )));
                }
                answers = merged(object(&before), answers);
            }
        }
        let text = json_pretty(&Json::Object(answers), 2) + "\n";
        write_private(path, text.as_bytes()).map_err(|error| file_error(path, error))
    }
}

fn object(snapshot: &Snapshot) -> JsonMap<String, Json> {
    match serde_json::to_value(snapshot) {
        Ok(Json::Object(object)) => object,
        // It is a struct with text for keys.
        _ => JsonMap::new(),
    }
}

fn merged(mut before: JsonMap<String, Json>, newer: JsonMap<String, Json>) -> JsonMap<String, Json> {
    for (key, value) in newer {
        match (before.get_mut(&key), value) {
            (Some(_), Json::Null) => {}
            (Some(Json::Object(known)), Json::Object(more)) => known.extend(more),
            (_, value) => {
                before.insert(key, value);
            }
        }
    }
    before
}

fn file_error(path: &Path, source: io::Error) -> Error {
    Error::File {
        path: path.display().to_string(),
        source,
    }
}

fn not_one(path: &Path, reason: &str) -> Error {
    Error::Fatal(format!(
        "{} is not a saved account: {reason}. `senza print DEFINITION VERSION --save-account FILE` saves one.",
        path.display()
    ))
}

impl Account {
    /// What is known by now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            region: self.session.region().to_owned(),
            id: self.id.get().cloned(),
            alias: self.alias.get().cloned(),
            mint_bucket: self.mint_bucket.get().cloned(),
            vpcs: self.vpcs.get().cloned(),
            chosen_vpc: self.chosen_vpc.get().cloned(),
            region_subnets: self.region_subnets.get().cloned(),
            subnets: self.subnets.known(),
            nat_gateways: self.nat_gateways.get().cloned(),
            taupage_images: self.taupage_images.get().cloned(),
            images: self.images.known(),
            coreos_images: self.coreos_images.known(),
            security_groups: lock(&self.security_groups).clone().into_iter().collect(),
            hosted_zones: self.dns.known_zones().map(<[HostedZone]>::to_vec),
            zones_of_vpc: self.zones_of_vpc.known(),
            acm_certificates: self.acm_certificates.get().cloned(),
            described_certificates: self.described_certificates.known(),
            server_certificates: self.server_certificates.get().cloned(),
            stack_resources: self.stack_resources.known(),
            stack_outputs: self.stack_outputs.known(),
            role_policies: self.role_policies.known(),
            parameters: self.parameters.known(),
            listener_rules: self.listener_rules.known(),
            topics: self.topics.get().cloned(),
            spot: self.spot.get().cloned(),
        }
    }

    /// The account that was saved in the file `path`: nothing else is known about it, and nobody is asked.
    pub(crate) fn saved(
        session: &Session,
        terminal: &Terminal,
        settings: &Settings,
        path: &Path,
    ) -> Result<Self, Error> {
        let known = Snapshot::read(path)?;
        let mut account = Self::new(session.clone(), terminal.clone(), settings.clone());
        account.offline = Some(format!(
            "The definition needs to know more about the account than {} has. Save it again where AWS can be asked: senza print \
             DEFINITION VERSION --save-account {}",
            path.display(),
            path.display()
        ));
        account.id = cell(known.id);
        account.alias = cell(known.alias);
        account.mint_bucket = cell(known.mint_bucket);
        account.vpcs = cell(known.vpcs);
        account.chosen_vpc = cell(known.chosen_vpc);
        account.region_subnets = cell(known.region_subnets);
        account.subnets = known.subnets.into();
        account.nat_gateways = cell(known.nat_gateways);
        account.taupage_images = cell(known.taupage_images);
        account.images = known.images.into();
        account.coreos_images = known.coreos_images.into();
        *lock(&account.security_groups) = known.security_groups.into_iter().collect();
        if let Some(zones) = known.hosted_zones {
            account.dns = Dns::with_zones(session, zones);
        }
        account.zones_of_vpc = known.zones_of_vpc.into();
        account.acm_certificates = cell(known.acm_certificates);
        account.described_certificates = known.described_certificates.into();
        account.server_certificates = cell(known.server_certificates);
        account.stack_resources = known.stack_resources.into();
        account.stack_outputs = known.stack_outputs.into();
        account.role_policies = known.role_policies.into();
        account.parameters = known.parameters.into();
        account.listener_rules = known.listener_rules.into();
        account.topics = cell(known.topics);
        account.spot = cell(known.spot);
        Ok(account)
    }
}

fn cell<T>(known: Option<T>) -> OnceCell<T> {
    known.map_or_else(OnceCell::new, OnceCell::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gathers_the_answers_of_one_region() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("account.json");
        let group = |id: &str| {
            vec![SecurityGroup {
                id: id.to_owned(),
                group_name: "app".to_owned(),
                name_tag: None,
                vpc_id: None,
            }]
        };
        let first = Snapshot {
            region: "eu-west-1".to_owned(),
            alias: Some("acme-old".to_owned()),
            id: Some("123456789012".to_owned()),
            security_groups: BTreeMap::from([("a".to_owned(), group("sg-a")), ("b".to_owned(), group("sg-b"))]),
            ..Snapshot::default()
        };
        first.save(&file).unwrap();
        assert_eq!(Snapshot::read(&file).unwrap(), first);
        let second = Snapshot {
            region: "eu-west-1".to_owned(),
            alias: Some("acme-new".to_owned()),
            security_groups: BTreeMap::from([("b".to_owned(), group("sg-new")), ("c".to_owned(), Vec::new())]),
            ..Snapshot::default()
        };
        second.save(&file).unwrap();
        let both = Snapshot {
            alias: second.alias,
            security_groups: BTreeMap::from([
                ("a".to_owned(), group("sg-a")),
                ("b".to_owned(), group("sg-new")),
                ("c".to_owned(), Vec::new()),
            ]),
            ..first
        };
        assert_eq!(Snapshot::read(&file).unwrap(), both);

        let other = Snapshot {
            region: "eu-central-1".to_owned(),
            ..Snapshot::default()
        };
        let refused = other.save(&file).unwrap_err().to_string();
        assert!(
            refused.ends_with("is a saved account of eu-west-1, not of eu-central-1. Save this one in another file."),
            "{refused}"
        );
        std::fs::write(&file, "{\"zone\": 1}").unwrap();
        let refused = other.save(&file).unwrap_err().to_string();
        assert!(
            refused.contains("is not a saved account: unknown field `zone`"),
            "{refused}"
        );
    }
}
