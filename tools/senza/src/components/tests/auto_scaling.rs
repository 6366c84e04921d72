//! Senza::AutoScalingGroup.

use serde_json::json;

use super::*;

/// A group with these properties (flow style) in addition to the required ones.
fn group_with(properties: &str) -> String {
    let mut required = String::new();
    for (name, value) in [("InstanceType", "t3.micro"), ("Image", "Own")] {
        if !properties.contains(&format!("{name}: ")) {
            required.extend([name, ": ", value, ", "]);
        }
    }
    format!("SenzaComponents: [{{App: {{Type: 'Senza::AutoScalingGroup', {required}{properties}}}}}]\n")
}

async fn app(properties: &str, compatibility: Compatibility) -> Generated {
    generate(&group_with(properties), compatibility, standard()).await
}

#[tokio::test]
async fn a_bare_group_is_that_of_senza_2() {
    assert_eq!(
        app("", Senza2).await.template(),
        json!({"Resources": {
            "AppConfig": {
                "Type": "AWS::AutoScaling::LaunchConfiguration",
                "Properties": {
                    "InstanceType": "t3.micro",
                    "ImageId": {"Fn::FindInMap": ["Images", {"Ref": "AWS::Region"}, "Own"]},
                    "AssociatePublicIpAddress": false,
                    "EbsOptimized": false,
                    "MetadataOptions": {"HttpTokens": "optional"},
                },
            },
            "App": {
                "Type": "AWS::AutoScaling::AutoScalingGroup",
                "CreationPolicy": {"ResourceSignal": {"Count": "1", "Timeout": "PT15M"}},
                "Properties": {
                    "LaunchConfigurationName": {"Ref": "AppConfig"},
                    "VPCZoneIdentifier": {"Fn::FindInMap": ["ServerSubnets", {"Ref": "AWS::Region"}, "Subnets"]},
                    "Tags": [
                        {"Key": "Name", "PropagateAtLaunch": true, "Value": "hello-world-v1"},
                        {"Key": "StackName", "PropagateAtLaunch": true, "Value": "hello-world"},
                        {"Key": "StackVersion", "PropagateAtLaunch": true, "Value": "v1"},
                    ],
                    "HealthCheckType": "EC2",
                    "HealthCheckGracePeriod": 300,
                    "MinSize": 1,
                    "MaxSize": 1,
                },
            },
        }})
    );
}

#[tokio::test]
async fn scaling_by_cpu() {
    let generated = app(
        "AutoScaling: {Minimum: 2, Maximum: 10, SuccessRequires: '4 within 30m', MetricType: CPU, Period: 60, \
         EvaluationPeriods: 1, ScaleUpThreshold: 50, ScaleDownThreshold: 20, ScaleUpAdjustment: 3, Cooldown: 30, \
         ScaleDownCooldown: 360, Statistic: Maximum}",
        Senza2,
    )
    .await;
    let policy = |name: &str| generated.at(&format!("/Resources/App{name}/Properties"));
    assert_eq!(
        policy("ScaleUp"),
        json!({
            "AdjustmentType": "ChangeInCapacity", "ScalingAdjustment": "3", "Cooldown": "30",
            "AutoScalingGroupName": {"Ref": "App"},
        })
    );
    assert_eq!(policy("ScaleDown")["ScalingAdjustment"], "-1");
    assert_eq!(policy("ScaleDown")["Cooldown"], "360");
    assert_eq!(
        generated.at("/Resources/App/CreationPolicy"),
        json!({"ResourceSignal": {"Count": "4", "Timeout": "PT30M"}})
    );
    assert_eq!(generated.at("/Resources/App/Properties/DesiredCapacity"), 2);
    assert_eq!(generated.at("/Resources/App/Properties/MinSize"), 2);
    assert_eq!(generated.at("/Resources/App/Properties/MaxSize"), 10);
    assert_eq!(
        generated.at("/Resources/AppCPUAlarmLow"),
        json!({"Type": "AWS::CloudWatch::Alarm", "Properties": {
            "MetricName": "CPUUtilization",
            "Namespace": "AWS/EC2",
            "Period": "60",
            "EvaluationPeriods": "1",
            "Statistic": "Maximum",
            "Threshold": 20,
            "ComparisonOperator": "LessThanThreshold",
            "Dimensions": [{"Name": "AutoScalingGroupName", "Value": {"Ref": "App"}}],
            "AlarmDescription": "Scale-down if CPU < 20% for 1.0 minutes (Maximum)",
            "AlarmActions": [{"Ref": "AppScaleDown"}],
        }})
    );
    assert_eq!(
        generated.at("/Resources/AppCPUAlarmHigh/Properties/AlarmDescription"),
        "Scale-up if CPU > 50% for 1.0 minutes (Maximum)"
    );
}

