//! Listeners of application and network load balancers, and their certificates.

use serde_json::{Value as Json, json};
use stups_yaml::Value;

use super::certificate::{self, Host};
use super::elastic_load_balancer_v2::BalancerKind;
use super::properties::Properties;
use super::property_table::{Property, list, open_map, text};
use super::resources::{add, members, section};
use super::{Component, Generation, reference};
use crate::Error;

/// Properties of AWS::ElasticLoadBalancingV2::Listener.
pub(super) const LISTENER: &[Property] = &[
    list("Certificates", "as in CloudFormation, instead of SSLCertificateId"),
    list("DefaultActions", "as in CloudFormation").default("forward to the target group"),
];

/// The same, of which senza 2.1 knows nothing.
pub(super) const NEW_LISTENER: &[Property] = &[
    list("AlpnPolicy", "as in CloudFormation").since_3(),
    list("ListenerAttributes", "as in CloudFormation").since_3(),
    open_map("MutualAuthentication", &[], "as in CloudFormation").since_3(),
    text("SslPolicy", "which versions and ciphers of TLS are allowed")
        .default(SSL_POLICY)
        .since_3(),
];

/// TLS 1.2 and 1.3, with the ciphers that AWS recommends.
const SSL_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-2021-06";

const LISTENER_TYPE: &str = "AWS::ElasticLoadBalancingV2::Listener";

/// What clients connect to.
#[derive(Clone, Debug)]
pub(super) struct Front {
    protocol: String,
    port: Json,
}

impl Front {
    /// Whether the load balancer ends TLS, which takes a certificate.
    fn has_tls(&self) -> bool {
        ["HTTPS", "TLS"].contains(&self.protocol.as_str())
    }

    /// The protocol that instances speak.
    pub(super) fn target_protocol(&self) -> &'static str {
        match self.protocol.as_str() {
            "TCP" | "TLS" => "TCP",
            "UDP" => "UDP",
            "TCP_UDP" => "TCP_UDP",
            _ => "HTTP",
        }
    }
}

/// The listener that `ListenerProtocol` and `ListenerPort` ask for; senza 2.1 has HTTPS on 443 only.
pub(super) fn front(
    properties: &Properties<'_>,
    kind: BalancerKind,
    generation: &Generation<'_>,
) -> Result<Front, Error> {
    let (default, allowed): (&str, &[&str]) = match kind {
        BalancerKind::Application => ("HTTPS", &["HTTP", "HTTPS"]),
        BalancerKind::Network => ("TLS", &["TCP", "TLS", "UDP", "TCP_UDP"]),
    };
    if !generation.is_current() {
        return Ok(Front {
            protocol: default.to_owned(),
            port: json!(443),
        });
    }
    let protocol = properties
        .filled_text("ListenerProtocol")?
        .unwrap_or_else(|| default.to_owned());
    if !allowed.contains(&protocol.as_str()) {
        let message = format!("must be one of {}, not \"{protocol}\"", allowed.join(", "));
        return Err(properties.error("ListenerProtocol", &message));
    }
    Ok(Front {
        protocol,
        port: properties.json("ListenerPort").unwrap_or(json!(443)),
    })
}

/// The listeners of a load balancer.
#[derive(Debug)]
pub(super) struct Listeners {
    /// whole resources, the first one the main listener
    pub(super) resources: Vec<Json>,
    /// certificates beyond the one that CloudFormation takes in the main listener
    pub(super) more_certificates: Vec<Json>,
}

