//! What a definition may ask about the AWS account; each answer is looked up once, and only when it is needed.

mod certificates;
mod endpoints;
mod hosted_zones;
mod identity;
mod images;
mod listeners;
mod memo;
mod network;
mod parameters;
mod roles;
mod security_groups;
mod snapshot;
mod spot;
mod stacks;
mod topics;

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::Value as Json;
use stups_aws::Session;
use stups_terminal::{Choice, Terminal};
use tokio::sync::OnceCell;

use crate::Error;
use crate::route53::Dns;
use crate::settings::Settings;
use crate::template::python;
use endpoints::Endpoints;
use memo::Memo;

pub(crate) use certificates::{AcmCertificate, ServerCertificate};
#[cfg(test)]
pub(crate) use images::DeviceMapping;
pub(crate) use images::{Channel, Image, newest_taupage_image};
pub(crate) use listeners::ListenerRule;
pub(crate) use network::{NatGateway, Subnet, Vpc};
pub(crate) use security_groups::SecurityGroup;
pub(crate) use snapshot::Snapshot;
pub(crate) use stacks::{StackOutputs, StackResource};

/// The AWS account of one run. Every look-up is made at most once; a failed one is made again when the answer is asked for again.
#[derive(Debug)]
pub struct Account {
    session: Session,
    terminal: Terminal,
    settings: Settings,
    /// All answers were given, nothing is ever looked up: what to say where one is missing.
    offline: Option<String>,
    endpoints: Endpoints,
    vpcs: OnceCell<Vec<Vpc>>,
    chosen_vpc: OnceCell<String>,
    stack_network: Mutex<Option<StackNetwork>>,
    region_subnets: OnceCell<Vec<Subnet>>,
    subnets: Memo<Vec<Subnet>>,
    nat_gateways: OnceCell<Vec<NatGateway>>,
    taupage_images: OnceCell<Vec<Image>>,
    images: Memo<Option<Image>>,
    /// by address of the list, region inside
    coreos_images: Memo<String>,
    security_groups: Mutex<HashMap<String, Vec<SecurityGroup>>>,
    dns: Dns,
    domain: Mutex<Option<String>>,
    /// by VPC
    zones_of_vpc: Memo<Vec<String>>,
    acm_certificates: OnceCell<Vec<AcmCertificate>>,
    described_certificates: Memo<AcmCertificate>,
    server_certificates: OnceCell<Vec<ServerCertificate>>,
    stack_resources: Memo<StackResource>,
    stack_outputs: Memo<StackOutputs>,
    role_policies: Memo<Vec<Json>>,
    parameters: Memo<Option<String>>,
    listener_rules: Memo<Vec<ListenerRule>>,
    topics: OnceCell<Vec<String>>,
    id: OnceCell<String>,
    alias: OnceCell<String>,
    mint_bucket: OnceCell<String>,
    spot: OnceCell<String>,
}

