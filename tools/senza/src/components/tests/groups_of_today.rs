//! What groups have at today's compatibility only, each on request.

use serde_json::json;

use super::*;

async fn app(properties: &str) -> Generated {
    let instance_type = if properties.contains("InstanceType: ") {
        ""
    } else {
        "InstanceType: t4g.small, "
    };
    let definition = format!(
        "SenzaComponents: [{{App: {{Type: 'Senza::AutoScalingGroup', {instance_type}ImageId: ami-1, {properties}}}}}]"
    );
    let answers = Answers {
        images: vec![Image {
            id: "ami-1".to_owned(),
            ..Image::default()
        }],
        stack_outputs: vec![(
            "base",
            StackOutputs {
                status: "CREATE_COMPLETE".to_owned(),
                values: [
                    ("Key", "admin"),
                    ("Maximum", "7"),
                    ("Team", "demo"),
                    ("Role", "base-role"),
                ]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            },
        )],
        role_policies: vec![("a", Vec::new()), ("base-role", vec![json!({"PolicyName": "p"})])],
        ..standard()
    };
    generate(&definition, Senza3, answers).await
}

#[tokio::test]
async fn without_a_request_nothing_of_it_is_there() {
    let generated = app("").await;
    let group = generated.at("/Resources/App");
    assert_eq!(group.get("UpdatePolicy"), None);
    for name in ["CapacityRebalance", "MixedInstancesPolicy", "MaxInstanceLifetime"] {
        assert_eq!(group["Properties"].get(name), None, "{name}");
    }
    let interface = generated.at("/Resources/AppConfig/Properties/LaunchTemplateData/NetworkInterfaces/0");
    assert_eq!(interface.get("Ipv6AddressCount"), None);
    assert_eq!(generated.warnings(), "");
    assert_eq!(generated.template()["Resources"].as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn a_rolling_update_keeps_the_minimum_where_it_can() {
    for (sizes, in_service) in [("{Minimum: 2, Maximum: 4}", 2), ("{Minimum: 3, Maximum: 3}", 2)] {
        let generated = app(&format!("AutoScaling: {sizes}, UpdatePolicy: rolling")).await;
        let policy = generated.at("/Resources/App/UpdatePolicy/AutoScalingRollingUpdate");
        assert_eq!(policy["MinInstancesInService"], in_service, "{sizes}");
        assert_eq!(
            (
                &policy["PauseTime"],
                &policy["WaitOnResourceSignals"],
                &policy["MaxBatchSize"]
            ),
            (&json!("PT15M"), &json!(true), &json!(1))
        );
    }
    let own = app("UpdatePolicy: {AutoScalingReplacingUpdate: {WillReplace: true}}").await;
    assert_eq!(
        own.at("/Resources/App/UpdatePolicy"),
        json!({"AutoScalingReplacingUpdate": {"WillReplace": true}})
    );
    assert_eq!(
        app("UpdatePolicy: fast").await.error(),
        "SenzaComponents/App/UpdatePolicy: must be rolling, or a map as in CloudFormation, not text"
    );
}

#[tokio::test]
async fn warm_pools() {
    let generated =
        app("WarmPool: {MinSize: 2, PoolState: Hibernated, InstanceReusePolicy: {ReuseOnScaleIn: true}}").await;
    assert_eq!(
        generated.at("/Resources/AppWarmPool"),
        json!({"Type": "AWS::AutoScaling::WarmPool", "Properties": {
            "AutoScalingGroupName": {"Ref": "App"}, "MinSize": 2, "PoolState": "Hibernated",
            "InstanceReusePolicy": {"ReuseOnScaleIn": true},
        }})
    );
    assert_eq!(
        app("WarmPool: {MinSize: 2}, SpotPrice: 0.1").await.error(),
        "SenzaComponents/App/WarmPool: AWS has no warm pools for groups with spot instances or several instance types"
    );
}

#[tokio::test]
async fn event_bridge_tells_of_instances() {
    let generated = app("EventTargets: ['arn:aws:sqs:us-east-1:1:queue', {'Fn::GetAtt': [Queue, Arn]}]").await;
    assert_eq!(
        generated.at("/Resources/AppEvents"),
        json!({"Type": "AWS::Events::Rule", "Properties": {
            "Description": {"Fn::Sub": "Instances of ${AWS::StackName} App"},
            "EventPattern": {
                "source": ["aws.autoscaling"],
                "detail-type": [
                    "EC2 Instance Launch Successful", "EC2 Instance Launch Unsuccessful",
                    "EC2 Instance Terminate Successful", "EC2 Instance Terminate Unsuccessful",
                ],
                "detail": {"AutoScalingGroupName": [{"Ref": "App"}]},
            },
            "Targets": [
                {"Id": "Target1", "Arn": "arn:aws:sqs:us-east-1:1:queue"},
                {"Id": "Target2", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}},
            ],
        }})
    );
    for wrong in ["EventTargets: []", "EventTargets: [queue]", "EventTargets: [3]"] {
        let error = app(wrong).await.error();
        assert!(error.starts_with("SenzaComponents/App/EventTargets"), "{error}");
    }
}

#[tokio::test]
async fn capacity_is_rebalanced_for_spot_instances_unless_told_otherwise() {
    for (properties, expected) in [
        ("SpotPrice: 0.1", json!(true)),
        ("SpotAlternatives: [t4g.medium], CapacityRebalance: false", json!(false)),
        ("CapacityRebalance: true", json!(true)),
    ] {
        let group = app(properties).await.at("/Resources/App/Properties");
        assert_eq!(group["CapacityRebalance"], expected, "{properties}");
    }
    let group = app("MaxInstanceLifetime: 604800, DefaultInstanceWarmup: 60, Ipv6AddressCount: 1").await;
    let properties = group.at("/Resources/App/Properties");
    assert_eq!(
        (&properties["MaxInstanceLifetime"], &properties["DefaultInstanceWarmup"]),
        (&json!(604_800), &json!(60))
    );
    assert_eq!(
        group.at("/Resources/AppConfig/Properties/LaunchTemplateData/NetworkInterfaces/0/Ipv6AddressCount"),
        1
    );
}

#[tokio::test]
async fn requests_per_instance_are_kept_at_a_target() {
    let rules = "AutoScaling: {Minimum: 1, Maximum: 2, MetricType: RequestCount, Target: 1000}";
    let generated = app(&format!("ElasticLoadBalancerV2: [Lb], {rules}")).await;
    assert_eq!(
        generated.at("/Resources/AppTargetTracking/Properties/TargetTrackingConfiguration"),
        json!({
            "TargetValue": 1000,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ALBRequestCountPerTarget",
                "ResourceLabel": {"Fn::Join": ["/", [
                    {"Fn::GetAtt": ["Lb", "LoadBalancerFullName"]},
                    {"Fn::GetAtt": ["LbTargetGroup", "TargetGroupFullName"]},
                ]]},
            },
        })
    );
    assert_eq!(
        app(rules).await.error(),
        "SenzaComponents/App/ElasticLoadBalancerV2: is missing: MetricType RequestCount needs an application load balancer"
    );
}