#[tokio::test]
async fn scaling_by_network() {
    let generated = generate(
        &format!(
            "{}Resources: {{AppCPUAlarmLow: {{Type: Mine}}}}\n",
            group_with(
                "AutoScaling: {Minimum: 2, Maximum: 10, MetricType: NetworkIn, Period: 60, EvaluationPeriods: 10, \
                 ScaleUpThreshold: '50 TB', ScaleDownThreshold: 10}"
            )
        ),
        Senza2,
        standard(),
    )
    .await;
    let high = generated.at("/Resources/AppNetworkAlarmHigh/Properties");
    assert_eq!(
        (&high["MetricName"], &high["Threshold"], &high["Unit"]),
        (&json!("NetworkIn"), &json!("50"), &json!("Terabytes"))
    );
    assert_eq!(
        high["AlarmDescription"],
        "Scale-up if NetworkIn > 50 Terabytes for 10.0 minutes (Average)"
    );
    let low = generated.at("/Resources/AppNetworkAlarmLow/Properties");
    assert_eq!((&low["Threshold"], &low["Unit"]), (&json!("10"), &json!("Bytes")));
    assert_eq!(
        low["AlarmDescription"],
        "Scale-down if NetworkIn < 10 Bytes for 10.0 minutes (Average)"
    );
    assert_eq!(generated.at("/Resources/AppCPUAlarmLow"), json!({"Type": "Mine"}));
}

#[tokio::test]
async fn one_threshold_is_one_alarm() {
    // senza 2.1 ends in a stack trace when a metric of the network has only one.
    for (metric, threshold, expected) in [
        ("NetworkIn", "ScaleUpThreshold: 5 GB", "AppNetworkAlarmHigh"),
        ("NetworkOut", "ScaleDownThreshold: 5 GB", "AppNetworkAlarmLow"),
        ("CPU", "ScaleUpThreshold: 5", "AppCPUAlarmHigh"),
        ("CPU", "ScaleDownThreshold: 5", "AppCPUAlarmLow"),
    ] {
        let scaling = format!("AutoScaling: {{Minimum: 1, Maximum: 2, MetricType: {metric}, {threshold}}}");
        let template = app(&scaling, Senza2).await.template();
        let resources = template["Resources"].as_object().unwrap();
        let alarms: Vec<&str> = resources
            .keys()
            .map(String::as_str)
            .filter(|name| name.contains("Alarm"))
            .collect();
        assert_eq!(alarms, [expected], "{scaling}");
    }
}

#[tokio::test]
async fn policies_of_the_definition_stay() {
    let definition = |group: &str| {
        format!(
            "{}Resources: {{AppScaleUp: {{Type: 'AWS::AutoScaling::ScalingPolicy', Properties: {{Cooldown: '5', \
             AutoScalingGroupName: {{Ref: {group}}}}}}}}}\n",
            group_with("AutoScaling: {Minimum: 1, Maximum: 2}")
        )
    };
    let generated = generate(&definition("App"), Senza2, standard()).await;
    assert_eq!(
        generated.at("/Resources/AppScaleUp/Properties"),
        json!({"Cooldown": "5", "AutoScalingGroupName": {"Ref": "App"}})
    );
    let error = generate(&definition("Other"), Senza2, standard()).await.error();
    assert!(
        error.contains("does not reference the autoscaling group App"),
        "{error}"
    );
}

