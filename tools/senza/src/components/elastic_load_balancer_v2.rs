//! Senza::ElasticLoadBalancerV2: an application or network load balancer with target group, listeners and records.

use serde_json::{Map as JsonMap, Value as Json, json};

use super::domains::{self, Domain};
use super::elastic_load_balancer::{
    DOMAINS, EVALUATE_TARGET_HEALTH, HEALTH_CHECK_PATH, HEALTH_CHECK_PORT, HTTP_PORT, NAME_SUFFIX, SCHEME, name,
    scheme, subnets,
};
use super::group_properties::SECURITY_GROUPS;
use super::listeners::{self, LISTENER, NEW_LISTENER};
use super::properties::Properties;
use super::property_table::{Property, any, boolean, integer, list, open_map, text, texts};
use super::resources::{add, members, section};
use super::{Component, Generation, reference, security_groups};
use crate::Error;
use crate::load_balancer_name::{LIMIT, valid_name};

/// Every property of the component.
pub(super) const PROPERTIES: &[&[Property]] = &[
    EVALUATED,
    NEW,
    BALANCER,
    NEW_BALANCER,
    TARGET_GROUP,
    NEW_TARGET_GROUP,
    LISTENER,
    NEW_LISTENER,
    SEVERAL,
];

/// Properties that Senza evaluates and that overwrite nothing.
const EVALUATED: &[Property] = &[
    HTTP_PORT,
    text(
        "HealthCheckProtocol",
        "protocol of the health check; TCP for network load balancers only",
    )
    .one_of(&["HTTP", "HTTPS", "TCP"])
    .default("HTTP"),
    HEALTH_CHECK_PATH,
    HEALTH_CHECK_PORT,
    // A network load balancer can do without.
    SECURITY_GROUPS.required().unless(&["LoadBalancerType"]),
    texts(
        "SSLCertificateId",
        "ARN of the certificate, or name of a server certificate in IAM; several in a list or with commas between",
    )
    .default("the newest certificate for each weighted domain"),
    DOMAINS,
    NAME_SUFFIX,
    text("LoadBalancerName", "the name").default("made of the stack's name and version"),
    list("Listeners", "listeners, each with Type and Properties")
        .default("HTTPS on 443, TLS for network load balancers"),
];

/// The same, of which senza 2.1 knows nothing.
const NEW: &[Property] = &[
    text("LoadBalancerType", "kind of the load balancer")
        .one_of(&["application", "network"])
        .default("application")
        .since_3(),
    text("ListenerProtocol", "protocol of the listener")
        .one_of(&["HTTP", "HTTPS", "TCP", "TLS", "UDP", "TCP_UDP"])
        .default("HTTPS, TLS for network load balancers")
        .since_3(),
    integer("ListenerPort", "port of the listener").default("443").since_3(),
    EVALUATE_TARGET_HEALTH,
    boolean("HttpRedirect", "whether port 80 sends clients to HTTPS")
        .default("false")
        .since_3(),
];

const BALANCER: &[Property] = &[
    SCHEME,
    list("Subnets", "as in CloudFormation").default("the mapping of the scheme"),
    list("LoadBalancerAttributes", "as in CloudFormation").default("idle_timeout.timeout_seconds 60"),
];

const NEW_BALANCER: &[Property] = &[
    text(
        "IpAddressType",
        "which addresses it has; with dualstack each domain has an AAAA record as well",
    )
    .one_of(&["ipv4", "dualstack", "dualstack-without-public-ipv4"])
    .default("ipv4")
    .since_3(),
    text(
        "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic",
        "as in CloudFormation",
    )
    .since_3(),
    open_map("MinimumLoadBalancerCapacity", &[], "as in CloudFormation").since_3(),
    list("SubnetMappings", "as in CloudFormation, instead of Subnets").since_3(),
];

const TARGET_GROUP: &[Property] = &[
    text("VpcId", "the VPC of the target group").default("the VPC of the subnets"),
    integer("HealthCheckIntervalSeconds", "seconds between two health checks").default("10"),
    integer("HealthCheckTimeoutSeconds", "seconds that a health check may take").default("5"),
    integer("HealthyThresholdCount", "successes that make an instance healthy").default("2"),
    integer("UnhealthyThresholdCount", "failures that make it unhealthy").default("2"),
    list("TargetGroupAttributes", "as in CloudFormation").default("deregistration_delay.timeout_seconds 60"),
];