impl Account {
    /// The account that `session` works in. `terminal` is asked when an answer is ambiguous, `settings` do not decide it, and a
    /// person is there.
    pub(crate) fn new(session: Session, terminal: Terminal, settings: Settings) -> Self {
        Self {
            dns: Dns::new(&session),
            session,
            terminal,
            settings,
            offline: None,
            endpoints: Endpoints::of_process(),
            vpcs: OnceCell::new(),
            chosen_vpc: OnceCell::new(),
            stack_network: Mutex::default(),
            region_subnets: OnceCell::new(),
            subnets: Memo::default(),
            nat_gateways: OnceCell::new(),
            taupage_images: OnceCell::new(),
            images: Memo::default(),
            coreos_images: Memo::default(),
            security_groups: Mutex::default(),
            domain: Mutex::default(),
            zones_of_vpc: Memo::default(),
            acm_certificates: OnceCell::new(),
            described_certificates: Memo::default(),
            server_certificates: OnceCell::new(),
            stack_resources: Memo::default(),
            stack_outputs: Memo::default(),
            role_policies: Memo::default(),
            parameters: Memo::default(),
            listener_rules: Memo::default(),
            topics: OnceCell::new(),
            id: OnceCell::new(),
            alias: OnceCell::new(),
            mint_bucket: OnceCell::new(),
            spot: OnceCell::new(),
        }
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Where services other than AWS are.
    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The session, to look something up with.
    fn online(&self) -> Result<&Session, Error> {
        match &self.offline {
            Some(reason) => Err(Error::Fatal(reason.clone())),
            None => Ok(&self.session),
        }
    }

    /// Whether nobody may be asked about anything.
    pub(crate) fn is_offline(&self) -> bool {
        self.offline.is_some()
    }

    /// The value of `{{AccountInfo.<name>}}`: Region, AccountID, AccountAlias, TeamID, Domain, VpcID, MintBucket; nothing for
    /// any other name.
    pub async fn info(&self, name: &str) -> Result<Option<Json>, Error> {
        let text = match name {
            "Region" => self.session.region().to_owned(),
            "AccountID" => self.account_id().await?,
            "AccountAlias" => self.alias().await?,
            "TeamID" => self.team_id().await?,
            "Domain" => self.domain().await?,
            "VpcID" => self.vpc_id().await?,
            "MintBucket" => self.mint_bucket().await?,
            _ => return Ok(None),
        };
        Ok(Some(Json::from(text)))
    }

    /// The account's domain, without trailing dot: the zone that a load balancer's domain was last found in, else the only
    /// hosted zone, else the configured one (`account.domain`), else the one a person chooses.
    pub(crate) async fn domain(&self) -> Result<String, Error> {
        if let Some(domain) = lock(&self.domain).clone() {
            return Ok(domain);
        }
        let mut names: Vec<String> = self
            .hosted_zones()
            .await?
            .iter()
            .map(|zone| zone.domain().to_owned())
            .collect();
        names.sort();
        names.dedup();
        let domain = match names.as_slice() {
            [] => {
                return Err(Error::Fatal(
                    "No Domain configured: the account has no hosted zone".to_owned(),
                ));
            }
            [only] => only.clone(),
            several => self.choose_domain(several)?,
        };
        self.set_domain(&domain);
        Ok(domain)
    }

    fn choose_domain(&self, names: &[String]) -> Result<String, Error> {
        let configured = self.settings.text("account", "domain");
        let configured = configured.map(|domain| domain.trim_end_matches('.'));
        if let Some(configured) = configured.filter(|domain| names.iter().any(|name| name == domain)) {
            return Ok(configured.to_owned());
        }
        if !self.terminal.is_interactive() {
            return Err(Error::Fatal(format!(
                "The account has several hosted zones ({}): say which one to use with MainDomain and VersionDomain of the \
                 load balancer, or with account.domain in Senza's configuration file",
                names.join(", ")
            )));
        }
        let choices: Vec<Choice<String>> = names
            .iter()
            .map(|name| Choice {
                value: name.clone(),
                label: name.clone(),
            })
            .collect();
        Ok(self.terminal.choice("Please select the domain", &choices, None)?)
    }

    /// The AWS accounts whose Taupage images may be used, from the configuration file (`taupage.owners`); nothing when anybody's
    /// may. A list, or text with commas between, as `senza config` writes it.
    pub(crate) fn image_owners(&self) -> Option<Vec<String>> {
        let owners = self.settings.value("taupage", "owners")?;
        Some(match owners.as_list() {
            Some(owners) => owners.iter().map(python::text).collect(),
            None => python::text(owners)
                .split(',')
                .map(|owner| owner.trim().to_owned())
                .collect(),
        })
    }

    /// Makes `domain` the account's domain from here on, as load balancers do with the zone they were put into.
    pub(crate) fn set_domain(&self, domain: &str) {
        *lock(&self.domain) = Some(domain.trim_end_matches('.').to_owned());
    }

    /// The VPC to use: the default one, else the only one, else the one a person chooses.
    pub(crate) async fn vpc_id(&self) -> Result<String, Error> {
        if let Some(id) = self.evident_vpc_id().await? {
            return Ok(id);
        }
        let vpcs = self.vpcs().await?;
        if vpcs.is_empty() {
            return Err(Error::Fatal(format!(
                "Fatal Error: there is no VPC in {}",
                self.session.region()
            )));
        }
        self.chosen_vpc
            .get_or_try_init(|| Box::pin(async {
                if !self.terminal.is_interactive() {
                    return Err(Error::Fatal(
                        "Fatal Error: Multiple VPCs are only supported if one of them is the default VPC, or VpcId of the \
                         configuration component says which one to use"
                            .to_owned(),
                    ));
                }
                self.terminal.info("Can't find a default VPC");
                let choices: Vec<Choice<String>> = vpcs
                    .iter()
                    .map(|vpc| Choice {
                        value: vpc.id.clone(),
                        label: vpc.to_string(),
                    })
                    .collect();
                Ok(self.terminal.choice("Select VPC to use", &choices, None)?)
            }))
            .await
            .cloned()
    }

    /// As [`Account::vpc_id`], but nothing where a person would have to choose.
    pub(crate) async fn evident_vpc_id(&self) -> Result<Option<String>, Error> {
        if let Some(chosen) = self.chosen_vpc.get() {
            return Ok(Some(chosen.clone()));
        }
        let subnets = self.region_subnets.get().map(Vec::as_slice).unwrap_or_default();
        if let Some(subnet) = subnets.iter().find(|subnet| subnet.is_default) {
            return Ok(Some(subnet.vpc_id.clone()));
        }
        let vpcs = self.vpcs().await?;
        let evident = match vpcs {
            [only] => Some(only),
            several => several.iter().find(|vpc| vpc.is_default),
        };
        Ok(evident.map(|vpc| vpc.id.clone()))
    }

    /// Notes the network that the stack is put into.
    pub(crate) fn set_stack_network(&self, network: StackNetwork) {
        *lock(&self.stack_network) = Some(network);
    }

    /// The network that the stack is put into, once a component has chosen it.
    pub(crate) fn stack_network(&self) -> Option<StackNetwork> {
        lock(&self.stack_network).clone()
    }

    /// The VPC that the stack's subnets are in, as far as anybody knows without asking a person.
    pub(crate) async fn stack_vpc(&self) -> Option<String> {
        match self.stack_network() {
            Some(network) => Some(network.vpc_id),
            None => self.evident_vpc_id().await.ok().flatten(),
        }
    }
}

/// The network that a stack is put into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StackNetwork {
    /// `vpc-...`
    pub(crate) vpc_id: String,
    /// whether it has subnets of its own for what is internal
    pub(crate) has_internal_subnets: bool,
}

/// A poisoned lock only says that another thread panicked; these values are replaced as a whole and stay usable.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod answers;