#[tokio::test]
async fn templated_numbers_stay_text() {
    let generated = app(
        "AutoScaling: {Minimum: '2', Maximum: '3', DesiredCapacity: '1'}",
        Senza2,
    )
    .await;
    let group = generated.at("/Resources/App/Properties");
    assert_eq!(
        (&group["MinSize"], &group["MaxSize"], &group["DesiredCapacity"]),
        (&json!("2"), &json!("3"), &json!(2))
    );
}

#[tokio::test]
async fn load_balancers_and_health_checks() {
    for (properties, expected) in [
        (
            "ElasticLoadBalancer: Lb",
            json!({"LoadBalancerNames": [{"Ref": "Lb"}], "HealthCheckType": "ELB"}),
        ),
        (
            "ElasticLoadBalancer: [Lb, Lb2], HealthCheckType: EC2",
            json!({"LoadBalancerNames": [{"Ref": "Lb"}, {"Ref": "Lb2"}], "HealthCheckType": "EC2"}),
        ),
        (
            "ElasticLoadBalancerV2: Lb, HealthCheckGracePeriod: 600",
            json!({"TargetGroupARNs": [{"Ref": "LbTargetGroup"}], "HealthCheckType": "ELB", "HealthCheckGracePeriod": 600}),
        ),
        (
            "ElasticLoadBalancerV2: [A, B], TargetGroupARNs: [arn]",
            json!({"TargetGroupARNs": ["arn"], "HealthCheckType": "ELB"}),
        ),
        (
            "TerminationPolicies: [OldestInstance]",
            json!({"TerminationPolicies": ["OldestInstance"], "HealthCheckType": "EC2"}),
        ),
    ] {
        let generated = app(properties, Senza2).await;
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(
                &generated.at(&format!("/Resources/App/Properties/{name}")),
                value,
                "{properties}"
            );
        }
    }
}

#[tokio::test]
async fn properties_overwrite_what_is_there() {
    let generated = app(
        "ImageId: ami-9, VPCZoneIdentifier: [s], MaxSize: 5, SpotPrice: 0.1, BlockDeviceMappings: [{DeviceName: /dev/sdb}], \
         MetadataOptions: {HttpTokens: required}, DesiredCapacity: 3, KeyName: k, Tags: [{Key: a, Value: b}]",
        Senza2,
    )
    .await;
    let launch = generated.at("/Resources/AppConfig/Properties");
    assert_eq!(launch["ImageId"], "ami-9");
    assert_eq!(launch["SpotPrice"], 0.1);
    assert_eq!(launch["BlockDeviceMappings"], json!([{"DeviceName": "/dev/sdb"}]));
    assert_eq!(launch["MetadataOptions"], json!({"HttpTokens": "optional"}), "pinned");
    assert_eq!(launch.get("KeyName"), None);
    let group = generated.at("/Resources/App/Properties");
    assert_eq!(
        (&group["VPCZoneIdentifier"], &group["MaxSize"]),
        (&json!(["s"]), &json!(5))
    );
    assert_eq!(group.get("DesiredCapacity"), None, "only where Senza made one");
    assert_eq!(
        group["Tags"][3],
        json!({"Key": "a", "PropagateAtLaunch": true, "Value": "b"})
    );
    let bare = app("", Senza2).await.at("/Resources/AppConfig/Properties");
    assert_eq!(bare.get("SpotPrice"), None, "only when given");
}

