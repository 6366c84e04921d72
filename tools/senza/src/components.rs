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
mod weighted_target_group;

use futures::future::BoxFuture;
use serde_json::{Map as JsonMap, Value as Json};
use stups_terminal::Terminal;
use stups_yaml::Map;

use crate::account::Account;
use crate::template::Arguments;
use crate::{Compatibility, Error};
use component_type::ComponentType;

/// One entry of `SenzaComponents`.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    /// the entry's single key
    pub(crate) name: String,
    /// `Type` as written
    // `type` is a keyword, and it is the component's.
    #[allow(clippy::struct_field_names)]
    pub(crate) component_type: String,
    /// everything else
    pub(crate) properties: Map,
}

/// What a component works with while it edits the template.
#[derive(Debug)]
pub(crate) struct Generation<'a> {
    /// the CloudFormation template so far
    pub(crate) template: &'a mut JsonMap<String, Json>,
    /// the evaluated `SenzaInfo`
    pub(crate) info: &'a JsonMap<String, Json>,
    /// region, version and parameters
    pub(crate) arguments: &'a Arguments,
    /// the AWS account
    pub(crate) account: &'a Account,
    /// which generation of AWS resources to make
    pub(crate) compatibility: Compatibility,
    /// `--force`: skip the check that the Docker image exists
    pub(crate) force: bool,
    /// for warnings
    pub(crate) terminal: &'a Terminal,
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
pub(crate) async fn prefetch(components: &[Component], account: &Account) {
    look_ups::prefetch(components, account).await;
}

/// Lets `component` edit the template. An unknown type is a usage error that names the nearest known one.
pub(crate) async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    use ComponentType::{
        AutoScalingGroup, Configuration, ElasticLoadBalancer, StupsAutoConfiguration, SubnetAutoConfiguration,
        TaupageAutoScalingGroup, WeightedDnsElasticLoadBalancer, WeightedTargetGroup,
    };
    let applied: BoxFuture<'_, Result<(), Error>> = match ComponentType::of(component)? {
        Configuration => return configuration::apply(component, generation),
        SubnetAutoConfiguration => Box::pin(subnets::apply(component, generation)),
        StupsAutoConfiguration => Box::pin(subnets::apply_with_images(component, generation)),
        AutoScalingGroup => Box::pin(auto_scaling_group::apply(component, generation)),
        TaupageAutoScalingGroup => Box::pin(taupage::apply(component, generation)),
        ElasticLoadBalancer => Box::pin(elastic_load_balancer::apply(component, generation)),
        WeightedDnsElasticLoadBalancer => Box::pin(weighted_dns::apply(component, generation)),
        WeightedTargetGroup => Box::pin(weighted_target_group::apply(component, generation)),
    };
    applied.await
}

/// What can only be checked once all components are in `template`: that what one names of another is there.
pub(crate) fn check(components: &[Component], template: &JsonMap<String, Json>) -> Result<(), Error> {
    components
        .iter()
        .filter(|component| ComponentType::of(component).is_ok_and(ComponentType::is_group))
        .try_for_each(|component| auto_scaling_group::check_balancers(component, template))
}

#[cfg(test)]
mod tests;
