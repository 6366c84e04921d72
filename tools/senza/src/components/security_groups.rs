//! Security groups by name, id or reference.

use serde_json::Value as Json;
use stups_yaml::Value;

use super::properties::Properties;
use super::reference;
use crate::Error;
use crate::account::Account;

/// The ids of the groups in the property `SecurityGroups`, in order: a list, or one group on its own. CloudFormation
/// functions stay as they are. Nothing when the property is absent.
pub(crate) async fn resolve(properties: &Properties<'_>, account: &Account) -> Result<Option<Json>, Error> {
    let Some(groups) = properties.items("SecurityGroups") else {
        return Ok(None);
    };
    // One question for all of them, in case nobody asked in advance.
    let names: Vec<String> = groups.iter().filter_map(name).map(str::to_owned).collect();
    account.load_security_groups(&names).await?;
    let mut ids = Vec::with_capacity(groups.len());
    for (index, group) in groups.iter().enumerate() {
        let place = format!("SecurityGroups/{index}");
        let id = match group {
            Value::String(text) if text.is_empty() => {
                return Err(properties.error(&place, "must be a security group's name or id, not empty"));
            }
            Value::String(_) => match name(group) {
                Some(name) => Json::from(account.security_group_id(name).await?),
                None => group.to_json(),
            },
            Value::Map(_) => reference::resolve(group, &properties.path(&place), account).await?,
            other => return Err(properties.wrong(&place, other, "a security group's name or id, or a reference")),
        };
        ids.push(id);
    }
    Ok(Some(Json::Array(ids)))
}

/// The name by which this group must be looked up; nothing for ids and references.
pub(crate) fn name(group: &Value) -> Option<&str> {
    group
        .as_str()
        .filter(|text| !text.is_empty() && !text.starts_with("sg-"))
}
