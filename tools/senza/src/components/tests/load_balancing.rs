//! Classic load balancers, their domains and certificates.

use serde_json::json;

use super::*;

const CERTIFICATE: &str = "arn:aws:acm:eu-west-1:123456789012:certificate/*.example.org";

fn weighted_with(properties: &str) -> String {
    let mut required = String::new();
    for (name, value) in [("HTTPPort", "9999"), ("SecurityGroups", "[app-hello-world-lb]")] {
        if !properties.contains(&format!("{name}: ")) {
            required.extend([name, ": ", value, ", "]);
        }
    }
    format!("SenzaComponents: [{{Lb: {{Type: 'Senza::WeightedDnsElasticLoadBalancer', {required}{properties}}}}}]\n")
}

async fn weighted(properties: &str, compatibility: Compatibility) -> Generated {
    generate(&weighted_with(properties), compatibility, standard()).await
}

#[tokio::test]
async fn a_weighted_load_balancer_is_that_of_senza_2() {
    let record = |name: &str| {
        json!({
            "Type": "A",
            "Name": name,
            "HostedZoneName": "example.org.",
            "AliasTarget": {
                "DNSName": {"Fn::GetAtt": ["Lb", "DNSName"]},
                "HostedZoneId": {"Fn::GetAtt": ["Lb", "CanonicalHostedZoneNameID"]},
            },
        })
    };
    let mut main = record("hello-world.example.org.");
    main["Weight"] = json!(0);
    main["SetIdentifier"] = json!("hello-world-v1");
    let expected = json!({"Resources": {
        "LbMainDomain": {"Type": "AWS::Route53::RecordSet", "Properties": main},
        "LbVersionDomain": {"Type": "AWS::Route53::RecordSet", "Properties": record("hello-world-v1.example.org.")},
        "Lb": {"Type": "AWS::ElasticLoadBalancing::LoadBalancer", "Properties": {
            "Scheme": "internal",
            "Subnets": {"Fn::FindInMap": ["LoadBalancerInternalSubnets", {"Ref": "AWS::Region"}, "Subnets"]},
            "HealthCheck": {
                "HealthyThreshold": "2", "UnhealthyThreshold": "2", "Interval": "10", "Timeout": "5",
                "Target": "HTTP:9999/healthcheck",
            },
            "Listeners": [{
                "PolicyNames": [], "SSLCertificateId": CERTIFICATE, "Protocol": "HTTPS", "InstancePort": 9999,
                "LoadBalancerPort": 443,
            }],
            "ConnectionDrainingPolicy": {"Enabled": true, "Timeout": 60},
            "CrossZone": "true",
            "LoadBalancerName": "hello-world-v1",
            "SecurityGroups": ["sg-lb"],
            "Tags": [
                {"Key": "Name", "Value": "hello-world-v1"},
                {"Key": "StackName", "Value": "hello-world"},
                {"Key": "StackVersion", "Value": "v1"},
            ],
        }},
    }});
    for compatibility in [Senza2, Senza3] {
        let generated = weighted("HealthCheckPath: /healthcheck", compatibility).await;
        assert_eq!(generated.domain.as_deref(), Some("example.org"));
        assert_eq!(generated.template(), expected);
    }
}

#[tokio::test]
async fn health_check_targets() {
    for (properties, expected) in [
        ("", "HTTP:9999/health"),
        ("HealthCheckPath: /healthcheck", "HTTP:9999/healthcheck"),
        ("HealthCheckPath: /h, HealthCheckPort: 1234", "HTTP:1234/h"),
        ("HealthCheckProtocol: HTTPS", "HTTPS:9999/health"),
        ("HealthCheckProtocol: TCP, HealthCheckPath: /h", "TCP:9999"),
        ("HealthCheckProtocol: SSL", "SSL:9999"),
    ] {
        let generated = weighted(properties, Senza2).await;
        assert_eq!(
            generated.at("/Resources/Lb/Properties/HealthCheck/Target"),
            expected,
            "{properties}"
        );
    }
}

