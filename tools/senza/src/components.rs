//! Senza's component types: each edits the template that is being built.

mod alarms;
mod auto_scaling_group;
mod certificate;
mod component_type;
mod configuration;
mod coreos;
pub(crate) mod docker_image;
mod domains;
mod elastic_load_balancer;
mod elastic_load_balancer_v2;
mod elastigroup;
mod elastigroup_scaling;
mod event_targets;
mod group_properties;
mod iam_role;
mod image_parameters;
mod launch_template;
mod listeners;
mod look_ups;
mod plug_in;
mod properties;
mod property_table;
mod redis;
mod reference;
pub(crate) mod registry;
mod resources;
mod scaling;
mod security_groups;
mod senza_info;
mod static_checks;
mod subnets;
mod taupage;
mod update_policy;
mod volumes;
mod warm_pool;
mod weighted_dns;
mod weighted_target_group;

use futures::future::BoxFuture;
use serde_json::{Map as JsonMap, Value as Json};
use stups_terminal::Terminal;
use stups_yaml::Map;

use crate::account::Account;
use crate::template::Arguments;
use crate::{Compatibility, Error};
pub(crate) use component_type::ComponentType;
pub(crate) use plug_in::program_name as plug_in_name;
use properties::Properties;
pub(crate) use properties::{integer, is_function, scalar_text};
pub(crate) use property_table::{Kind, Property, nearest};
pub(crate) use reference::Reference;
pub(crate) use resources::members;
pub(crate) use senza_info::SENZA_INFO;
pub(crate) use static_checks::group_rules;
pub(crate) use taupage::{is_application_id, is_application_version};

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

/// Lets `component` edit the template. A type that neither Senza nor a plug-in knows is a usage error that names the nearest known
/// one.
pub(crate) async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    use ComponentType::{
        AutoScalingGroup, Configuration, CoreosAutoConfiguration, ElasticLoadBalancer, ElasticLoadBalancerV2,
        Elastigroup, IamRole, RedisCluster, RedisNode, StupsAutoConfiguration, SubnetAutoConfiguration,
        TaupageAutoScalingGroup, WeightedDnsElasticLoadBalancer, WeightedDnsElasticLoadBalancerV2, WeightedTargetGroup,
    };
    let component_type = ComponentType::find(&component.component_type);
    let (terminal, is_current) = (generation.terminal, generation.is_current());
    let tables = component_type.map(ComponentType::tables).unwrap_or_default();
    let resolved;
    let component = if is_current {
        if component_type.is_some() {
            Properties::of(component).warn_about_unknown(&tables, terminal);
        }
        resolved = Box::pin(reference::resolved(component, generation.account)).await?;
        &resolved
    } else {
        // senza 2.1 takes references in some places only.
        component
    };
    let Some(component_type) = component_type else {
        return Box::pin(plug_in::apply(component, generation)).await;
    };
    let applied: BoxFuture<'_, Result<(), Error>> = match component_type {
        Configuration => Box::pin(configuration::apply(component, generation)),
        SubnetAutoConfiguration => Box::pin(subnets::apply(component, generation)),
        StupsAutoConfiguration => Box::pin(subnets::apply_with_images(component, generation)),
        CoreosAutoConfiguration => Box::pin(coreos::apply(component, generation)),
        AutoScalingGroup => Box::pin(auto_scaling_group::apply(component, generation)),
        TaupageAutoScalingGroup => Box::pin(taupage::apply(component, generation)),
        Elastigroup => Box::pin(elastigroup::apply(component, generation)),
        ElasticLoadBalancer => Box::pin(elastic_load_balancer::apply(component, generation)),
        ElasticLoadBalancerV2 => Box::pin(elastic_load_balancer_v2::apply(component, generation)),
        WeightedDnsElasticLoadBalancer => Box::pin(weighted_dns::apply(component, generation)),
        WeightedDnsElasticLoadBalancerV2 => Box::pin(weighted_dns::apply_v2(component, generation)),
        IamRole => Box::pin(iam_role::apply(component, generation)),
        RedisNode => Box::pin(redis::apply_node(component, generation)),
        RedisCluster => Box::pin(redis::apply_cluster(component, generation)),
        WeightedTargetGroup => Box::pin(weighted_target_group::apply(component, generation)),
    };
    applied.await?;
    if is_current {
        Properties::of(component).warn_about_kinds(&tables, terminal);
    }
    Ok(())
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
