//! Senza::ElasticLoadBalancer: a classic load balancer with its records.

use serde_json::{Value as Json, json};
use stups_yaml::Value;

use super::certificate::{self, Host};
use super::domains::{self, Domain};
use super::group_properties::SECURITY_GROUPS;
use super::properties::{Properties, is_function};
use super::property_table::{Kind, Property, boolean, integer, list, map_of, open_map, text};
use super::resources::{add, find_in_map, members};
use super::{Component, Generation, reference, security_groups};
use crate::Error;
use crate::load_balancer_name::load_balancer_name;

/// Every property of the component. What is in none of these groups goes to CloudFormation as well, as at senza 2.1.
pub(super) const PROPERTIES: &[&[Property]] = &[EVALUATED, NEW, PASSED_ON];

/// Properties that Senza evaluates.
const EVALUATED: &[Property] = &[
    HTTP_PORT.unless(&["HealthCheckPort"]),
    text("HealthCheckProtocol", "protocol of the health check")
        .one_of(&PROTOCOLS)
        .default("HTTP"),
    HEALTH_CHECK_PATH,
    HEALTH_CHECK_PORT,
    SECURITY_GROUPS.required(),
    text(
        "SSLCertificateId",
        "ARN of the certificate, or name of a server certificate in IAM",
    )
    .default("the newest certificate for the weighted domain"),
    DOMAINS,
    NAME_SUFFIX,
];

/// The same, of which senza 2.1 knows nothing.
const NEW: &[Property] = &[EVALUATE_TARGET_HEALTH];

/// Properties of AWS::ElasticLoadBalancing::LoadBalancer.
const PASSED_ON: &[Property] = &[
    open_map("AccessLoggingPolicy", &[], "as in CloudFormation"),
    list("AppCookieStickinessPolicy", "as in CloudFormation"),
    list("AvailabilityZones", "as in CloudFormation"),
    open_map("ConnectionDrainingPolicy", &[], "as in CloudFormation").default("Enabled, Timeout 60"),
    open_map("ConnectionSettings", &[], "as in CloudFormation"),
    boolean("CrossZone", "as in CloudFormation").default("true"),
    open_map("HealthCheck", &[], "as in CloudFormation, instead of what Senza makes"),
    list("Instances", "as in CloudFormation"),
    list("LBCookieStickinessPolicy", "as in CloudFormation"),
    list(
        "Listeners",
        "listeners as in CloudFormation; those with TLS get a certificate",
    )
    .default("HTTPS on 443"),
    text("LoadBalancerName", "the name").default("made of the stack's name and version"),
    list("Policies", "as in CloudFormation"),
    SCHEME,
    list("Subnets", "as in CloudFormation").default("the mapping of the scheme"),
    list("Tags", "instead of Name, StackName and StackVersion"),
];

/// Properties that load balancers of both generations have.
pub(super) const HTTP_PORT: Property = integer("HTTPPort", "port that instances listen on").required();
pub(super) const HEALTH_CHECK_PATH: Property = text("HealthCheckPath", "path of the health check").default("/health");
pub(super) const HEALTH_CHECK_PORT: Property = text("HealthCheckPort", "port of the health check").default("HTTPPort");
pub(super) const DOMAINS: Property = map_of("Domains", &Kind::Map(DOMAIN), "domains with records, by name");
pub(super) const EVALUATE_TARGET_HEALTH: Property = boolean(
    "EvaluateTargetHealth",
    "whether Route 53 leaves the records out while no instance is healthy",
)
.default("false")
.since_3();
pub(super) const NAME_SUFFIX: Property = text(
    "NameSuffix",
    "what the name ends with, for several load balancers in one stack",
);
pub(super) const SCHEME: Property = text("Scheme", "who can reach it")
    .one_of(&["internal", "internet-facing"])
    .default("internal");

const DOMAIN: &[Property] = &[
    text("Type", "whether versions share the domain by weight")
        .one_of(&["weighted", "standalone"])
        .required(),
    text("Zone", "name of the hosted zone").required(),
    text("Subdomain", "what precedes the zone; empty for the zone's own name").required(),
];

/// What a classic load balancer calls the id of its own hosted zone.
const ZONE_ID: &str = "CanonicalHostedZoneNameID";

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
    domains::add_records(domains, component, ZONE_ID, &["A"], generation)?;
    let hosts = domains::hosts(domains, generation.is_current());
    let listeners = listeners(&properties, hosts.last(), generation).await?;
    let target = health_check_target(&properties)?;
    let scheme = scheme(&properties, generation)?;
    let groups = security_groups::resolve(&properties, generation.account)
        .await?
        .ok_or_else(|| properties.error("SecurityGroups", "is missing, give a list of security groups"))?;
    let tags = generation
        .stack_tags()?
        .map(|(key, value)| json!({"Key": key, "Value": value}));
    let mut balancer = members(json!({
        "Scheme": scheme,
        "Subnets": subnets(&scheme),
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
        let has_name = |property: &Property| property.name == key;
        let is_new = generation.is_current() && NEW.iter().any(has_name);
        let is_evaluated = is_new || EVALUATED.iter().any(has_name);
        if !is_evaluated && !consumed.contains(&key.as_str()) {
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

/// The subnets of a load balancer with this scheme.
pub(super) fn subnets(scheme: &str) -> Json {
    let mapping = if scheme == "internal" {
        "LoadBalancerInternalSubnets"
    } else {
        "LoadBalancerSubnets"
    };
    find_in_map(mapping, &json!("Subnets"))
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
