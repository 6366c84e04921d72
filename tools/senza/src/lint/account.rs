//! What a saved account knows of the names in a definition.

use stups_yaml::Value;

use super::Rule;
use super::document::{Document, Path, is_templated};
use crate::account::Snapshot;
use crate::components::{Reference, nearest};
use crate::route53::zones_of_name;

/// Checks security groups, domains and references to other stacks. What is templated can't be told.
pub(super) fn check(document: &mut Document<'_>, account: &Snapshot) {
    for component in document.components() {
        for (key, value) in component.body {
            let name = key.to_string();
            let path = component.path.key(&name);
            match (name.as_str(), value) {
                ("SecurityGroups", Value::List(groups)) => {
                    for (index, group) in groups.iter().enumerate() {
                        check_group(document, &path.index(index), group, account);
                    }
                }
                ("SecurityGroups", group) => check_group(document, &path, group, account),
                ("MainDomain" | "VersionDomain", domain) => check_domain(document, &path, domain, account),
                _ => {}
            }
            check_references(document, &path, value, account);
        }
    }
}

fn check_group(document: &mut Document<'_>, path: &Path, group: &Value, account: &Snapshot) {
    let Some(name) = group
        .as_str()
        .filter(|name| !name.starts_with("sg-") && !is_templated(group))
    else {
        return;
    };
    let known = &account.security_groups;
    if known.get(name).is_some_and(|groups| !groups.is_empty()) {
        return;
    }
    let existing = known.iter().filter(|(_, groups)| !groups.is_empty());
    let fix = nearest(name, existing.map(|(name, _)| name.as_str())).map(str::to_owned);
    document.at_value(
        Rule::Account,
        path,
        format!("the saved account has no security group \"{name}\""),
        fix,
    );
}

fn check_domain(document: &mut Document<'_>, path: &Path, domain: &Value, account: &Snapshot) {
    let (Some(name), Some(zones)) = (domain.as_str(), &account.hosted_zones) else {
        return;
    };
    if !is_templated(domain) && zones_of_name(zones, name, false).is_empty() {
        let message = format!("the saved account has no hosted zone for \"{name}\"");
        document.at_value(Rule::Account, path, message, None);
    }
}

/// References, however deep they stand.
fn check_references(document: &mut Document<'_>, path: &Path, value: &Value, account: &Snapshot) {
    if let Some(reference) = Reference::of(value) {
        if !is_templated(value) && !is_known(&reference, account) {
            let what = match &reference {
                Reference::Resource { stack, logical_id } => format!("resource {logical_id} of stack \"{stack}\""),
                Reference::Output { stack, output } => format!("output {output} of stack \"{stack}\""),
            };
            document.at_value(Rule::Account, path, format!("the saved account has no {what}"), None);
        }
        return;
    }
    match value {
        Value::Map(map) => {
            for (key, value) in map {
                check_references(document, &path.key(&key.to_string()), value, account);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                check_references(document, &path.index(index), item, account);
            }
        }
        _ => {}
    }
}

fn is_known(reference: &Reference, account: &Snapshot) -> bool {
    match reference {
        Reference::Resource { stack, logical_id } => {
            account.stack_resources.contains_key(&format!("{stack}/{logical_id}"))
        }
        Reference::Output { stack, output } => account
            .stack_outputs
            .get(stack)
            .is_some_and(|outputs| outputs.values.contains_key(output)),
    }
}
