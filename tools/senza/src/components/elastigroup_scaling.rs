//! Size of an Elastigroup, and what makes it grow and shrink, in the words of Spot's API.

use serde_json::{Map as JsonMap, Value as Json, json};
use stups_yaml::Value;

use super::Generation;
use super::alarms::Metric;
use super::properties::Properties;
use crate::Error;

/// Smallest, largest and first size; the last is kept between the others.
pub(super) fn capacity(properties: &Properties<'_>) -> Result<Json, Error> {
    let (mut target, mut minimum, mut maximum) = (1, 1, 1);
    if let Some(rules) = properties.map("AutoScaling")? {
        minimum = rules.integer("Minimum")?.unwrap_or(minimum);
        maximum = rules.integer("Maximum")?.unwrap_or(maximum);
        target = rules.integer("DesiredCapacity")?.unwrap_or(1).max(minimum).min(maximum);
        if minimum > maximum {
            let message = format!("the group's minimum size ({minimum}) is above its maximum size ({maximum})");
            return Err(properties.error("AutoScaling", &message));
        }
    }
    Ok(json!({"target": target, "minimum": minimum, "maximum": maximum}))
}

/// A rule for each threshold that is given.
pub(super) fn rules(properties: &Properties<'_>, generation: &Generation<'_>) -> Result<Json, Error> {
    let mut scaling = JsonMap::new();
    let Some(rules) = properties.map("AutoScaling")? else {
        return Ok(Json::Object(scaling));
    };
    if generation.is_current() && rules.has("Target") {
        let target = target_tracking(&rules)?;
        return Ok(json!({"target": [target]}));
    }
    let adjustment = rules.integer("ScalingAdjustment")?.unwrap_or(1);
    let cooldown = rules.json("Cooldown").unwrap_or(json!(60));
    for (direction, key, operator, sign) in [("Up", "up", "gte", ">="), ("Down", "down", "lt", "<")] {
        let threshold = format!("Scale{direction}Threshold");
        let Some(written) = rules.get(&threshold) else {
            continue;
        };
        let own_adjustment = rules.integer(&format!("Scale{direction}Adjustment"))?;
        let own_cooldown = rules.json(&format!("Scale{direction}Cooldown"));
        let change = Change {
            operator,
            sign,
            adjustment: own_adjustment.unwrap_or(adjustment),
            cooldown: own_cooldown.unwrap_or_else(|| cooldown.clone()),
        };
        let rule = rule(&rules, &threshold, written, &change)?;
        scaling.insert(key.to_owned(), json!([rule]));
    }
    Ok(Json::Object(scaling))
}

/// What happens beyond a threshold.
struct Change {
    operator: &'static str,
    sign: &'static str,
    adjustment: i64,
    cooldown: Json,
}

fn rule(rules: &Properties<'_>, name: &str, written: &Value, change: &Change) -> Result<Json, Error> {
    let metric = Metric::of(rules)?.unwrap_or(Metric::Cpu);
    let metric_name = rules.text("MetricType")?.unwrap_or_else(|| "CPU".to_owned());
    let threshold = metric
        .threshold(written)
        .map_err(|message| rules.error(name, &message))?;
    let unit = threshold.unit.unwrap_or("percent");
    let period = rules.integer("Period")?.unwrap_or(300);
    let evaluations = rules.integer("EvaluationPeriods")?.unwrap_or(2);
    let statistic = statistic(rules)?;
    let minutes = period as f64 / 60.0 * evaluations as f64;
    let policy = format!(
        "Scale if {metric_name} {} {} {unit} for {minutes:?} minutes ({statistic})",
        change.sign, threshold.text
    );
    Ok(json!({
        "policyName": policy,
        "metricName": metric.name(),
        "statistic": statistic,
        "unit": unit,
        "threshold": threshold.value,
        "namespace": "AWS/EC2",
        "dimensions": [{"name": "InstanceId"}],
        "period": period,
        "evaluationPeriods": evaluations,
        "cooldown": change.cooldown,
        "action": {"type": "adjustment", "adjustment": change.adjustment},
        "operator": change.operator,
    }))
}

/// Spot writes statistics with a small letter: `sampleCount`.
fn statistic(rules: &Properties<'_>) -> Result<String, Error> {
    let given = rules.filled_text("Statistic")?.unwrap_or_else(|| "average".to_owned());
    let mut characters = given.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    Ok(first.into_iter().chain(characters).collect())
}

/// A rule that keeps the metric at `Target`.
fn target_tracking(rules: &Properties<'_>) -> Result<Json, Error> {
    let metric = match Metric::of(rules)? {
        None => Metric::Cpu,
        Some(Metric::RequestCount) => {
            return Err(rules.error("MetricType", "RequestCount is not supported for Elastigroups"));
        }
        Some(metric) => metric,
    };
    let target = rules.required("Target", "the value to keep the metric at")?;
    let target = match target {
        Value::Int(_) | Value::Float(_) => Some(target.to_json()),
        Value::String(text) => text.trim().parse::<f64>().ok().map(Json::from),
        _ => None,
    };
    let target = target.ok_or_else(|| rules.error("Target", "must be a number"))?;
    Ok(json!({
        "policyName": format!("Keep {} at {target}", metric.name()),
        "metricName": metric.name(),
        "statistic": statistic(rules)?,
        "unit": if metric == Metric::Cpu { "percent" } else { "bytes" },
        "target": target,
        "namespace": "AWS/EC2",
        "cooldown": rules.integer("Cooldown")?.unwrap_or(60),
    }))
}