#[tokio::test]
async fn other_properties_are_passed_on() {
    let generated = weighted(
        "ConnectionSettings: {IdleTimeout: 3600}, CrossZone: false, NameSuffix: pub, MainDomain: a.example.org, Misspelt: 1",
        Senza3,
    )
    .await;
    let balancer = generated.at("/Resources/Lb/Properties");
    assert_eq!(balancer["ConnectionSettings"], json!({"IdleTimeout": 3600}));
    assert_eq!(balancer["CrossZone"], false);
    assert_eq!(balancer["LoadBalancerName"], "hello-world-v1-pub");
    assert_eq!(balancer["Misspelt"], 1);
    for name in [
        "HTTPPort",
        "NameSuffix",
        "MainDomain",
        "HealthCheckPath",
        "Type",
        "Name",
    ] {
        assert_eq!(balancer.get(name), None, "{name}");
    }
    let warnings = generated.warnings();
    assert!(
        warnings.contains("SenzaComponents/Lb/Misspelt: unknown property"),
        "{warnings}"
    );
    assert_eq!(warnings.matches("unknown property").count(), 1, "{warnings}");
}

#[tokio::test]
async fn records_can_follow_the_health_of_their_targets() {
    let properties = "EvaluateTargetHealth: true";
    let generated = weighted(properties, Senza3).await;
    for record in ["LbMainDomain", "LbVersionDomain"] {
        let target = generated.at(&format!("/Resources/{record}/Properties/AliasTarget"));
        assert_eq!(target["EvaluateTargetHealth"], true, "{record}");
    }
    assert_eq!(
        generated.at("/Resources/Lb/Properties").get("EvaluateTargetHealth"),
        None
    );
    assert_eq!(generated.warnings(), "");
    let unsaid = weighted("CrossZone: true", Senza3).await;
    let target = unsaid.at("/Resources/LbMainDomain/Properties/AliasTarget");
    assert_eq!(target.get("EvaluateTargetHealth"), None);
    // senza 2.1 takes it for a property of the load balancer.
    let old = weighted(properties, Senza2).await;
    assert_eq!(old.at("/Resources/Lb/Properties")["EvaluateTargetHealth"], true);
    let target = old.at("/Resources/LbMainDomain/Properties/AliasTarget");
    assert_eq!(target.get("EvaluateTargetHealth"), None);
}

#[tokio::test]
async fn given_listeners_win() {
    let generated = weighted(
        "SSLCertificateId: ignored, Listeners: [{Protocol: TCP, LoadBalancerPort: 1}, {Protocol: SSL, LoadBalancerPort: 2}, \
         {Protocol: HTTPS, SSLCertificateId: 'arn:aws:iam::1:server-certificate/x'}]",
        Senza2,
    )
    .await;
    assert_eq!(
        generated.at("/Resources/Lb/Properties/Listeners"),
        json!([
            {"Protocol": "TCP", "LoadBalancerPort": 1},
            {"Protocol": "SSL", "LoadBalancerPort": 2, "SSLCertificateId": CERTIFICATE},
            {"Protocol": "HTTPS", "SSLCertificateId": "arn:aws:iam::1:server-certificate/x"},
        ])
    );
}

#[tokio::test]
async fn internet_facing_load_balancers_stand_in_public_subnets_and_are_warned_about() {
    let generated = weighted("Scheme: internet-facing", Senza2).await;
    assert!(
        generated.warnings().contains("internet-facing"),
        "{}",
        generated.warnings()
    );
    assert_eq!(
        generated.at("/Resources/Lb/Properties/Subnets"),
        json!({"Fn::FindInMap": ["LoadBalancerSubnets", {"Ref": "AWS::Region"}, "Subnets"]})
    );
    assert_eq!(weighted("Scheme: internal", Senza2).await.warnings(), "");
}

