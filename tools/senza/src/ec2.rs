//! Instances and images as EC2 describes them.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use stups_aws::Session;
use stups_aws::ec2::types::{Filter, Image, Instance, InstanceAttributeName, Tag, TagDescription};
use stups_yaml::Value;

use crate::Error;

/// EC2 takes this many values in one filter.
const VALUES_IN_A_FILTER: usize = 200;

/// EC2 tells the states of so many instances at once.
const STATES_IN_A_PAGE: i32 = 1000;

/// The value of the tag `key`.
pub(crate) fn tag<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|tag| tag.key() == Some(key))?.value()
}

/// All instances (all pages) that pass all `filters`.
pub(crate) async fn all_instances(session: &Session, filters: Vec<Filter>) -> Result<Vec<Instance>, Error> {
    let mut pages = session
        .ec2()
        .describe_instances()
        .set_filters((!filters.is_empty()).then_some(filters))
        .into_paginator()
        .send();
    let mut instances = Vec::new();
    while let Some(page) = pages.next().await {
        let reservations = page?.reservations.unwrap_or_default();
        instances.extend(
            reservations
                .into_iter()
                .flat_map(|reservation| reservation.instances.unwrap_or_default()),
        );
    }
    Ok(instances)
}

/// All instances whose `filter` is one of `values`; none when there are no values.
pub(crate) async fn instances_with(session: &Session, filter: &str, values: &[String]) -> Result<Vec<Instance>, Error> {
    let calls = filters(filter, values).map(|filter| all_instances(session, vec![filter]));
    Ok(futures::future::try_join_all(calls)
        .await?
        .into_iter()
        .flatten()
        .collect())
}

/// An instance, as far as it is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedInstance {
    /// Its tag `Name`: Senza's groups give it their stack's name.
    pub(crate) name: String,
    pub(crate) is_running: bool,
}

/// All instances with one of these names. EC2 is asked for names and states alone: whole descriptions are ten times as long.
pub(crate) async fn instances_named(session: &Session, names: &[String]) -> Result<Vec<NamedInstance>, Error> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let tags = futures::future::try_join_all(filters("value", names).map(|names| instance_names(session, names)));
    let (tags, running) = futures::future::try_join(tags, running_instances(session)).await?;
    let named = tags.into_iter().flatten().filter_map(|tag| {
        Some(NamedInstance {
            is_running: running.contains(tag.resource_id()?),
            name: tag.value?,
        })
    });
    Ok(named.collect())
}

async fn instance_names(session: &Session, names: Filter) -> Result<Vec<TagDescription>, Error> {
    let only = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let mut pages = session
        .ec2()
        .describe_tags()
        .filters(only("resource-type", "instance"))
        .filters(only("key", "Name"))
        .filters(names)
        .into_paginator()
        .send();
    let mut tags = Vec::new();
    while let Some(page) = pages.next().await {
        tags.extend(page?.tags.unwrap_or_default());
    }
    Ok(tags)
}

/// The ids of all running instances. By their ids it would fail when one of them is gone meanwhile.
async fn running_instances(session: &Session) -> Result<HashSet<String>, Error> {
    let mut pages = session
        .ec2()
        .describe_instance_status()
        .max_results(STATES_IN_A_PAGE)
        .into_paginator()
        .send();
    let mut running = HashSet::new();
    while let Some(page) = pages.next().await {
        let states = page?.instance_statuses.unwrap_or_default();
        running.extend(states.into_iter().filter_map(|state| state.instance_id));
    }
    Ok(running)
}

/// All images whose `filter` is one of `values` and that pass `also`; none when there are no values. Images that do not exist
/// any more are left out.
pub(crate) async fn images_with(
    session: &Session,
    filter: &str,
    values: &[String],
    also: Option<Filter>,
) -> Result<Vec<Image>, Error> {
    let calls = filters(filter, values).map(|filter| {
        let filters = [Some(filter), also.clone()].into_iter().flatten().collect();
        session.ec2().describe_images().set_filters(Some(filters)).send()
    });
    let answers = futures::future::try_join_all(calls).await?;
    Ok(answers
        .into_iter()
        .flat_map(|answer| answer.images.unwrap_or_default())
        .collect())
}

fn filters<'a>(name: &'a str, values: &'a [String]) -> impl Iterator<Item = Filter> + 'a {
    values
        .chunks(VALUES_IN_A_FILTER)
        .map(move |values| Filter::builder().name(name).set_values(Some(values.to_vec())).build())
}

/// What Taupage was told by the user data of the instance; nothing where there is none, or something else.
pub(crate) async fn taupage_configuration(session: &Session, instance_id: &str) -> Result<Option<Value>, Error> {
    let answer = session
        .ec2()
        .describe_instance_attribute()
        .instance_id(instance_id)
        .attribute(InstanceAttributeName::UserData)
        .send()
        .await?;
    Ok(answer.user_data().and_then(|data| data.value()).and_then(configuration))
}

/// The map in user data as AWS returns it, in base64.
fn configuration(user_data: &str) -> Option<Value> {
    let text = String::from_utf8(STANDARD.decode(user_data).ok()?).ok()?;
    stups_yaml::load(&text)
        .ok()
        .filter(|value| matches!(value, Value::Map(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_data_is_a_map_or_nothing() {
        let encode = |text: &str| STANDARD.encode(text);
        let table = [
            (encode("#taupage-ami-config\nsource: 'a:0.1'\n"), Some("a:0.1")),
            (encode("#!/bin/sh\necho hello\n"), None),
            (encode("source: [\n"), None),
            ("not base64!".to_owned(), None),
        ];
        for (user_data, expected) in table {
            let found = configuration(&user_data);
            let source = found.as_ref().map(|map| map.get("source").and_then(Value::as_str));
            assert_eq!(source, expected.map(Some), "{user_data}");
        }
    }
}
