//! A target group on a shared listener.

use serde_json::json;

use super::*;

const LISTENER: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/shared/50dc6c495c0c9188/f2f7dc8efc522ab2";

async fn generated(properties: &str) -> Generated {
    generated_at("7", properties).await
}

async fn generated_at(priority: &str, properties: &str) -> Generated {
    let definition = format!(
        "SenzaComponents: [{{App: {{Type: 'Senza::WeightedTargetGroup', HTTPPort: 8080, Priority: {priority}, {properties}}}}}]\n"
    );
    generate(&definition, Senza3, standard()).await
}

#[tokio::test]
async fn it_makes_a_group_a_rule_and_outputs() {
    let expected = json!({
        "Resources": {
            "AppTargetGroup": {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": {
                "Name": "hello-world-v1",
                "HealthCheckIntervalSeconds": 10, "HealthCheckPath": "/up", "HealthCheckPort": 8080,
                "HealthCheckProtocol": "HTTP", "HealthCheckTimeoutSeconds": 5,
                "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2,
                "Port": 8080, "Protocol": "HTTP", "VpcId": "vpc-1",
                "Tags": [
                    {"Key": "Name", "Value": "hello-world-v1"},
                    {"Key": "StackName", "Value": "hello-world"},
                    {"Key": "StackVersion", "Value": "v1"},
                ],
                "TargetGroupAttributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "60"}],
                "Matcher": {"HttpCode": "200-299"},
            }},
            "AppVersionRule": {"Type": "AWS::ElasticLoadBalancingV2::ListenerRule", "Properties": {
                "ListenerArn": LISTENER,
                "Priority": 7,
                "Conditions": [{"Field": "host-header", "HostHeaderConfig": {"Values": ["hello-world-v1.example.org"]}}],
                "Actions": [{"Type": "forward", "TargetGroupArn": {"Ref": "AppTargetGroup"}}],
            }},
        },
        "Outputs": {
            "AppTrafficTargetGroup": {"Value": {"Ref": "AppTargetGroup"}},
            "AppTrafficListener": {"Value": LISTENER},
            "AppTrafficDomain": {"Value": "hello-world.example.org"},
        },
    });
    let generated = generated(&format!(
        "Listener: '{LISTENER}', HealthCheckPath: /up, Matcher: {{HttpCode: 200-299}}"
    ))
    .await;
    assert_eq!(generated.template(), expected);
}

#[tokio::test]
async fn names_may_be_given() {
    let listener = format!("Listener: '{LISTENER}'");
    for (properties, main, version) in [
        (
            "MainDomain: Shop.Example.net.",
            "shop.example.net",
            "hello-world-v1.example.net",
        ),
        (
            "VersionDomain: one.example.com",
            "hello-world.example.org",
            "one.example.com",
        ),
    ] {
        let generated = generated(&format!("{listener}, {properties}")).await;
        assert_eq!(generated.at("/Outputs/AppTrafficDomain/Value"), json!(main));
        let values = "/Resources/AppVersionRule/Properties/Conditions/0/HostHeaderConfig/Values/0";
        assert_eq!(generated.at(values), json!(version));
    }
}

#[tokio::test]
async fn wrong_properties_are_named() {
    let listener = format!("Listener: '{LISTENER}'");
    for (properties, error) in [
        ("HealthCheckPath: /", "SenzaComponents/App/Listener: is missing"),
        ("Listener: shared", "SenzaComponents/App/Listener: must be the ARN"),
        ("Listener: {Ref: Mine}", "SenzaComponents/App/Listener: must be the ARN"),
        (
            &format!("{listener}, HealthCheckProtocol: TCP"),
            "SenzaComponents/App/HealthCheckProtocol: Protocol \"TCP\"",
        ),
        (
            &format!("{listener}, MainDomain: a.example.org, VersionDomain: A.example.org"),
            "SenzaComponents/App/VersionDomain: must be another name",
        ),
    ] {
        let found = generated(properties).await.error();
        assert!(found.starts_with(error), "{properties}: {found}");
    }
    let found = generated_at("0", &listener).await.error();
    let error = "SenzaComponents/App/Priority: must be from 1 to 50000";
    assert!(found.starts_with(error), "{found}");
    let odd = generated(&format!("{listener}, HealthCheckPaht: /x")).await;
    assert!(odd.warnings().contains("HealthCheckPath"), "{}", odd.warnings());
}