#[tokio::test]
async fn iam_roles() {
    let profile =
        |roles: Json| json!({"Type": "AWS::IAM::InstanceProfile", "Properties": {"Path": "/", "Roles": roles}});
    for (roles, expected) in [
        ("[a]", json!(["a"])),
        ("a", json!(["a"])),
        ("[{Ref: R}]", json!([{"Ref": "R"}])),
    ] {
        let generated = app(&format!("IamRoles: {roles}"), Senza2).await;
        assert_eq!(generated.at("/Resources/AppInstanceProfile"), profile(expected));
        assert_eq!(
            generated.at("/Resources/AppConfig/Properties/IamInstanceProfile"),
            json!({"Ref": "AppInstanceProfile"})
        );
    }
    let policy = |name: &str| json!({"PolicyName": name, "PolicyDocument": {"Version": "2012-10-17"}});
    let answers = Answers {
        role_policies: vec![("a", vec![policy("p1"), policy("p2")]), ("b", vec![policy("p3")])],
        ..standard()
    };
    let generated = generate(&group_with("IamRoles: [a, b]"), Senza2, answers).await;
    assert_eq!(
        generated.at("/Resources/AppRole/Properties/Policies"),
        json!([policy("p1"), policy("p2"), policy("p3")])
    );
    assert_eq!(
        generated.at("/Resources/AppInstanceProfile"),
        profile(json!([{"Ref": "AppRole"}]))
    );
    let error = app("IamRoles: [{Ref: a}, b]", Senza2).await.error();
    assert!(
        error.starts_with("SenzaComponents/App/IamRoles/0: policies can only be merged"),
        "{error}"
    );
}

#[tokio::test]
async fn operators_are_notified() {
    let definition = format!("SenzaInfo: {{OperatorTopicId: ops}}\n{}", group_with(""));
    let answers = Answers {
        topics: vec![
            "arn:aws:sns:eu-west-1:1:ops".to_owned(),
            "arn:aws:sns:eu-west-1:1:devops".to_owned(),
        ],
        ..standard()
    };
    let generated = generate(&definition, Senza2, answers).await;
    assert_eq!(
        generated.at("/Resources/App/Properties/NotificationConfiguration"),
        json!({
            "TopicARN": "arn:aws:sns:eu-west-1:1:ops",
            "NotificationTypes": [
                "autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_LAUNCH_ERROR",
                "autoscaling:EC2_INSTANCE_TERMINATE", "autoscaling:EC2_INSTANCE_TERMINATE_ERROR",
            ],
        })
    );
    let error = generate(&definition, Senza2, standard()).await.error();
    assert_eq!(error, "SNS topic \"ops\" does not exist");
}

#[tokio::test]
async fn user_data_is_raw_in_version_2_and_encoded_in_version_3() {
    for (user_data, senza2, senza3) in [
        ("text", json!("text"), json!({"Fn::Base64": "text"})),
        (
            "{'Fn::Base64': text}",
            json!({"Fn::Base64": "text"}),
            json!({"Fn::Base64": "text"}),
        ),
        ("{Ref: X}", json!({"Ref": "X"}), json!({"Fn::Base64": {"Ref": "X"}})),
    ] {
        let properties = format!("UserData: {user_data}");
        let old = app(&properties, Senza2).await;
        assert_eq!(old.at("/Resources/AppConfig/Properties/UserData"), senza2);
        let new = app(&properties, Senza3).await;
        assert_eq!(
            new.at("/Resources/AppConfig/Properties/LaunchTemplateData/UserData"),
            senza3
        );
    }
}

