//! Senza's component types: each edits the template that is being built.

mod alarms;
mod auto_scaling_group;
mod certificate;
mod component_type;
mod configuration;
mod docker_image;
mod domains;
mod elastic_load_balancer;
mod launch_template;
mod look_ups;
mod properties;
mod reference;
mod registry;
mod resources;
mod scaling;
mod security_groups;
mod subnets;
mod taupage;
mod volumes;
mod weighted_dns;

use serde_json::{Map as JsonMap, Value as Json};
use stups_terminal::Terminal;
use stups_yaml::Map;

use crate::account::Account;
use crate::template::Arguments;
use crate::{Compatibility, Error};
use component_type::ComponentType;

/// One entry of `SenzaComponents`.
#[derive(Clone, Debug)]
pub struct Component {
    /// the entry's single key
    pub name: String,
    /// `Type` as written
    pub component_type: String,
    /// everything else
    pub properties: Map,
}

/// What a component works with while it edits the template.
#[derive(Debug)]
pub struct Generation<'a> {
    /// the CloudFormation template so far
    pub template: &'a mut JsonMap<String, Json>,
    /// the evaluated `SenzaInfo`
    pub info: &'a JsonMap<String, Json>,
    /// region, version and parameters
    pub arguments: &'a Arguments,
    /// the AWS account
    pub account: &'a Account,
    /// which generation of AWS resources to make
    pub compatibility: Compatibility,
    /// `--force`: skip the check that the Docker image exists
    pub force: bool,
    /// for warnings
    pub terminal: &'a Terminal,
}

impl Generation<'_> {
    /// Whether today's resources are made, not those of senza 2.1.
    fn is_current(&self) -> bool {
        self.compatibility == Compatibility::Senza3
    }

    /// `SenzaInfo.StackName`.
    fn stack_name(&self) -> Result<String, Error> {
        self.info_text("StackName")
    }

    /// `SenzaInfo.StackVersion`.
    fn stack_version(&self) -> Result<String, Error> {
        self.info_text("StackVersion")
    }

    /// `<StackName>-<StackVersion>`.
    fn stack_id(&self) -> Result<String, Error> {
        Ok(format!("{}-{}", self.stack_name()?, self.stack_version()?))
    }

    fn info_text(&self, name: &str) -> Result<String, Error> {
        match self.info.get(name) {
            Some(Json::String(text)) => Ok(text.clone()),
            Some(Json::Number(number)) => Ok(number.to_string()),
            Some(_) => Err(Error::Usage(format!("SenzaInfo/{name}: must be text"))),
            None => Err(Error::Usage(format!("SenzaInfo/{name}: is missing"))),
        }
    }

    /// The tags that other tools know a stack's resources by.
    fn stack_tags(&self) -> Result<[(&'static str, String); 3], Error> {
        Ok([
            ("Name", self.stack_id()?),
            ("StackName", self.stack_name()?),
            ("StackVersion", self.stack_version()?),
        ])
    }
}

/// Starts every look-up that `components` will need, all at the same time. Failures are left to the component that needs the
/// answer.
pub async fn prefetch(components: &[Component], account: &Account) {
    look_ups::prefetch(components, account).await;
}

/// Lets `component` edit the template. An unknown type is a usage error that names the nearest known one.
pub async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    match ComponentType::of(component)? {
        ComponentType::Configuration => configuration::apply(component, generation),
        ComponentType::SubnetAutoConfiguration => subnets::apply(component, generation).await,
        ComponentType::StupsAutoConfiguration => subnets::apply_with_images(component, generation).await,
        ComponentType::AutoScalingGroup => auto_scaling_group::apply(component, generation).await,
        ComponentType::TaupageAutoScalingGroup => taupage::apply(component, generation).await,
        ComponentType::ElasticLoadBalancer => elastic_load_balancer::apply(component, generation).await,
        ComponentType::WeightedDnsElasticLoadBalancer => weighted_dns::apply(component, generation).await,
    }
}

#[cfg(test)]
mod tests;
