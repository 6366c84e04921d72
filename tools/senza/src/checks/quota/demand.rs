//! How many instances of which types a template starts, and how many its groups may grow to.

use serde_json::{Map as JsonMap, Value as Json};

use super::virtual_cpus::is_standard;
use crate::template::StackRequest;

/// How instances are bought: each way has a limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purchase {
    OnDemand,
    Spot,
}

impl Purchase {
    fn spot_if(is_spot: bool) -> Self {
        if is_spot { Self::Spot } else { Self::OnDemand }
    }
}

/// Instances that are bought in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Demand {
    pub(super) purchase: Purchase,
    /// one of these, whichever there is
    pub(super) types: Vec<String>,
    /// how many the stack begins with
    pub(super) at_start: i64,
    /// how many there may be
    pub(super) at_maximum: i64,
}

/// Those of a request's template, as far as it says them: what functions make of values is not known, and groups of Spot by NetApp are
/// not EC2's.
pub(super) fn of_request(request: &StackRequest) -> Vec<Demand> {
    let template = Template { request };
    let resources = request.template.get("Resources").and_then(Json::as_object);
    let mut demands: Vec<Demand> = resources
        .into_iter()
        .flat_map(JsonMap::values)
        .filter_map(|resource| {
            let properties = resource.get("Properties")?;
            match resource.get("Type")?.as_str()? {
                "AWS::EC2::Instance" => template.instance(properties),
                "AWS::AutoScaling::AutoScalingGroup" => template.group(properties),
                _ => None,
            }
        })
        .flatten()
        .collect();
    demands.retain(|demand| demand.at_maximum > 0);
    demands
}

struct Template<'a> {
    request: &'a StackRequest,
}

