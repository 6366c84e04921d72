//! Senza::IamRole: a role, with inline policies of others if wanted.

use serde_json::{Value as Json, json};
use stups_yaml::Value;

use super::properties::Properties;
use super::property_table::{Property, any, integer, list, text, texts};
use super::resources::{add, members};
use super::{Component, Generation, reference};
use crate::Error;

/// Every property of the component.
pub(super) const PROPERTIES: &[&[Property]] = &[
    &[
        any("AssumeRolePolicyDocument", "who may take the role").default("EC2 instances"),
        text("Path", "the role's path").default("/"),
        list("Policies", "inline policies, each with PolicyName and PolicyDocument"),
        texts(
            "MergePoliciesFromIamRoles",
            "names of roles whose inline policies are added",
        ),
    ],
    PASSED_ON,
];

/// Properties of AWS::IAM::Role that senza 2.1 ignores.
const PASSED_ON: &[Property] = &[
    text("Description", "as in CloudFormation").since_3(),
    list("ManagedPolicyArns", "managed policies").since_3(),
    integer("MaxSessionDuration", "seconds that a session may last").since_3(),
    text("PermissionsBoundary", "policy that no permission goes beyond").since_3(),
    text("RoleName", "a fixed name; only one stack can have it").since_3(),
    list("Tags", "tags, each with Key and Value").since_3(),
];

/// Applies the component.
pub(super) async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let properties = Properties::of(component);
    let value = async |name: &str| match properties.get(name) {
        Some(value) => reference::resolve(value, &properties.path(name), generation.account)
            .await
            .map(Some),
        None => Ok(None),
    };
    let mut policies = match value("Policies").await? {
        None => Vec::new(),
        Some(Json::Array(policies)) => policies,
        Some(other) => return Err(properties.wrong("Policies", &Value::from(&other), "a list of policies")),
    };
    for (index, role) in properties
        .items("MergePoliciesFromIamRoles")
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        let place = format!("MergePoliciesFromIamRoles/{index}");
        let Some(name) = role.as_str().filter(|name| !name.is_empty()) else {
            return Err(properties.wrong(&place, role, "the name of an IAM role"));
        };
        policies.extend(policies_of(name, &properties.path(&place), generation).await?);
    }
    let mut role = members(json!({
        "AssumeRolePolicyDocument": value("AssumeRolePolicyDocument").await?.unwrap_or_else(ec2_trust),
        "Path": value("Path").await?.unwrap_or_else(|| json!("/")),
        "Policies": policies,
    }));
    if generation.is_current() {
        reference::pass_on(&properties, PASSED_ON, &mut role, generation).await?;
    }
    add(generation.template, &component.name, "AWS::IAM::Role", role)
}

/// The inline policies of the role `name`, which is written at `path`: an error says both when there is no such role.
pub(super) async fn policies_of(name: &str, path: &str, generation: &Generation<'_>) -> Result<Vec<Json>, Error> {
    let policies = generation.account.inline_policies(name).await;
    policies.map_err(|error| match error {
        Error::Fatal(message) => Error::Fatal(format!("{path}: {message}")),
        other => other,
    })
}

/// The policy that lets EC2 instances take a role.
pub(super) fn ec2_trust() -> Json {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": ["ec2.amazonaws.com"]},
            "Action": ["sts:AssumeRole"],
        }],
    })
}