/// Name and zone of the two records.
async fn domains(properties: &str, zones: &[HostedZone]) -> Result<[(Json, Json); 2], String> {
    let answers = Answers {
        hosted_zones: zones.to_vec(),
        acm_certificates: [
            "*.example.org",
            "*.shop.example.net",
            "shop.example.net",
            "*.example.net",
            "*.zo.ne.com",
        ]
        .map(certificate)
        .to_vec(),
        ..standard()
    };
    let generated = generate(&weighted_with(properties), Senza3, answers).await;
    if let Err(error) = &generated.result {
        return Err(error.clone());
    }
    Ok(["MainDomain", "VersionDomain"].map(|name| {
        let record = generated.at(&format!("/Resources/Lb{name}/Properties"));
        (record["Name"].clone(), record["HostedZoneName"].clone())
    }))
}

#[tokio::test]
async fn domains_go_to_the_zone_with_the_longest_match() {
    let zones = [
        zone("example.net"),
        zone("shop.example.net"),
        zone("zo.ne.com"),
        zone("zo.ne.dev"),
    ];
    for (properties, main, version) in [
        (
            "MainDomain: app.zo.ne.com, VersionDomain: app-1.zo.ne.dev",
            ("app.zo.ne.com.", "zo.ne.com."),
            ("app-1.zo.ne.dev.", "zo.ne.dev."),
        ),
        (
            // An omitted version domain follows the main domain's zone.
            "MainDomain: a.shop.example.net",
            ("a.shop.example.net.", "shop.example.net."),
            ("hello-world-v1.shop.example.net.", "shop.example.net."),
        ),
        (
            "MainDomain: wwwshop.example.net",
            ("wwwshop.example.net.", "example.net."),
            ("hello-world-v1.example.net.", "example.net."),
        ),
        (
            "MainDomain: shop.example.net",
            ("shop.example.net.", "shop.example.net."),
            ("hello-world-v1.shop.example.net.", "shop.example.net."),
        ),
        (
            "MainDomain: A.Shop.example.NET.",
            ("A.shop.example.net.", "shop.example.net."),
            ("hello-world-v1.shop.example.net.", "shop.example.net."),
        ),
    ] {
        let expected = [main, version].map(|(name, zone)| (json!(name), json!(zone)));
        assert_eq!(domains(properties, &zones).await, Ok(expected), "{properties}");
    }
    let error = domains("MainDomain: app.nowhere.test", &zones).await.unwrap_err();
    assert_eq!(
        error,
        "SenzaComponents/Lb/MainDomain: No Domain configured: there is no hosted zone for app.nowhere.test (the account has \
         example.net, shop.example.net, zo.ne.com, zo.ne.dev)"
    );
}

#[tokio::test]
async fn of_several_private_zones_of_a_name_the_vpc_sees_its_own() {
    let private = |id: &str| HostedZone {
        id: id.to_owned(),
        is_private: true,
        ..zone("example.org")
    };
    let other = || vec![private("Zother"), zone("example.org"), private("Zown")];
    for (seen, properties, expected) in [
        ("Zown", "", "Zown"),
        ("Zother", "MainDomain: a.example.org", "Zother"),
        ("Zown", "MainDomain: a.example.org", "Zown"),
        // Of a VPC that sees neither the first is as good as the others.
        ("Znone", "", "Zother"),
        ("Zown", "Scheme: internet-facing", "Zexample.org"),
    ] {
        let answers = Answers {
            hosted_zones: other(),
            zones_of_vpc: vec![("vpc-1", vec![seen.to_owned()])],
            ..standard()
        };
        let generated = generate(&weighted_with(properties), Senza3, answers).await;
        for record in ["LbMainDomain", "LbVersionDomain"] {
            let zone = generated.at(&format!("/Resources/{record}/Properties/HostedZoneId"));
            assert_eq!(zone, expected, "{seen} {properties}");
        }
    }
    // With one private zone nobody is asked.
    let answers = Answers {
        hosted_zones: vec![zone("example.org"), private("Zown")],
        ..standard()
    };
    let generated = generate(&weighted_with(""), Senza3, answers).await;
    assert_eq!(generated.at("/Resources/LbMainDomain/Properties/HostedZoneId"), "Zown");
}

#[tokio::test]
async fn several_zones_without_a_domain_need_a_choice() {
    let error = domains("", &[zone("example.net"), zone("example.org")])
        .await
        .unwrap_err();
    assert!(
        error.contains("example.net, example.org") && error.contains("MainDomain"),
        "{error}"
    );
    let error = domains("", &[]).await.unwrap_err();
    assert!(error.contains("No Domain configured"), "{error}");
}

