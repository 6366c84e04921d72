//! CloudWatch alarms that set off scaling policies.

use serde_json::{Value as Json, json};
use stups_yaml::Value;

use super::Generation;
use super::properties::{Properties, integer, scalar_text};
use super::resources::{add as add_resource, members};
use crate::Error;

/// What a group can be scaled by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    Cpu,
    NetworkIn,
    NetworkOut,
    /// requests of an application load balancer; only kept at a target
    RequestCount,
}

impl Metric {
    /// The metric that `MetricType` names, in any letter case.
    pub(crate) fn of(rules: &Properties<'_>) -> Result<Option<Self>, Error> {
        let Some(name) = rules.text("MetricType")? else {
            return Ok(None);
        };
        match name.to_ascii_lowercase().as_str() {
            "cpu" => Ok(Some(Self::Cpu)),
            "networkin" => Ok(Some(Self::NetworkIn)),
            "networkout" => Ok(Some(Self::NetworkOut)),
            "requestcount" if rules.has("Target") => Ok(Some(Self::RequestCount)),
            _ => Err(rules.error(
                "MetricType",
                &format!("Auto scaling MetricType \"{name}\" not supported, use CPU, NetworkIn or NetworkOut"),
            )),
        }
    }

    /// Auto Scaling's name for the metric's average over the group.
    pub(crate) fn predefined_type(self) -> &'static str {
        match self {
            Self::Cpu => "ASGAverageCPUUtilization",
            Self::NetworkIn => "ASGAverageNetworkIn",
            Self::NetworkOut => "ASGAverageNetworkOut",
            Self::RequestCount => "ALBRequestCountPerTarget",
        }
    }

    /// A threshold of this metric, as it may be written; an error in words.
    pub(crate) fn threshold(self, written: &Value) -> Result<Threshold, String> {
        match self {
            Self::Cpu => cpu_threshold(written),
            Self::NetworkIn | Self::NetworkOut => network_threshold(written),
            Self::RequestCount => Err("alarms for RequestCount are not there, give Target".to_owned()),
        }
    }

    /// CloudWatch's name for the metric of an instance.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPUUtilization",
            Self::NetworkIn => "NetworkIn",
            Self::NetworkOut => "NetworkOut",
            Self::RequestCount => "RequestCountPerTarget",
        }
    }
}

/// Adds an alarm for each threshold that is given.
pub(crate) fn add(
    group: &str,
    metric: Metric,
    rules: &Properties<'_>,
    generation: &mut Generation<'_>,
) -> Result<(), Error> {
    let period = rules.integer("Period")?.unwrap_or(300);
    let evaluations = rules.integer("EvaluationPeriods")?.unwrap_or(2);
    let statistic = rules.text("Statistic")?.unwrap_or_else(|| "Average".to_owned());
    let minutes = period as f64 / 60.0 * evaluations as f64;
    for (threshold_name, policy, comparison, words, level) in [
        (
            "ScaleUpThreshold",
            "ScaleUp",
            "GreaterThanThreshold",
            "Scale-up if",
            "High",
        ),
        (
            "ScaleDownThreshold",
            "ScaleDown",
            "LessThanThreshold",
            "Scale-down if",
            "Low",
        ),
    ] {
        let Some(written) = rules.get(threshold_name) else {
            continue;
        };
        let threshold = metric
            .threshold(written)
            .map_err(|message| rules.error(threshold_name, &message))?;
        let sign = if policy == "ScaleUp" { '>' } else { '<' };
        let mut alarm = members(json!({
            "MetricName": metric.name(),
            "Namespace": "AWS/EC2",
            "Period": period.to_string(),
            "EvaluationPeriods": evaluations.to_string(),
            "Statistic": statistic,
            "Threshold": threshold.value,
            "ComparisonOperator": comparison,
            "Dimensions": [{"Name": "AutoScalingGroupName", "Value": {"Ref": group}}],
            "AlarmActions": [{"Ref": format!("{group}{policy}")}],
        }));
        let (kind, condition) = match threshold.unit {
            None => ("CPU", format!("CPU {sign} {}%", threshold.text)),
            Some(unit) => {
                alarm.insert("Unit".to_owned(), json!(unit));
                ("Network", format!("{} {sign} {} {unit}", metric.name(), threshold.text))
            }
        };
        let description = format!("{words} {condition} for {minutes:?} minutes ({statistic})");
        alarm.insert("AlarmDescription".to_owned(), json!(description));
        let alarm_id = format!("{group}{kind}Alarm{level}");
        add_resource(generation.template, &alarm_id, "AWS::CloudWatch::Alarm", alarm)?;
    }
    Ok(())
}

