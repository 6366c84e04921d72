//! Senza::ElasticLoadBalancer: a classic load balancer with its records.

use serde_json::{Value as Json, json};
use stups_yaml::Value;

use super::certificate::{self, Host};
use super::domains::{self, Domain};
use super::properties::{Properties, is_function};
use super::resources::{add, find_in_map, members};
use super::{Component, Generation, reference, security_groups};
use crate::Error;
use crate::load_balancer_name::load_balancer_name;

/// Properties that Senza evaluates; every other one goes to CloudFormation as it is.
const EVALUATED: [&str; 8] = [
    "Domains",
    "HealthCheckPath",
    "HealthCheckPort",
    "HealthCheckProtocol",
    "HTTPPort",
    "SecurityGroups",
    "SSLCertificateId",
    "NameSuffix",
];

/// Properties of AWS::ElasticLoadBalancing::LoadBalancer.
const PASSED_ON: [&str; 15] = [
    "AccessLoggingPolicy",
    "AppCookieStickinessPolicy",
    "AvailabilityZones",
    "ConnectionDrainingPolicy",
    "ConnectionSettings",
    "CrossZone",
    "HealthCheck",
    "Instances",
    "LBCookieStickinessPolicy",
    "Listeners",
    "LoadBalancerName",
    "Policies",
    "Scheme",
    "Subnets",
    "Tags",
];

const PROTOCOLS: [&str; 5] = ["HTTP", "HTTPS", "TCP", "UDP", "SSL"];

/// Applies the component.
pub(crate) async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let domains = domains::given(&Properties::of(component), generation.is_current())?;
    build(component, &domains, &[], generation).await
}

/// Adds the load balancer with records for `domains`. The properties in `consumed` have served their purpose.
pub(crate) async fn build(
    component: &Component,
    domains: &[Domain],
    consumed: &[&str],
    generation: &mut Generation<'_>,
) -> Result<(), Error> {
    let properties = Properties::of(component);
    if generation.is_current() {
        let known: Vec<&str> = EVALUATED.iter().chain(&PASSED_ON).chain(consumed).copied().collect();
        properties.warn_about_unknown(&known, generation.terminal);
    }
    domains::add_records(domains, &component.name, "CanonicalHostedZoneNameID", generation)?;
    let host = domains
        .iter()
        .rev()
        .find(|domain| domain.is_weighted)
        .map(|domain| Host {
            zone: domain.zone.clone(),
            name: domain.full_name(),
        });
    let listeners = listeners(&properties, host.as_ref(), generation).await?;
    let target = health_check_target(&properties)?;
    let scheme = scheme(&properties, generation)?;
    let subnets = if scheme == "internal" {
        "LoadBalancerInternalSubnets"
    } else {
        "LoadBalancerSubnets"
    };
    let groups = security_groups::resolve(&properties, generation.account)
        .await?
        .ok_or_else(|| properties.error("SecurityGroups", "is missing, give a list of security groups"))?;
    let tags = generation
        .stack_tags()?
        .map(|(key, value)| json!({"Key": key, "Value": value}));
    let mut balancer = members(json!({
        "Scheme": scheme,
        "Subnets": find_in_map(subnets, &json!("Subnets")),
        "HealthCheck": {
            "HealthyThreshold": "2",
            "UnhealthyThreshold": "2",
            "Interval": "10",
            "Timeout": "5",
            "Target": target,
        },
        "ConnectionDrainingPolicy": {"Enabled": true, "Timeout": 60},
        "CrossZone": "true",
        "LoadBalancerName": name(&properties, generation)?,
        "SecurityGroups": groups,
        "Tags": tags,
    }));
    for (key, value) in properties.iter() {
        if !EVALUATED.contains(&key.as_str()) && !consumed.contains(&key.as_str()) {
            let value = reference::resolve(value, &properties.path(&key), generation.account).await?;
            balancer.insert(key, value);
        }
    }
    balancer.insert("Listeners".to_owned(), Json::Array(listeners));
    let balancer_type = "AWS::ElasticLoadBalancing::LoadBalancer";
    add(generation.template, &component.name, balancer_type, balancer)
}

