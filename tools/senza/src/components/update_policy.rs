//! How an update of the stack replaces instances. Immutable stacks don't need it: it is there for those who ask.

use serde_json::{Map as JsonMap, Value as Json, json};
use stups_yaml::Value;

use super::properties::{Properties, integer};
use crate::Error;

/// What the property `UpdatePolicy` asks for: `rolling` replaces one instance after the other, each of which must report
/// success within `timeout`; a map goes to CloudFormation as it is.
pub(super) fn of(
    properties: &Properties<'_>,
    group: &JsonMap<String, Json>,
    timeout: &str,
) -> Result<Option<Json>, Error> {
    match properties.get("UpdatePolicy") {
        None => Ok(None),
        Some(map @ Value::Map(_)) => Ok(Some(map.to_json())),
        Some(Value::String(text)) if text == "rolling" => Ok(Some(rolling(group, timeout))),
        Some(other) => Err(properties.wrong("UpdatePolicy", other, "rolling, or a map as in CloudFormation")),
    }
}

/// One instance at a time, without ever having fewer than the group's minimum where its maximum leaves room.
fn rolling(group: &JsonMap<String, Json>, timeout: &str) -> Json {
    let size = |name: &str| group.get(name).map(Value::from).as_ref().and_then(integer);
    let in_service = match (size("MinSize"), size("MaxSize")) {
        // CloudFormation wants the number in service to be below the maximum.
        (Some(minimum), Some(maximum)) => minimum.min(maximum - 1).max(0),
        _ => 0,
    };
    json!({
        "AutoScalingRollingUpdate": {
            "MaxBatchSize": 1,
            "MinInstancesInService": in_service,
            "PauseTime": timeout,
            "WaitOnResourceSignals": true,
            "SuspendProcesses": [
                "HealthCheck", "ReplaceUnhealthy", "AZRebalance", "AlarmNotification", "ScheduledActions",
            ],
        },
    })
}
