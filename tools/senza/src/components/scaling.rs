//! Size of a group, and the policies that change it.

use serde_json::{Map as JsonMap, Value as Json, json};
use stups_yaml::Value;

use super::alarms;
use super::properties::{Properties, integer, is_function};
use super::resources::{add, members, section};
use super::{Generation, alarms::Metric};
use crate::Error;

/// Signals and time to wait for, unless `SuccessRequires` says otherwise.
pub(crate) const DEFAULT_SUCCESS: [&str; 2] = ["1", "PT15M"];

/// Sets `MinSize`, `MaxSize` and `DesiredCapacity` of the group.
pub(crate) fn size(rules: &Properties<'_>, group: &mut JsonMap<String, Json>) -> Result<(), Error> {
    let minimum = rules.required("Minimum", "the group's smallest size")?;
    let maximum = rules.required("Maximum", "the group's largest size")?;
    if !is_function(maximum) {
        rules.integer("Maximum")?;
    }
    let desired = if is_function(minimum) {
        rules.json("DesiredCapacity").unwrap_or_else(|| minimum.to_json())
    } else {
        let least = rules.integer("Minimum")?.unwrap_or_default();
        json!(least.max(rules.integer("DesiredCapacity")?.unwrap_or(1)))
    };
    group.insert("MaxSize".to_owned(), maximum.to_json());
    group.insert("MinSize".to_owned(), minimum.to_json());
    group.insert("DesiredCapacity".to_owned(), desired);
    Ok(())
}

/// Adds the scaling policies of `group` and the alarms that set them off.
pub(crate) fn add_policies(
    group: &Properties<'_>,
    name: &str,
    rules: &Properties<'_>,
    generation: &mut Generation<'_>,
) -> Result<(), Error> {
    let metric = Metric::of(rules)?;
    if generation.is_current() && rules.has("Target") {
        return add_target_tracking(group, name, rules, metric, generation);
    }
    let adjustment = rules.integer("ScalingAdjustment")?.unwrap_or(1);
    let cooldown = rules.text("Cooldown")?.unwrap_or_else(|| "60".to_owned());
    for (direction, sign) in [("ScaleUp", 1), ("ScaleDown", -1)] {
        let own_adjustment = rules.integer(&format!("{direction}Adjustment"))?.unwrap_or(adjustment);
        let own_cooldown = rules.text(&format!("{direction}Cooldown"))?;
        add_simple_policy(
            name,
            direction,
            own_adjustment.saturating_mul(sign),
            own_cooldown.as_deref().unwrap_or(&cooldown),
            generation,
        )?;
    }
    match metric {
        Some(metric) => alarms::add(name, metric, rules, generation),
        None => Ok(()),
    }
}

/// Adds a policy that changes the group by `adjustment` instances, unless the definition has one of its own.
fn add_simple_policy(
    group: &str,
    direction: &str,
    adjustment: i64,
    cooldown: &str,
    generation: &mut Generation<'_>,
) -> Result<(), Error> {
    let policy_id = format!("{group}{direction}");
    if let Some(own) = section(generation.template, &["Resources"])?.get(&policy_id) {
        let referenced = own.pointer("/Properties/AutoScalingGroupName/Ref");
        if referenced.and_then(Json::as_str) == Some(group) {
            return Ok(());
        }
        return Err(Error::Usage(format!(
            "Resources/{policy_id}: Specified ScalingPolicy {policy_id} does not reference the autoscaling group {group}"
        )));
    }
    let policy = members(json!({
        "AdjustmentType": "ChangeInCapacity",
        "ScalingAdjustment": adjustment.to_string(),
        "Cooldown": cooldown,
        "AutoScalingGroupName": {"Ref": group},
    }));
    add(
        generation.template,
        &policy_id,
        "AWS::AutoScaling::ScalingPolicy",
        policy,
    )
}

/// Adds one policy that keeps the metric at `Target`, which needs neither thresholds nor alarms.
fn add_target_tracking(
    group: &Properties<'_>,
    name: &str,
    rules: &Properties<'_>,
    metric: Option<Metric>,
    generation: &mut Generation<'_>,
) -> Result<(), Error> {
    let metric = metric.ok_or_else(|| {
        rules.error(
            "MetricType",
            "is missing, give CPU, NetworkIn, NetworkOut or RequestCount",
        )
    })?;
    let target = rules.required("Target", "the value to keep the metric at")?;
    let value = match target {
        Value::Int(_) | Value::Float(_) => Some(target.to_json()),
        Value::String(text) => text.trim().parse::<f64>().ok().map(Json::from),
        _ => None,
    };
    let value = value.ok_or_else(|| rules.wrong("Target", target, "a number"))?;
    let mut specification = members(json!({"PredefinedMetricType": metric.predefined_type()}));
    if metric == Metric::RequestCount {
        specification.insert("ResourceLabel".to_owned(), request_label(group)?);
    }
    let policy = members(json!({
        "AutoScalingGroupName": {"Ref": name},
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingConfiguration": {
            "PredefinedMetricSpecification": specification,
            "TargetValue": value,
        },
    }));
    let policy_id = format!("{name}TargetTracking");
    add(
        generation.template,
        &policy_id,
        "AWS::AutoScaling::ScalingPolicy",
        policy,
    )
}