#[tokio::test]
async fn version_3_launches_by_template() {
    let mut answers = standard();
    answers.images = vec![Image {
        id: "ami-2".to_owned(),
        root_device: Some("/dev/xvda".to_owned()),
        ..Image::default()
    }];
    let definition = format!(
        "{}Mappings: {{Images: {{eu-west-1: {{Own: ami-2}}}}}}\n",
        group_with(
            "SecurityGroups: [app-hello-world, sg-9], IamRoles: [a], AssociatePublicIpAddress: true, EbsOptimized: true, \
             BlockDeviceMappings: [{DeviceName: /dev/sdb, Ebs: {VolumeSize: 5}}], KeyName: k, PlacementTenancy: dedicated, \
             InstanceMonitoring: false, MetadataOptions: {HttpPutResponseHopLimit: 1}, Tags: [{Key: a, Value: b}]"
        )
    );
    let generated = generate(&definition, Senza3, answers).await;
    assert_eq!(
        generated.at("/Resources/AppConfig"),
        json!({"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {
            "InstanceType": "t3.micro",
            "ImageId": {"Fn::FindInMap": ["Images", {"Ref": "AWS::Region"}, "Own"]},
            "EbsOptimized": true,
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            "NetworkInterfaces": [
                {"DeviceIndex": 0, "AssociatePublicIpAddress": true, "Groups": ["sg-app", "sg-9"]},
            ],
            "IamInstanceProfile": {"Name": {"Ref": "AppInstanceProfile"}},
            "BlockDeviceMappings": [
                {"DeviceName": "/dev/xvda", "Ebs": {"VolumeType": "gp3", "Encrypted": true}},
                {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 5, "VolumeType": "gp3", "Encrypted": true}},
            ],
            "KeyName": "k",
            "Placement": {"Tenancy": "dedicated"},
            "Monitoring": {"Enabled": false},
            "TagSpecifications": [{"ResourceType": "volume", "Tags": [
                {"Key": "Name", "Value": "hello-world-v1"},
                {"Key": "StackName", "Value": "hello-world"},
                {"Key": "StackVersion", "Value": "v1"},
                {"Key": "a", "Value": "b"},
            ]}],
        }}})
    );
    let group = generated.at("/Resources/App/Properties");
    assert_eq!(
        group["LaunchTemplate"],
        json!({
            "LaunchTemplateId": {"Ref": "AppConfig"},
            "Version": {"Fn::GetAtt": ["AppConfig", "LatestVersionNumber"]},
        })
    );
    assert_eq!(group.get("LaunchConfigurationName"), None);
    assert_eq!(group.get("MixedInstancesPolicy"), None);
    assert_eq!(generated.warnings(), "");
}

#[tokio::test]
async fn spot_instances_are_a_mixed_policy_in_version_3() {
    let specification = json!({
        "LaunchTemplateId": {"Ref": "AppConfig"},
        "Version": {"Fn::GetAtt": ["AppConfig", "LatestVersionNumber"]},
    });
    let distribution = |base: i64, on_demand: i64| {
        json!({
            "OnDemandBaseCapacity": base,
            "OnDemandPercentageAboveBaseCapacity": on_demand,
            "SpotAllocationStrategy": "price-capacity-optimized",
        })
    };
    let priced = |mut distribution: Json| {
        distribution["SpotMaxPrice"] = json!("0.1");
        distribution
    };
    for (properties, distribution, overrides) in [
        ("SpotPrice: 0.1", priced(distribution(0, 0)), None),
        (
            "SpotAlternatives: [t3.small, t3.micro], OnDemandBase: 1, SpotPercentage: 75",
            distribution(1, 25),
            Some(json!([{"InstanceType": "t3.micro"}, {"InstanceType": "t3.small"}])),
        ),
        (
            "InstanceRequirements: {VCpuCount: {Min: 2}}",
            distribution(0, 100),
            Some(json!([{"InstanceRequirements": {"VCpuCount": {"Min": 2}}}])),
        ),
    ] {
        let group = app(properties, Senza3).await.at("/Resources/App/Properties");
        let mut template = json!({"LaunchTemplateSpecification": specification});
        if let Some(overrides) = overrides {
            template["Overrides"] = overrides;
        }
        assert_eq!(
            group["MixedInstancesPolicy"],
            json!({"InstancesDistribution": distribution, "LaunchTemplate": template}),
            "{properties}"
        );
        assert_eq!(group["CapacityRebalance"], true);
        assert_eq!(group.get("LaunchTemplate"), None);
    }
}