#[tokio::test]
async fn zones_of_one_name_are_told_apart_by_id() {
    let mut private = zone("example.org");
    private.is_private = true;
    private.id = "ZPRIVATE".to_owned();
    for (scheme, expected) in [("internal", "ZPRIVATE"), ("internet-facing", "Zexample.org")] {
        for main_domain in ["", "MainDomain: a.example.org"] {
            let answers = Answers {
                hosted_zones: vec![zone("example.org"), private.clone()],
                ..standard()
            };
            let definition = weighted_with(&format!("Scheme: {scheme}, {main_domain}"));
            let generated = generate(&definition, Senza3, answers).await;
            let record = generated.at("/Resources/LbMainDomain/Properties");
            assert_eq!(
                (&record["HostedZoneId"], record.get("HostedZoneName")),
                (&json!(expected), None)
            );
        }
    }
}

#[tokio::test]
async fn the_main_domain_can_be_left_out() {
    let generated = weighted(&format!("MainDomain: false, SSLCertificateId: '{CERTIFICATE}'"), Senza3).await;
    assert_eq!(
        generated.at("/Resources/LbVersionDomain/Properties/Name"),
        "hello-world-v1.example.org."
    );
    assert_eq!(generated.template().pointer("/Resources/LbMainDomain"), None);
}

#[tokio::test]
async fn domains_can_be_given_in_full() {
    let properties = "Domains: {Main: {Type: weighted, Zone: example.org., Subdomain: a}, \
                      Apex: {Type: standalone, Zone: example.org., Subdomain: ''}}";
    let generated = weighted(properties, Senza2).await;
    assert_eq!(generated.at("/Resources/LbMain/Properties/Name"), "a.example.org.");
    assert_eq!(generated.at("/Resources/LbMain/Properties/Weight"), 0);
    assert_eq!(generated.at("/Resources/LbApex/Properties/Name"), "example.org.");
    assert_eq!(generated.at("/Resources/LbApex/Properties").get("Weight"), None);
    assert_eq!(
        generated.at("/Resources/Lb/Properties/Listeners/0/SSLCertificateId"),
        CERTIFICATE
    );
}

#[tokio::test]
async fn of_several_weighted_domains_the_last_chooses_the_certificate() {
    let domains = |zones: [&str; 2]| {
        let domain = |name: &str, zone: &str| format!("{name}: {{Type: weighted, Zone: {zone}., Subdomain: a}}");
        format!("Domains: {{{}, {}}}", domain("One", zones[0]), domain("Two", zones[1]))
    };
    for zones in [["example.org", "example.net"], ["example.net", "example.org"]] {
        let answers = Answers {
            acm_certificates: vec![certificate("*.example.org"), certificate("*.example.net")],
            ..standard()
        };
        let generated = generate(&weighted_with(&domains(zones)), Senza2, answers).await;
        let chosen = generated.at("/Resources/Lb/Properties/Listeners/0/SSLCertificateId");
        assert_eq!(chosen, certificate(&format!("*.{}", zones[1])).arn, "{zones:?}");
    }
}

/// Properties, compatibility, server certificates, and the ARN or what the error says.
type Row<'a> = (
    &'a str,
    Compatibility,
    &'a [ServerCertificate],
    Result<String, &'static str>,
);