/// The listeners given, or one for HTTPS; those with TLS get their certificate.
async fn listeners(
    properties: &Properties<'_>,
    host: Option<&Host>,
    generation: &Generation<'_>,
) -> Result<Vec<Json>, Error> {
    let given = properties.list("Listeners")?.unwrap_or_default();
    if given.is_empty() {
        let port = properties.required("HTTPPort", "the port that instances listen on")?;
        let path = properties.path("SSLCertificateId");
        let certificate = certificate::resolve(properties.get("SSLCertificateId"), host, &path, generation).await?;
        return Ok(vec![json!({
            "PolicyNames": [],
            "SSLCertificateId": certificate,
            "Protocol": "HTTPS",
            "InstancePort": port.to_json(),
            "LoadBalancerPort": 443,
        })]);
    }
    let mut listeners = Vec::with_capacity(given.len());
    for (index, listener) in given.iter().enumerate() {
        let place = format!("Listeners/{index}");
        if !matches!(listener, Value::Map(_)) {
            return Err(properties.wrong(&place, listener, "a map"));
        }
        let mut json = members(listener.to_json());
        let protocol = listener.get("Protocol").and_then(Value::as_str);
        if matches!(protocol, Some("HTTPS" | "SSL")) {
            let written = listener.get("SSLCertificateId").filter(|value| **value != Value::Null);
            let path = format!("{}/SSLCertificateId", properties.path(&place));
            let certificate = certificate::resolve(written, host, &path, generation).await?;
            json.insert("SSLCertificateId".to_owned(), certificate);
        }
        listeners.push(Json::Object(json));
    }
    Ok(listeners)
}

/// `HTTP:8080/health`; protocols other than HTTP and HTTPS have no path.
fn health_check_target(properties: &Properties<'_>) -> Result<Json, Error> {
    let protocol = properties
        .filled_text("HealthCheckProtocol")?
        .unwrap_or_else(|| "HTTP".to_owned());
    if !PROTOCOLS.contains(&protocol.as_str()) {
        let message = format!(
            "Protocol \"{protocol}\" is not supported for LoadBalancer, use one of {}",
            PROTOCOLS.join(", ")
        );
        return Err(properties.error("HealthCheckProtocol", &message));
    }
    let path = if protocol.starts_with("HTTP") {
        properties
            .filled_text("HealthCheckPath")?
            .unwrap_or_else(|| "/health".to_owned())
    } else {
        String::new()
    };
    let name = if properties.has("HealthCheckPort") {
        "HealthCheckPort"
    } else {
        "HTTPPort"
    };
    let port = properties.required(name, "the port that instances listen on")?;
    if is_function(port) {
        let parts = json!([format!("{protocol}:"), port.to_json(), path]);
        return Ok(json!({"Fn::Join": ["", parts]}));
    }
    Ok(json!(format!(
        "{protocol}:{}{path}",
        properties.text(name)?.unwrap_or_default()
    )))
}

/// The scheme; says so when everybody will be able to reach the load balancer.
pub(crate) fn scheme(properties: &Properties<'_>, generation: &Generation<'_>) -> Result<String, Error> {
    let scheme = properties
        .filled_text("Scheme")?
        .unwrap_or_else(|| "internal".to_owned());
    match scheme.as_str() {
        "internal" => {}
        "internet-facing" => generation.terminal.warning(
            "This load balancer is internet-facing: everybody can reach it. Make sure that the application is protected by \
             HTTPS and OAuth 2.0.",
        ),
        other => {
            let message = format!(
                "Scheme \"{other}\" is not supported for LoadBalancer, use internal or internet-facing"
            );
            return Err(properties.error("Scheme", &message));
        }
    }
    Ok(scheme)
}

/// The name made of stack name, version and `NameSuffix`.
pub(crate) fn name(properties: &Properties<'_>, generation: &Generation<'_>) -> Result<String, Error> {
    let version = generation.stack_version()?;
    let version = match properties.filled_text("NameSuffix")? {
        Some(suffix) => format!("{version}-{suffix}"),
        None => version,
    };
    Ok(load_balancer_name(&generation.stack_name()?, &version))
}