const NEW_TARGET_GROUP: &[Property] = &[
    boolean("HealthCheckEnabled", "as in CloudFormation").since_3(),
    open_map("Matcher", &[], "answers that count as healthy, as in CloudFormation").since_3(),
    text("ProtocolVersion", "HTTP1, HTTP2 or GRPC").since_3(),
    text("TargetType", "as in CloudFormation").since_3(),
];

/// Properties of more than one resource, which overwrite each of them.
const SEVERAL: &[Property] = &[
    list("Tags", "instead of Name, StackName and StackVersion"),
    integer("Port", "port of target group and listener alike"),
    any("Protocol", "protocol of target group and listener alike"),
];

/// Kind of a load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BalancerKind {
    Application,
    Network,
}

impl BalancerKind {
    fn of(properties: &Properties<'_>, generation: &Generation<'_>) -> Result<Self, Error> {
        match properties.filled_text("LoadBalancerType")?.as_deref() {
            Some("network") if generation.is_current() => Ok(Self::Network),
            Some(other) if other != "application" && generation.is_current() => {
                let message = format!("must be application or network, not \"{other}\"");
                Err(properties.error("LoadBalancerType", &message))
            }
            _ => Ok(Self::Application),
        }
    }
}

/// Applies the component.
pub(super) async fn apply(component: &Component, generation: &mut Generation<'_>) -> Result<(), Error> {
    let domains = domains::given(&Properties::of(component), generation.is_current())?;
    build(component, &domains, generation).await
}

/// Adds the load balancer with target group, listeners, and records for `domains`.
pub(super) async fn build(
    component: &Component,
    domains: &[Domain],
    generation: &mut Generation<'_>,
) -> Result<(), Error> {
    let properties = Properties::of(component);
    let kind = BalancerKind::of(&properties, generation)?;
    let has_ipv6 = generation.is_current()
        && properties
            .filled_text("IpAddressType")?
            .is_some_and(|address_type| address_type.starts_with("dualstack"));
    let record_types: &[&str] = if has_ipv6 { &["A", "AAAA"] } else { &["A"] };
    domains::add_records(domains, component, "CanonicalHostedZoneID", record_types, generation)?;

    let hosts = domains::hosts(domains, generation.is_current());
    let front = listeners::front(&properties, kind, generation)?;
    let listeners = listeners::listeners(component, &front, &hosts, generation).await?;
    let balancer = balancer(&properties, kind, generation).await?;
    let target_group = target_group(&properties, kind, front.target_protocol(), generation).await?;

    let target_group_id = format!("{}TargetGroup", component.name);
    let balancer_type = "AWS::ElasticLoadBalancingV2::LoadBalancer";
    add(generation.template, &component.name, balancer_type, balancer)?;
    let target_group_type = "AWS::ElasticLoadBalancingV2::TargetGroup";
    add(generation.template, &target_group_id, target_group_type, target_group)?;
    let mut ids = vec![component.name.clone(), target_group_id];
    for (index, listener) in listeners.resources.into_iter().enumerate() {
        let number = if index == 0 {
            String::new()
        } else {
            (index + 1).to_string()
        };
        let id = format!("{}Listener{number}", component.name);
        section(generation.template, &["Resources"])?.insert(id.clone(), listener);
        ids.push(id);
    }
    override_resources(&properties, &ids, generation).await?;
    if generation.is_current() {
        listeners::add_certificates(&component.name, &listeners.more_certificates, generation)?;
        listeners::add_redirect(&properties, &component.name, kind, generation)?;
    }
    Ok(())
}

async fn balancer(
    properties: &Properties<'_>,
    kind: BalancerKind,
    generation: &Generation<'_>,
) -> Result<JsonMap<String, Json>, Error> {
    let scheme = scheme(properties, generation)?;
    let mut balancer = members(json!({
        "Name": balancer_name(properties, generation)?,
        "Scheme": scheme,
        "Subnets": subnets(&scheme),
        "Tags": tags(generation)?,
    }));
    match (security_groups::resolve(properties, generation.account).await?, kind) {
        (Some(groups), _) => drop(balancer.insert("SecurityGroups".to_owned(), groups)),
        (None, BalancerKind::Network) => {}
        (None, BalancerKind::Application) => {
            return Err(properties.error("SecurityGroups", "is missing, give a list of security groups"));
        }
    }
    let attribute = match kind {
        BalancerKind::Application => json!({"Key": "idle_timeout.timeout_seconds", "Value": "60"}),
        BalancerKind::Network => json!({"Key": "load_balancing.cross_zone.enabled", "Value": "true"}),
    };
    balancer.insert("LoadBalancerAttributes".to_owned(), json!([attribute]));
    if generation.is_current() {
        if kind == BalancerKind::Network {
            balancer.insert("Type".to_owned(), json!("network"));
        }
        if properties.has("SubnetMappings") {
            balancer.remove("Subnets");
        }
        reference::pass_on(properties, NEW_BALANCER, &mut balancer, generation).await?;
    }
    Ok(balancer)
}