/// Whose requests count: those that the group's first load balancer of the second generation sends to it.
fn request_label(group: &Properties<'_>) -> Result<Json, Error> {
    let property = "ElasticLoadBalancerV2";
    let balancers = group.items(property).unwrap_or_default();
    let Some(balancer) = balancers.first().and_then(Value::as_str) else {
        return Err(group.error(
            property,
            "is missing: MetricType RequestCount needs an application load balancer",
        ));
    };
    Ok(json!({"Fn::Join": ["/", [
        {"Fn::GetAtt": [balancer, "LoadBalancerFullName"]},
        {"Fn::GetAtt": [format!("{balancer}TargetGroup"), "TargetGroupFullName"]},
    ]]}))
}

/// How many success signals a new stack waits for, and how long: count and ISO 8601 duration.
pub(crate) fn success_requires(rules: &Properties<'_>) -> Result<(String, String), Error> {
    let [count, timeout] = DEFAULT_SUCCESS.map(str::to_owned);
    let Some(written) = rules.get("SuccessRequires") else {
        return Ok((count, timeout));
    };
    let parsed = match written {
        Value::Int(count) => Some((count.to_string(), timeout)),
        Value::String(text) if integer(written).is_some() => Some((text.trim().to_owned(), timeout)),
        Value::String(text) => text.split_once("within").and_then(|(count, time)| {
            let count: i64 = count.trim().parse().ok()?;
            Some((count.to_string(), iso_8601_duration(time.trim())?))
        }),
        _ => None,
    };
    parsed.ok_or_else(|| {
        let written = written.as_str().unwrap_or(written.kind());
        let message = format!("Unknown ASG success requirement \"{written}\", use something like \"1 within 10m\"");
        rules.error("SuccessRequires", &message)
    })
}

/// `4h0m5s` -> `PT4H0M5S`: hours, minutes and seconds in this order, at least one of them.
fn iso_8601_duration(text: &str) -> Option<String> {
    let mut rest = text;
    for unit in ['h', 'm', 's'] {
        let digits = rest.chars().take_while(char::is_ascii_digit).count();
        let after = rest.get(digits..)?;
        let is_unit = after
            .chars()
            .next()
            .is_some_and(|next| next.eq_ignore_ascii_case(&unit));
        if digits > 0 && is_unit {
            rest = after.get(1..)?;
        }
    }
    (rest.is_empty() && !text.is_empty()).then(|| format!("PT{}", text.to_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::Component;

    fn success(written: Option<Value>) -> Result<(String, String), String> {
        let mut map = stups_yaml::Map::new();
        map.extend(written.map(|written| ("SuccessRequires".into(), written)));
        let component = Component {
            name: "App/AutoScaling".to_owned(),
            component_type: String::new(),
            properties: map,
        };
        success_requires(&Properties::of(&component)).map_err(|error| error.to_string())
    }

    #[test]
    fn success_requirements() {
        for (written, count, timeout) in [
            (None, "1", "PT15M"),
            (Some(Value::Null), "1", "PT15M"),
            (Some(Value::Int(0)), "0", "PT15M"),
            (Some(Value::Int(10)), "10", "PT15M"),
            (Some(Value::from("10")), "10", "PT15M"),
            (Some(Value::from("4 within 30m")), "4", "PT30M"),
            (Some(Value::from("1 within 4h0m5s")), "1", "PT4H0M5S"),
            (Some(Value::from("2within5m")), "2", "PT5M"),
            (Some(Value::from("2 within 5M")), "2", "PT5M"),
            (Some(Value::from("-1 within 5s")), "-1", "PT5S"),
        ] {
            assert_eq!(
                success(written.clone()),
                Ok((count.to_owned(), timeout.to_owned())),
                "{written:?}"
            );
        }
    }

    #[test]
    fn other_success_requirements_are_errors() {
        for written in [
            "1 in 5m",
            "1 within 5y",
            "1 within 5s4h",
            "1 within ",
            "",
            "x within 5m",
            "1 within 5m within 5m",
            "1 within 5é",
            "1 within m",
        ] {
            assert_eq!(
                success(Some(Value::from(written))),
                Err(format!(
                    "SenzaComponents/App/AutoScaling/SuccessRequires: Unknown ASG success requirement \"{written}\", \
                     use something like \"1 within 10m\""
                ))
            );
        }
        assert!(success(Some(Value::List(Vec::new()))).is_err());
        assert!(success(Some(Value::Bool(true))).is_err());
    }
}