/// A threshold for the template and for the description.
#[derive(Debug, PartialEq)]
pub(crate) struct Threshold {
    /// for the template
    pub(crate) value: Json,
    /// for the description
    pub(crate) text: String,
    /// none for percent
    pub(crate) unit: Option<&'static str>,
}

fn cpu_threshold(written: &Value) -> Result<Threshold, String> {
    let text = scalar_text(written).filter(|text| text.trim().parse::<f64>().is_ok());
    let text = text.ok_or_else(|| format!("must be a percentage, not {}", shown(written)))?;
    Ok(Threshold {
        value: written.to_json(),
        text,
        unit: None,
    })
}

const UNITS: [(&str, &str); 5] = [
    ("B", "Bytes"),
    ("KB", "Kilobytes"),
    ("MB", "Megabytes"),
    ("GB", "Gigabytes"),
    ("TB", "Terabytes"),
];

/// `20 GB` -> 20 Gigabytes; without a unit, bytes.
fn network_threshold(written: &Value) -> Result<Threshold, String> {
    let unknown = || {
        format!(
            "Unknown network threshold {}, use something like \"20 GB\"",
            shown(written)
        )
    };
    let of = |value: Json, text: String, unit| Threshold {
        value,
        text,
        unit: Some(unit),
    };
    match written {
        Value::Int(amount) => Ok(of(json!(amount.to_string()), amount.to_string(), "Bytes")),
        Value::Float(amount) => Ok(of(json!(amount), format!("{amount:?}"), "Bytes")),
        Value::String(text) if integer(written).is_some() => Ok(of(json!(text), text.clone(), "Bytes")),
        Value::String(text) => {
            let words: Vec<&str> = text.split_whitespace().collect();
            let [amount, unit] = words.as_slice() else {
                return Err(unknown());
            };
            amount.parse::<f64>().map_err(|_| unknown())?;
            let unit = UNITS
                .iter()
                .find(|(short, long)| short == unit || long == unit)
                .map(|(_, long)| *long)
                .ok_or_else(|| {
                    let allowed = UNITS.map(|(short, long)| format!("{short} or {long}")).join(", ");
                    format!("Network threshold unit must be one of {allowed}, not \"{unit}\"")
                })?;
            Ok(of(json!(amount), (*amount).to_owned(), unit))
        }
        _ => Err(unknown()),
    }
}

fn shown(value: &Value) -> String {
    scalar_text(value).map_or_else(|| value.kind().to_owned(), |text| format!("\"{text}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_thresholds() {
        for (written, amount, unit) in [
            (Value::Int(10), json!("10"), "Bytes"),
            (Value::from("10"), json!("10"), "Bytes"),
            (Value::from("10 B"), json!("10"), "Bytes"),
            (Value::from("10 KB"), json!("10"), "Kilobytes"),
            (Value::from("10 MB"), json!("10"), "Megabytes"),
            (Value::from("10 GB"), json!("10"), "Gigabytes"),
            (Value::from("5.7 TB"), json!("5.7"), "Terabytes"),
            (Value::from("10   Gigabytes"), json!("10"), "Gigabytes"),
            (Value::Float(5.5), json!(5.5), "Bytes"),
        ] {
            let threshold = network_threshold(&written).unwrap();
            assert_eq!((threshold.value, threshold.unit), (amount, Some(unit)), "{written:?}");
        }
        for written in ["5.7GB", "5 Donkeys", "5 gb", "5 GB GB", "", "x GB"] {
            assert!(network_threshold(&Value::from(written)).is_err(), "{written}");
        }
        assert!(network_threshold(&Value::List(Vec::new())).is_err());
    }

    #[test]
    fn cpu_thresholds_stay_as_given() {
        assert_eq!(cpu_threshold(&Value::Int(70)).unwrap().value, json!(70));
        assert_eq!(cpu_threshold(&Value::from("70")).unwrap().value, json!("70"));
        assert_eq!(cpu_threshold(&Value::Float(70.5)).unwrap().text, "70.5");
        assert!(cpu_threshold(&Value::from("high")).is_err());
        assert!(cpu_threshold(&Value::Map(stups_yaml::Map::new())).is_err());
    }
}