impl Template<'_> {
    fn instance(&self, properties: &Json) -> Option<Vec<Demand>> {
        let types = vec![self.standard_type(properties)?];
        Some(vec![Demand {
            purchase: Purchase::OnDemand,
            types,
            at_start: 1,
            at_maximum: 1,
        }])
    }

    fn group(&self, properties: &Json) -> Option<Vec<Demand>> {
        let number = |name: &str| properties.get(name).and_then(|value| self.number(value));
        let at_maximum = number("MaxSize")?;
        let at_start = number("DesiredCapacity").or_else(|| number("MinSize")).unwrap_or(0);
        if let Some(policy) = properties.get("MixedInstancesPolicy") {
            return self.mixed(policy, at_start, at_maximum);
        }
        let (instance_type, purchase) = if let Some(name) = properties.get("LaunchConfigurationName") {
            let configuration = self.referred(name)?;
            let is_spot = configuration.get("SpotPrice").is_some_and(|price| !price.is_null());
            (self.standard_type(configuration)?, Purchase::spot_if(is_spot))
        } else {
            let data = self.launch_template(properties.get("LaunchTemplate")?)?;
            let market = data.pointer("/InstanceMarketOptions/MarketType");
            let is_spot = market.and_then(Json::as_str) == Some("spot");
            (self.standard_type(data)?, Purchase::spot_if(is_spot))
        };
        Some(vec![Demand {
            purchase,
            types: vec![instance_type],
            at_start,
            at_maximum,
        }])
    }

    /// A group with a policy: so many on demand at first, of the rest so many in a hundred.
    fn mixed(&self, policy: &Json, at_start: i64, at_maximum: i64) -> Option<Vec<Demand>> {
        let data = self.launch_template(policy.pointer("/LaunchTemplate/LaunchTemplateSpecification")?)?;
        let overrides = policy.pointer("/LaunchTemplate/Overrides").and_then(Json::as_array);
        let overrides = overrides.map(Vec::as_slice).unwrap_or_default();
        // Sizes are weights then, not instances.
        if overrides.iter().any(|it| it.get("WeightedCapacity").is_some()) {
            return None;
        }
        let types = if overrides.is_empty() {
            vec![self.standard_type(data)?]
        } else {
            overrides
                .iter()
                .map(|it| self.standard_type(it))
                .collect::<Option<_>>()?
        };
        let number = |name: &str, usual: i64| {
            let value = policy.get("InstancesDistribution").and_then(|it| it.get(name));
            value.map_or(Some(usual), |value| self.number(value))
        };
        let base = number("OnDemandBaseCapacity", 0)?;
        let percentage = number("OnDemandPercentageAboveBaseCapacity", 100)?;
        let on_demand = |all: i64| {
            let base = base.clamp(0, all);
            base + ((all - base) * percentage.clamp(0, 100) + 99) / 100
        };
        let demand = |purchase, count: &dyn Fn(i64) -> i64| Demand {
            purchase,
            types: types.clone(),
            at_start: count(at_start),
            at_maximum: count(at_maximum),
        };
        Some(vec![
            demand(Purchase::OnDemand, &on_demand),
            demand(Purchase::Spot, &|all| all - on_demand(all)),
        ])
    }

    fn launch_template(&self, specification: &Json) -> Option<&Json> {
        self.referred(specification.get("LaunchTemplateId")?)?
            .get("LaunchTemplateData")
    }

    /// The properties of the resource that a `Ref` names.
    fn referred(&self, value: &Json) -> Option<&Json> {
        let id = value.get("Ref")?.as_str()?;
        self.request.template.get("Resources")?.get(id)?.get("Properties")
    }

    fn standard_type(&self, properties: &Json) -> Option<String> {
        let value = self.value(properties.get("InstanceType")?)?;
        let name = value.as_str()?;
        is_standard(name).then(|| name.to_owned())
    }

    fn number(&self, value: &Json) -> Option<i64> {
        let value = self.value(value)?;
        let number = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
        // No group is larger, and what is added up must not overflow.
        number.map(|number| number.clamp(0, 1_000_000))
    }

    /// What is written, or what the parameter has that is referred to.
    fn value(&self, value: &Json) -> Option<Json> {
        let Json::Object(function) = value else {
            return Some(value.clone());
        };
        let name = function.get("Ref")?.as_str()?;
        let given = self.request.parameters.iter().find(|(given, _)| given == name);
        match given {
            Some((_, value)) => Some(Json::String(value.clone())),
            None => self
                .request
                .template
                .get("Parameters")?
                .get(name)?
                .get("Default")
                .cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Compatibility;
    use crate::template::StackOptions;

    fn demands(resources: &Json) -> Vec<(Purchase, Vec<String>, i64, i64)> {
        let template = json!({"Parameters": {"Size": {"Default": "3"}, "Type": {}}, "Resources": resources});
        let request = StackRequest {
            stack_name: "a-1".to_owned(),
            template: template.as_object().unwrap().clone(),
            parameters: vec![("Type".to_owned(), "m5.large".to_owned())],
            tags: Vec::new(),
            notification_arns: Vec::new(),
            capabilities: Vec::new(),
            compatibility: Compatibility::default(),
            secrets: Vec::new(),
            template_bucket: None,
            options: StackOptions::default(),
        };
        let demands = of_request(&request).into_iter();
        demands
            .map(|it| (it.purchase, it.types, it.at_start, it.at_maximum))
            .collect()
    }

    fn with_group(group: &Json) -> Json {
        json!({
            "Group": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": group},
            "Old": {"Type": "AWS::AutoScaling::LaunchConfiguration", "Properties": {"InstanceType": "t3.micro", "SpotPrice": "0.1"}},
            "New": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"InstanceType": {"Ref": "Type"}}}},
            "Graphics": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"InstanceType": "g5.xlarge"}}},
            "Spot": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData":
                {"InstanceType": "t3.micro", "InstanceMarketOptions": {"MarketType": "spot"}}}},
        })
    }

    #[test]
    fn groups_have_the_type_of_what_launches_them() {
        let name = |name: &str| vec![name.to_owned()];
        for (group, expected) in [
            (
                json!({"MinSize": 1, "MaxSize": "4", "LaunchConfigurationName": {"Ref": "Old"}}),
                vec![(Purchase::Spot, name("t3.micro"), 1, 4)],
            ),
            (
                json!({"MinSize": 1, "DesiredCapacity": 2, "MaxSize": {"Ref": "Size"}, "LaunchTemplate": {"LaunchTemplateId": {"Ref": "New"}}}),
                vec![(Purchase::OnDemand, name("m5.large"), 2, 3)],
            ),
            (
                json!({"MaxSize": 5, "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Spot"}}}),
                vec![(Purchase::Spot, name("t3.micro"), 0, 5)],
            ),
            // A family with a limit of its own, and what can't be known.
            (
                json!({"MaxSize": 5, "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Graphics"}}}),
                vec![],
            ),
            (
                json!({"MaxSize": 5, "LaunchTemplate": {"LaunchTemplateId": "lt-1"}}),
                vec![],
            ),
            (
                json!({"MaxSize": {"Fn::If": []}, "LaunchConfigurationName": {"Ref": "Old"}}),
                vec![],
            ),
            (json!({"MaxSize": 0, "LaunchConfigurationName": {"Ref": "Old"}}), vec![]),
        ] {
            assert_eq!(demands(&with_group(&group)), expected, "{group}");
        }
    }

    #[test]
    fn a_policy_divides_a_group() {
        let group = |distribution: Json, overrides: Json| {
            json!({"MinSize": 4, "MaxSize": 11, "MixedInstancesPolicy": {"InstancesDistribution": distribution,
                "LaunchTemplate": {"Overrides": overrides, "LaunchTemplateSpecification": {"LaunchTemplateId": {"Ref": "New"}}}}})
        };
        let types = json!([{"InstanceType": "m5.large"}, {"InstanceType": "m5a.large"}]);
        let both = vec!["m5.large".to_owned(), "m5a.large".to_owned()];
        // One, and a quarter of three or ten, rounded up as EC2 does.
        assert_eq!(
            demands(&with_group(&group(
                json!({"OnDemandBaseCapacity": 1, "OnDemandPercentageAboveBaseCapacity": 25}),
                types.clone()
            ))),
            [
                (Purchase::OnDemand, both.clone(), 2, 4),
                (Purchase::Spot, both.clone(), 2, 7)
            ]
        );
        assert_eq!(
            demands(&with_group(&group(json!({}), types))),
            [(Purchase::OnDemand, both, 4, 11)]
        );
        assert_eq!(
            demands(&with_group(&group(json!({}), json!([])))),
            [(Purchase::OnDemand, vec!["m5.large".to_owned()], 4, 11)]
        );
        let weighted = json!([{"InstanceType": "m5.large", "WeightedCapacity": "2"}]);
        assert_eq!(demands(&with_group(&group(json!({}), weighted))), []);
    }

    #[test]
    fn an_instance_of_its_own_counts() {
        let instance = json!({"Box": {"Type": "AWS::EC2::Instance", "Properties": {"InstanceType": "t3.micro"}}});
        assert_eq!(
            demands(&instance),
            [(Purchase::OnDemand, vec!["t3.micro".to_owned()], 1, 1)]
        );
    }
}