#[tokio::test]
async fn references_stand_at_any_depth() {
    let generated = app(
        "KeyName: {Stack: base, Output: Key}, AutoScaling: {Minimum: 1, Maximum: {Stack: base, Output: Maximum}}, \
         Tags: [{Key: Team, Value: {Stack: base, Output: Team}}], IamRoles: [a, {Stack: base, Output: Role}], \
         BlockDeviceMappings: [{DeviceName: /dev/sdb, Ebs: {VolumeSize: {Stack: base, Output: Maximum}}}]",
    )
    .await;
    let data = generated.at("/Resources/AppConfig/Properties/LaunchTemplateData");
    assert_eq!(
        (&data["KeyName"], &data["BlockDeviceMappings"][1]["Ebs"]["VolumeSize"]),
        (&json!("admin"), &json!("7"))
    );
    let group = generated.at("/Resources/App/Properties");
    assert_eq!(
        (&group["MaxSize"], &group["Tags"][3]["Value"]),
        (&json!("7"), &json!("demo"))
    );
    assert_eq!(
        generated.at("/Resources/AppRole/Properties/Policies"),
        json!([{"PolicyName": "p"}])
    );
    assert_eq!(
        app("Tags: [{Key: a, Value: {Stack: base, Output: None}}]")
            .await
            .error(),
        "SenzaComponents/App/Tags/0/Value: stack \"base\" has no output \"None\" (it has Key, Maximum, Role, Team)"
    );
}

#[tokio::test]
async fn mistakes_that_cloudformation_would_find_are_warned_about() {
    let generated =
        app("KeyName: [a], AutoScaling: {Minimum: 1, Maximum: 2, Cooldwon: 5}, PlacementTenancy: shared").await;
    let warnings = generated.warnings();
    for expected in [
        "SenzaComponents/App/AutoScaling/Cooldwon: unknown property, did you mean Cooldown?",
        "SenzaComponents/App/KeyName: must be text, not a list",
        "SenzaComponents/App/PlacementTenancy: must be one of default, dedicated, host, not \"shared\"",
    ] {
        assert!(warnings.contains(expected), "{expected}\n{warnings}");
    }
}