fn balancer_name(properties: &Properties<'_>, generation: &Generation<'_>) -> Result<String, Error> {
    match properties.filled_text("LoadBalancerName")? {
        Some(given) => Ok(valid_name(&given, LIMIT)),
        None => name(properties, generation),
    }
}

fn tags(generation: &Generation<'_>) -> Result<Json, Error> {
    let tags = generation
        .stack_tags()?
        .map(|(key, value)| json!({"Key": key, "Value": value}));
    Ok(json!(tags))
}

async fn target_group(
    properties: &Properties<'_>,
    kind: BalancerKind,
    protocol: &str,
    generation: &Generation<'_>,
) -> Result<JsonMap<String, Json>, Error> {
    let health_protocol = properties
        .filled_text("HealthCheckProtocol")?
        .unwrap_or_else(|| "HTTP".to_owned());
    let protocols: &[&str] = match kind {
        BalancerKind::Application => &["HTTP", "HTTPS"],
        BalancerKind::Network => &["HTTP", "HTTPS", "TCP"],
    };
    if !protocols.contains(&health_protocol.as_str()) {
        let message = format!(
            "Protocol \"{health_protocol}\" is not supported for LoadBalancer, use one of {}",
            protocols.join(", ")
        );
        return Err(properties.error("HealthCheckProtocol", &message));
    }
    let port = properties
        .required("HTTPPort", "the port that instances listen on")?
        .to_json();
    let or = |name: &str, default: Json| properties.json(name).filter(|given| given != "").unwrap_or(default);
    let mut group = members(json!({
        "Name": balancer_name(properties, generation)?,
        "HealthCheckIntervalSeconds": "10",
        "HealthCheckPort": or("HealthCheckPort", port.clone()),
        "HealthCheckProtocol": health_protocol,
        "HealthCheckTimeoutSeconds": "5",
        "HealthyThresholdCount": "2",
        "Port": port,
        "Protocol": protocol,
        "UnhealthyThresholdCount": "2",
        "VpcId": vpc_id(properties, generation).await?,
        "Tags": tags(generation)?,
        "TargetGroupAttributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "60"}],
    }));
    if health_protocol != "TCP" {
        group.insert("HealthCheckPath".to_owned(), or("HealthCheckPath", json!("/health")));
    }
    if generation.is_current() {
        reference::pass_on(properties, NEW_TARGET_GROUP, &mut group, generation).await?;
    }
    Ok(group)
}

/// The component's VPC, else that of the stack's subnets. senza 2.1 takes the account's, whatever the subnets are.
async fn vpc_id(properties: &Properties<'_>, generation: &Generation<'_>) -> Result<Json, Error> {
    if let Some(given) = properties.get("VpcId").filter(|given| given.as_str() != Some("")) {
        return reference::resolve(given, &properties.path("VpcId"), generation.account).await;
    }
    match generation.account.stack_network() {
        Some(network) if generation.is_current() => Ok(json!(network.vpc_id)),
        _ => generation.account.vpc_id().await.map(Json::from),
    }
}

/// Lets the component's properties overwrite those of its resources, wherever one has a property of that name.
async fn override_resources(
    properties: &Properties<'_>,
    ids: &[String],
    generation: &mut Generation<'_>,
) -> Result<(), Error> {
    for (key, value) in properties.iter() {
        if key == "Name" || EVALUATED.iter().any(|property| property.name == key) {
            continue;
        }
        let value = reference::resolve(value, &properties.path(&key), generation.account).await?;
        let resources = section(generation.template, &["Resources"])?;
        for id in ids {
            let place = resources
                .get_mut(id)
                .and_then(|resource| resource.get_mut("Properties")?.get_mut(&key));
            if let Some(place) = place {
                place.clone_from(&value);
            }
        }
    }
    Ok(())
}