/// The listeners given, or one for HTTPS or TLS.
pub(super) async fn listeners(
    component: &Component,
    front: &Front,
    hosts: &[Host],
    generation: &Generation<'_>,
) -> Result<Listeners, Error> {
    let properties = Properties::of(component);
    let given = properties.list("Listeners")?.unwrap_or_default();
    if !given.is_empty() {
        let mut resources = Vec::with_capacity(given.len());
        for (index, listener) in given.iter().enumerate() {
            let place = format!("Listeners/{index}");
            let is_resource = ["Type", "Properties"].iter().all(|key| listener.get(key).is_some());
            if !is_resource {
                return Err(properties.error(
                    &place,
                    "must be a listener with Type and Properties, as in CloudFormation",
                ));
            }
            resources.push(reference::resolve(listener, &properties.path(&place), generation.account).await?);
        }
        return Ok(Listeners {
            resources,
            more_certificates: Vec::new(),
        });
    }
    let mut listener = members(json!({
        "Protocol": front.protocol,
        "Port": front.port,
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": format!("{}TargetGroup", component.name)}}],
        "LoadBalancerArn": {"Ref": component.name},
    }));
    let mut certificates = if front.has_tls() && !(generation.is_current() && properties.has("Certificates")) {
        certificates(&properties, hosts, generation).await?
    } else {
        Vec::new()
    };
    // CloudFormation takes one certificate in a listener; senza 2.1 puts all of them there.
    let kept = if generation.is_current() { 1 } else { usize::MAX };
    let more_certificates = certificates.split_off(certificates.len().min(kept));
    if front.has_tls() {
        listener.insert("Certificates".to_owned(), Json::Array(certificates));
        if generation.is_current() {
            listener.insert("SslPolicy".to_owned(), json!(SSL_POLICY));
        }
    }
    if generation.is_current() {
        reference::pass_on(&properties, NEW_LISTENER, &mut listener, generation).await?;
    }
    Ok(Listeners {
        resources: vec![json!({"Type": LISTENER_TYPE, "Properties": listener})],
        more_certificates,
    })
}

/// `{CertificateArn}` of each certificate that is given, else of the one for each host; none twice.
async fn certificates(
    properties: &Properties<'_>,
    hosts: &[Host],
    generation: &Generation<'_>,
) -> Result<Vec<Json>, Error> {
    let path = properties.path("SSLCertificateId");
    let mut found: Vec<Json> = Vec::new();
    let mut add = |arn: Json| {
        let certificate = json!({"CertificateArn": arn});
        if !(generation.is_current() && found.contains(&certificate)) {
            found.push(certificate);
        }
    };
    let written = written_certificates(properties, generation.is_current());
    for certificate in &written {
        add(certificate::resolve(Some(certificate), None, &path, generation).await?);
    }
    if written.is_empty() {
        if hosts.is_empty() {
            add(certificate::resolve(None, None, &path, generation).await?);
        }
        for host in hosts {
            add(certificate::resolve(None, Some(host), &path, generation).await?);
        }
    }
    Ok(found)
}

/// The items of `SSLCertificateId`: a list, or text with commas in between.
fn written_certificates(properties: &Properties<'_>, is_current: bool) -> Vec<Value> {
    match properties.get("SSLCertificateId") {
        None => Vec::new(),
        Some(Value::List(items)) => items.clone(),
        Some(Value::String(text)) => text
            .split(',')
            .map(|part| Value::from(if is_current { part.trim() } else { part }))
            .collect(),
        Some(other) => vec![other.clone()],
    }
}

/// Adds the certificates that have no place in the listener itself.
pub(super) fn add_certificates(
    balancer: &str,
    certificates: &[Json],
    generation: &mut Generation<'_>,
) -> Result<(), Error> {
    for (index, certificate) in certificates.iter().enumerate() {
        let properties = members(json!({
            "ListenerArn": {"Ref": format!("{balancer}Listener")},
            "Certificates": [certificate],
        }));
        add(
            generation.template,
            &format!("{balancer}ListenerCertificate{}", index + 2),
            "AWS::ElasticLoadBalancingV2::ListenerCertificate",
            properties,
        )?;
    }
    Ok(())
}

/// Adds a listener on port 80 that sends clients to HTTPS, when `HttpRedirect` asks for it.
pub(super) fn add_redirect(
    properties: &Properties<'_>,
    balancer: &str,
    kind: BalancerKind,
    generation: &mut Generation<'_>,
) -> Result<(), Error> {
    if !properties.boolean("HttpRedirect")?.unwrap_or(false) {
        return Ok(());
    }
    if kind == BalancerKind::Network {
        return Err(properties.error("HttpRedirect", "only application load balancers can redirect"));
    }
    let port = section(generation.template, &["Resources"])?
        .get(&format!("{balancer}Listener"))
        .and_then(|listener| listener.pointer("/Properties/Port"))
        .map_or_else(
            || "443".to_owned(),
            |port| port.as_str().map_or_else(|| port.to_string(), str::to_owned),
        );
    let redirect = members(json!({
        "Protocol": "HTTP",
        "Port": 80,
        "DefaultActions": [{
            "Type": "redirect",
            "RedirectConfig": {"Protocol": "HTTPS", "Port": port, "StatusCode": "HTTP_301"},
        }],
        "LoadBalancerArn": {"Ref": balancer},
    }));
    add(
        generation.template,
        &format!("{balancer}RedirectListener"),
        LISTENER_TYPE,
        redirect,
    )
}