#[tokio::test]
async fn certificates() {
    let uploaded = |name: &str, uploaded: f64| ServerCertificate {
        arn: format!("arn:aws:iam::1:server-certificate/{name}"),
        name: name.to_owned(),
        expiration: f64::MAX,
        uploaded,
    };
    let iam = |name: &str| Ok(format!("arn:aws:iam::1:server-certificate/{name}"));
    let own = [
        uploaded("example-org-1", 1.0),
        uploaded("example-org-2", 2.0),
        uploaded("foreign", 3.0),
    ];
    let foreign = [uploaded("foreign", 3.0)];
    let none = "Could not find any matching SSL certificate for \"hello-world.example.org\"";
    let rows: [Row<'_>; 8] = [
        ("", Senza3, &own, iam("example-org-2")),
        ("", Senza2, &own, iam("example-org-2")),
        ("", Senza3, &foreign, Err(none)),
        ("", Senza2, &foreign, iam("foreign")),
        ("", Senza2, &[], Err(none)),
        ("SSLCertificateId: example-org", Senza3, &own, iam("example-org-2")),
        ("SSLCertificateId: foreign", Senza3, &own, iam("foreign")),
        (
            "SSLCertificateId: absent",
            Senza2,
            &own,
            Err("The Server Certificate with name absent cannot be found"),
        ),
    ];
    for (properties, compatibility, server_certificates, expected) in rows {
        let answers = Answers {
            acm_certificates: vec![certificate("*.other.test")],
            server_certificates: server_certificates.to_vec(),
            ..standard()
        };
        let generated = generate(&weighted_with(properties), compatibility, answers).await;
        match expected {
            Ok(arn) => assert_eq!(
                generated.at("/Resources/Lb/Properties/Listeners/0/SSLCertificateId"),
                arn
            ),
            Err(message) => {
                let error = generated.error();
                assert!(
                    error.starts_with("SenzaComponents/Lb/SSLCertificateId: ") && error.contains(message),
                    "{error}"
                );
            }
        }
    }
    let generated = weighted(&format!("SSLCertificateId: '{CERTIFICATE}'"), Senza3).await;
    assert_eq!(
        generated.at("/Resources/Lb/Properties/Listeners/0/SSLCertificateId"),
        CERTIFICATE
    );
}

#[tokio::test]
async fn without_a_weighted_domain_there_is_no_certificate_to_choose() {
    let definition =
        "SenzaComponents: [{Lb: {Type: 'Senza::ElasticLoadBalancer', HTTPPort: 80, SecurityGroups: [sg-1]}}]";
    let old = generate(definition, Senza2, standard()).await;
    assert_eq!(
        old.at("/Resources/Lb/Properties/Listeners/0/SSLCertificateId"),
        Json::Null
    );
    let error = generate(definition, Senza3, standard()).await.error();
    assert!(
        error.starts_with("SenzaComponents/Lb/SSLCertificateId: is missing"),
        "{error}"
    );
}

#[tokio::test]
async fn wrong_load_balancers_are_named_with_their_place() {
    for (properties, expected) in [
        (
            "HTTPPort: null",
            "HTTPPort: is missing, give the port that instances listen on",
        ),
        (
            "HealthCheckProtocol: FTP",
            "HealthCheckProtocol: Protocol \"FTP\" is not supported for LoadBalancer, use one of HTTP, HTTPS, TCP, UDP, SSL",
        ),
        (
            "Scheme: public",
            "Scheme: Scheme \"public\" is not supported for LoadBalancer, use internal or internet-facing",
        ),
        (
            "SecurityGroups: null",
            "SecurityGroups: is missing, give a list of security groups",
        ),
        ("Listeners: {a: b}", "Listeners: must be a list, not a map"),
        ("Listeners: [a]", "Listeners/0: must be a map, not text"),
        ("Domains: [a]", "Domains: must be a map, not a list"),
        ("Domains: {M: a}", "Domains/M: must be a map, not text"),
        (
            "Domains: {M: {Type: weighted}}",
            "Domains/M/Zone: is missing, give the name of a hosted zone, such as example.org.",
        ),
        (
            "Domains: {M: {Type: odd, Zone: a., Subdomain: b}}",
            "Domains/M/Type: must be weighted or standalone, not \"odd\"",
        ),
        ("MainDomain: [a]", "MainDomain: must be a domain name, not a list"),
        ("HealthCheckPath: {a: b}", "HealthCheckPath: must be text, not a map"),
        (
            "SSLCertificateId: [a]",
            "SSLCertificateId: must be a certificate's ARN or the name of a server certificate, not a list",
        ),
    ] {
        assert_eq!(
            weighted(properties, Senza3).await.error(),
            format!("SenzaComponents/Lb/{expected}")
        );
    }
}
