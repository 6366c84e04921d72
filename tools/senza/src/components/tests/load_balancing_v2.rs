//! Application and network load balancers at today's compatibility; senza 2.1's are among the original's templates.

use serde_json::json;

use super::*;

const CERTIFICATE: &str = "arn:aws:acm:eu-west-1:123456789012:certificate/*.example.org";

fn weighted_with(properties: &str) -> String {
    let groups = if properties.contains("SecurityGroups: ") {
        ""
    } else {
        "SecurityGroups: [app-hello-world-lb], "
    };
    format!(
        "SenzaComponents: [{{C: {{Type: 'Senza::SubnetAutoConfiguration'}}}}, {{Lb: {{Type: \
         'Senza::WeightedDnsElasticLoadBalancerV2', HTTPPort: 8080, {groups}{properties}}}}}]\n"
    )
}

async fn weighted(properties: &str) -> Generated {
    generate(&weighted_with(properties), Senza3, standard()).await
}

#[tokio::test]
async fn an_application_load_balancer_ends_tls_with_todays_policy() {
    let generated = weighted("HealthCheckPath: /healthcheck").await;
    assert_eq!(
        generated.at("/Resources/LbListener"),
        json!({"Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": {
            "Protocol": "HTTPS",
            "Port": 443,
            "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            "Certificates": [{"CertificateArn": CERTIFICATE}],
            "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": "LbTargetGroup"}}],
            "LoadBalancerArn": {"Ref": "Lb"},
        }})
    );
    let group = generated.at("/Resources/LbTargetGroup/Properties");
    assert_eq!(
        (
            &group["VpcId"],
            &group["Name"],
            &group["HealthCheckPath"],
            &group["Protocol"]
        ),
        (
            &json!("vpc-1"),
            &json!("hello-world-v1"),
            &json!("/healthcheck"),
            &json!("HTTP")
        )
    );
    let balancer = generated.at("/Resources/Lb/Properties");
    assert_eq!((&balancer["Scheme"], balancer.get("Type")), (&json!("internal"), None));
    assert_eq!(
        generated.at("/Resources/LbMainDomain/Properties/AliasTarget/HostedZoneId"),
        json!({"Fn::GetAtt": ["Lb", "CanonicalHostedZoneID"]})
    );
    assert_eq!(generated.warnings(), "");
    let template = generated.template();
    for absent in ["LbMainDomainIpv6", "LbRedirectListener", "LbListenerCertificate2"] {
        assert_eq!(template["Resources"].get(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn dual_stack_load_balancers_have_records_of_both_types() {
    for (address_type, expected) in [
        ("dualstack", true),
        ("dualstack-without-public-ipv4", true),
        ("ipv4", false),
    ] {
        let generated = weighted(&format!("IpAddressType: {address_type}")).await;
        assert_eq!(generated.at("/Resources/Lb/Properties/IpAddressType"), address_type);
        let record = |name: &str| generated.at(&format!("/Resources/{name}/Properties"));
        let mut main = record("LbMainDomain");
        assert_eq!(main["Type"], "A");
        let template = generated.result.as_ref().unwrap();
        assert_eq!(template["Resources"].get("LbMainDomainIpv6").is_some(), expected);
        if expected {
            main["Type"] = json!("AAAA");
            assert_eq!(record("LbMainDomainIpv6"), main);
            assert_eq!(record("LbVersionDomainIpv6")["Type"], "AAAA");
        }
    }
}

#[tokio::test]
async fn http_is_sent_to_https_on_request() {
    let generated = weighted("HttpRedirect: true, ListenerPort: 8443, EvaluateTargetHealth: true").await;
    assert_eq!(
        generated.at("/Resources/LbMainDomain/Properties/AliasTarget/EvaluateTargetHealth"),
        true
    );
    assert_eq!(generated.at("/Resources/LbListener/Properties/Port"), 8443);
    assert_eq!(
        generated.at("/Resources/LbRedirectListener/Properties"),
        json!({
            "Protocol": "HTTP",
            "Port": 80,
            "DefaultActions": [{"Type": "redirect", "RedirectConfig": {
                "Protocol": "HTTPS", "Port": "8443", "StatusCode": "HTTP_301"}}],
            "LoadBalancerArn": {"Ref": "Lb"},
        })
    );
}

#[tokio::test]
async fn several_certificates_are_resources_of_their_own() {
    let generated = weighted(
        "SSLCertificateId: 'arn:aws:iam::1:server-certificate/x, arn:aws:iam::1:server-certificate/y, \
         arn:aws:iam::1:server-certificate/x'",
    )
    .await;
    let arn = |name: &str| json!([{"CertificateArn": format!("arn:aws:iam::1:server-certificate/{name}")}]);
    assert_eq!(generated.at("/Resources/LbListener/Properties/Certificates"), arn("x"));
    assert_eq!(
        generated.at("/Resources/LbListenerCertificate2"),
        json!({"Type": "AWS::ElasticLoadBalancingV2::ListenerCertificate", "Properties": {
            "ListenerArn": {"Ref": "LbListener"}, "Certificates": arn("y")}})
    );
    assert_eq!(generated.template()["Resources"].get("LbListenerCertificate3"), None);
}

#[tokio::test]
async fn every_weighted_domain_has_a_certificate() {
    let answers = Answers {
        acm_certificates: vec![certificate("*.example.org"), certificate("shop.example.net")],
        ..standard()
    };
    let definition = weighted_with(
        "Domains: {A: {Type: weighted, Zone: example.org., Subdomain: a}, B: {Type: weighted, Zone: example.net., Subdomain: \
         shop}, C: {Type: weighted, Zone: example.org., Subdomain: c}, Own: {Type: standalone, Zone: x.test., Subdomain: d}}",
    );
    let generated = generate(&definition, Senza3, answers).await;
    assert_eq!(
        generated.at("/Resources/LbListener/Properties/Certificates/0/CertificateArn"),
        CERTIFICATE
    );
    assert_eq!(
        generated.at("/Resources/LbListenerCertificate2/Properties/Certificates/0/CertificateArn"),
        certificate("shop.example.net").arn
    );
    assert_eq!(generated.template()["Resources"].get("LbListenerCertificate3"), None);
}

#[tokio::test]
async fn without_a_main_domain_the_certificate_is_the_versions() {
    let generated = weighted("MainDomain: false").await;
    assert_eq!(
        generated.at("/Resources/LbListener/Properties/Certificates/0/CertificateArn"),
        CERTIFICATE
    );
    assert_eq!(generated.template()["Resources"].get("LbMainDomain"), None);
    let apex = weighted("MainDomain: example.org, SSLCertificateId: 'arn:aws:iam::1:server-certificate/x'").await;
    assert_eq!(apex.at("/Resources/LbMainDomain/Properties/Name"), "example.org.");
}

#[tokio::test]
async fn network_load_balancers() {
    let generated = weighted("LoadBalancerType: network, SecurityGroups: null").await;
    let balancer = generated.at("/Resources/Lb/Properties");
    assert_eq!(
        (&balancer["Type"], balancer.get("SecurityGroups")),
        (&json!("network"), None)
    );
    assert_eq!(
        balancer["LoadBalancerAttributes"],
        json!([{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}])
    );
    let listener = generated.at("/Resources/LbListener/Properties");
    assert_eq!(
        (&listener["Protocol"], &listener["Certificates"]),
        (&json!("TLS"), &json!([{"CertificateArn": CERTIFICATE}]))
    );
    assert_eq!(generated.at("/Resources/LbTargetGroup/Properties/Protocol"), "TCP");

    for (protocol, target) in [("TCP", "TCP"), ("UDP", "UDP"), ("TCP_UDP", "TCP_UDP")] {
        let generated = weighted(&format!(
            "LoadBalancerType: network, ListenerProtocol: {protocol}, ListenerPort: 5432, HealthCheckProtocol: TCP"
        ))
        .await;
        let listener = generated.at("/Resources/LbListener/Properties");
        assert_eq!(
            (&listener["Protocol"], &listener["Port"], listener.get("Certificates")),
            (&json!(protocol), &json!(5432), None)
        );
        let group = generated.at("/Resources/LbTargetGroup/Properties");
        assert_eq!(
            (&group["Protocol"], group.get("HealthCheckPath")),
            (&json!(target), None)
        );
    }
}

#[tokio::test]
async fn what_senza_2_dropped_has_its_place() {
    let generated = weighted(
        "SslPolicy: P, Matcher: {HttpCode: '200-299'}, ProtocolVersion: HTTP2, MutualAuthentication: {Mode: verify}, \
         VpcId: vpc-9, Certificates: [{CertificateArn: c}], Port: 8443, TargetGroupAttributes: [{Key: a, Value: b}], Misspelt: 1",
    )
    .await;
    let listener = generated.at("/Resources/LbListener/Properties");
    assert_eq!(
        (
            &listener["SslPolicy"],
            &listener["MutualAuthentication"],
            &listener["Certificates"],
            &listener["Port"]
        ),
        (
            &json!("P"),
            &json!({"Mode": "verify"}),
            &json!([{"CertificateArn": "c"}]),
            &json!(8443)
        )
    );
    let group = generated.at("/Resources/LbTargetGroup/Properties");
    assert_eq!(
        (
            &group["Matcher"],
            &group["ProtocolVersion"],
            &group["VpcId"],
            &group["Port"]
        ),
        (
            &json!({"HttpCode": "200-299"}),
            &json!("HTTP2"),
            &json!("vpc-9"),
            &json!(8443)
        )
    );
    assert_eq!(group["TargetGroupAttributes"], json!([{"Key": "a", "Value": "b"}]));
    assert!(
        generated
            .warnings()
            .contains("SenzaComponents/Lb/Misspelt: unknown property"),
        "{}",
        generated.warnings()
    );
}

#[tokio::test]
async fn the_target_group_stands_in_the_vpc_of_the_subnets() {
    let mut answers = standard();
    answers.vpcs.push(Vpc {
        id: "vpc-2".to_owned(),
        is_default: false,
        name: None,
    });
    answers.subnets.push(Subnet {
        id: "subnet-2".to_owned(),
        vpc_id: "vpc-2".to_owned(),
        availability_zone: "eu-west-1a".to_owned(),
        name: String::new(),
        is_default: false,
    });
    let definition = weighted_with("").replace("AutoConfiguration'", "AutoConfiguration', VpcId: vpc-2");
    let generated = generate(&definition, Senza3, answers).await;
    assert_eq!(generated.at("/Resources/LbTargetGroup/Properties/VpcId"), "vpc-2");
}

#[tokio::test]
async fn wrong_load_balancers_are_named_with_their_place() {
    for (properties, expected) in [
        (
            "HealthCheckProtocol: TCP",
            "HealthCheckProtocol: Protocol \"TCP\" is not supported for LoadBalancer, use one of HTTP, HTTPS",
        ),
        (
            "LoadBalancerType: classic",
            "LoadBalancerType: must be application or network, not \"classic\"",
        ),
        (
            "ListenerProtocol: TCP",
            "ListenerProtocol: must be one of HTTP, HTTPS, not \"TCP\"",
        ),
        (
            "LoadBalancerType: network, HttpRedirect: true",
            "HttpRedirect: only application load balancers can redirect",
        ),
        (
            "SecurityGroups: null",
            "SecurityGroups: is missing, give a list of security groups",
        ),
        (
            "Listeners: [{Protocol: HTTP}]",
            "Listeners/0: must be a listener with Type and Properties, as in CloudFormation",
        ),
        (
            "Scheme: public",
            "Scheme: Scheme \"public\" is not supported for LoadBalancer, use internal or internet-facing",
        ),
    ] {
        assert_eq!(
            weighted(properties).await.error(),
            format!("SenzaComponents/Lb/{expected}")
        );
    }
}