#[tokio::test]
async fn target_tracking_replaces_thresholds_in_version_3() {
    let properties = "AutoScaling: {Minimum: 1, Maximum: 3, MetricType: cpu, Target: 60}";
    let generated = app(properties, Senza3).await;
    assert_eq!(
        generated.at("/Resources/AppTargetTracking/Properties"),
        json!({
            "AutoScalingGroupName": {"Ref": "App"},
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingConfiguration": {
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
                "TargetValue": 60,
            },
        })
    );
    assert_eq!(generated.template().pointer("/Resources/AppScaleUp"), None);
    let old = app(properties, Senza2).await.template();
    assert!(old.pointer("/Resources/AppScaleUp").is_some() && old.pointer("/Resources/AppTargetTracking").is_none());
}

#[tokio::test]
async fn wrong_groups_are_named_with_their_place() {
    for (properties, expected) in [
        (
            "InstanceType: null",
            "InstanceType: is missing, give an EC2 instance type such as t3.micro",
        ),
        (
            "Image: [a]",
            "Image: must be the name of an entry of Images, not a list",
        ),
        (
            "SecurityGroups: 5",
            "SecurityGroups/0: must be a security group's name or id, or a reference, not an integer",
        ),
        ("IamRoles: []", "IamRoles: must name at least one IAM role"),
        (
            "IamRoles: [a, 5]",
            "IamRoles/1: must be the name of an IAM role, not an integer",
        ),
        ("Tags: {a: b}", "Tags: must be a list, not a map"),
        ("Tags: [{Key: a}]", "Tags/0: must be a map with Key and Value"),
        (
            "ElasticLoadBalancer: {a: b}",
            "ElasticLoadBalancer: must be the name of a load balancer component, or a list of them, not a map",
        ),
        ("AutoScaling: [1]", "AutoScaling: must be a map, not a list"),
        (
            "AutoScaling: {Maximum: 1}",
            "AutoScaling/Minimum: is missing, give the group's smallest size",
        ),
        (
            "AutoScaling: {Minimum: x, Maximum: 1}",
            "AutoScaling/Minimum: must be an integer, not text",
        ),
        (
            "AutoScaling: {Minimum: 3, Maximum: 2}",
            "AutoScaling: the group's minimum size (3) is above its maximum size (2)",
        ),
        (
            "AutoScaling: {Minimum: 1, Maximum: 2, MetricType: Disk}",
            "AutoScaling/MetricType: Auto scaling MetricType \"Disk\" not supported, use CPU, NetworkIn or NetworkOut",
        ),
        (
            "AutoScaling: {Minimum: 1, Maximum: 2, MetricType: NetworkIn, ScaleUpThreshold: 5 Donkeys}",
            "AutoScaling/ScaleUpThreshold: Network threshold unit must be one of B or Bytes, KB or Kilobytes, MB or Megabytes, \
             GB or Gigabytes, TB or Terabytes, not \"Donkeys\"",
        ),
        ("SpotPercentage: 101", "SpotPercentage: must be between 0 and 100"),
        ("MetadataOptions: required", "MetadataOptions: must be a map, not text"),
    ] {
        assert_eq!(
            app(properties, Senza3).await.error(),
            format!("SenzaComponents/App/{expected}")
        );
    }
}

#[tokio::test]
async fn any_metric_spelling_works() {
    for (written, alarm) in [("cpu", "AppCPUAlarmHigh"), ("NETWORKOUT", "AppNetworkAlarmHigh")] {
        let properties = format!("AutoScaling: {{Minimum: 1, Maximum: 2, MetricType: {written}, ScaleUpThreshold: 5}}");
        let generated = app(&properties, Senza2).await;
        assert!(generated.template().pointer(&format!("/Resources/{alarm}")).is_some());
    }
}
