//! What can be said of a component's rules without an account.

use stups_yaml::{Key, Map, Value};

use super::alarms::Metric;
use super::properties::Properties;
use super::{Component, scaling};
use crate::Error;

/// What is wrong in `AutoScaling` of the group `name`: the key and why, in words.
pub(crate) fn group_rules(name: &str, rules: &Map) -> Vec<(String, String)> {
    let component = Component {
        name: name.to_owned(),
        component_type: String::new(),
        properties: Map::from_iter([(Key::from("AutoScaling"), Value::Map(rules.clone()))]),
    };
    let Ok(Some(rules)) = Properties::of(&component).map("AutoScaling") else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    let mut note = |key: &str, error: Error| {
        let message = error.into_failure().message;
        let place = format!("{}: ", rules.path(key));
        problems.push((
            key.to_owned(),
            message.strip_prefix(&place).unwrap_or(&message).to_owned(),
        ));
    };
    if let Err(error) = scaling::success_requires(&rules) {
        note("SuccessRequires", error);
    }
    match Metric::of(&rules) {
        Err(error) => note("MetricType", error),
        Ok(Some(metric)) if !rules.has("Target") => {
            for key in ["ScaleUpThreshold", "ScaleDownThreshold"] {
                if let Some(Err(reason)) = rules.get(key).map(|written| metric.threshold(written)) {
                    note(key, rules.error(key, &reason));
                }
            }
        }
        Ok(_) => {}
    }
    problems
}
