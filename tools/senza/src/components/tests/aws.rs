//! Against a real AWS API, and the templates against CloudFormation's own rules (cfn-lint).

use std::process::Command;

use serde_json::json;
use stups_testkit::{Account as TestAccount, AwsApi, PythonEnvironment, Requirements};

use super::*;
use crate::account::StackNetwork;
use crate::settings::Settings;

const WEB_APPLICATION: &str = "
SenzaInfo: {StackName: hello-world, Parameters: [{ImageVersion: {Description: Docker image version}}]}
SenzaComponents:
- Configuration: {Type: 'Senza::StupsAutoConfiguration'}
- AppServer:
    Type: Senza::TaupageAutoScalingGroup
    InstanceType: t3.micro
    SecurityGroups: [app-hello-world]
    IamRoles: [app-hello-world]
    ElasticLoadBalancer: AppLoadBalancer
    AssociatePublicIpAddress: false
    BlockDeviceMappings: [{DeviceName: /dev/sdb, Ebs: {VolumeSize: 10}}]
    AutoScaling: {Minimum: 2, Maximum: 4, MetricType: CPU, ScaleUpThreshold: 70, ScaleDownThreshold: 40}
    Tags: [{Key: Team, Value: demo}]
    TaupageConfig:
      runtime: Docker
      source: stups/hello-world:0.1
      ports: {8080: 8080}
      environment: {QUEUE: {Ref: Queue}}
- AppLoadBalancer:
    Type: Senza::WeightedDnsElasticLoadBalancer
    HTTPPort: 8080
    HealthCheckPath: /
    SecurityGroups: [app-hello-world-lb]
    Scheme: internet-facing
    ConnectionSettings: {IdleTimeout: 60}
Resources:
  Queue: {Type: 'AWS::SQS::Queue'}
";

const WORKERS: &str = "
SenzaComponents:
- Configuration: {Type: 'Senza::StupsAutoConfiguration', PublicOnly: true}
- Worker:
    Type: Senza::AutoScalingGroup
    InstanceType: t3.micro
    Image: LatestTaupageImage
    SecurityGroups: [app-hello-world]
    SpotPrice: 0.05
    KeyName: admin
    UserData: {'Fn::Base64': 'text'}
    AutoScaling: {Minimum: 1, Maximum: 4, MetricType: NetworkIn, ScaleUpThreshold: 50 MB, ScaleDownThreshold: 10 KB}
";

const MIXED: &str = "
SenzaComponents:
- Configuration: {Type: 'Senza::StupsAutoConfiguration', PublicOnly: true}
- Worker:
    Type: Senza::AutoScalingGroup
    InstanceType: t3.micro
    Image: LatestTaupageImage
    SpotAlternatives: [t3.small, t3a.small]
    OnDemandBase: 1
    AutoScaling: {Minimum: 1, Maximum: 4, MetricType: CPU, Target: 60}
- Lb:
    Type: Senza::ElasticLoadBalancer
    HTTPPort: 80
    SecurityGroups: [app-hello-world-lb]
    Listeners: [{Protocol: TCP, LoadBalancerPort: '80', InstancePort: '80'}]
";

const SECOND_GENERATION: &str = "
SenzaComponents:
- Configuration: {Type: 'Senza::StupsAutoConfiguration'}
- AppServer:
    Type: Senza::TaupageAutoScalingGroup
    InstanceType: t3.micro
    SecurityGroups: [app-hello-world]
    IamRoles: [{Ref: Role}]
    ElasticLoadBalancerV2: AppLoadBalancer
    AutoScaling: {Minimum: 2, Maximum: 4, MetricType: CPU, ScaleUpThreshold: 70}
    TaupageConfig: {runtime: Docker, source: 'stups/hello-world:0.1', ports: {8080: 8080}}
- AppLoadBalancer:
    Type: Senza::WeightedDnsElasticLoadBalancerV2
    HTTPPort: 8080
    HealthCheckPath: /health
    SecurityGroups: [app-hello-world-lb]
    Scheme: internet-facing
    HealthCheckIntervalSeconds: 15
- Role: {Type: Senza::IamRole, MergePoliciesFromIamRoles: [app-hello-world]}
- redis-hello-world:
    Type: Senza::RedisCluster
    SecurityGroups: [app-hello-world]
    CacheParameterGroupName: default.redis7
    EngineVersion: '7.1'
    CacheNodeType: cache.t4g.small
- redis-node:
    Type: Senza::RedisNode
    SecurityGroups: [app-hello-world]
    CacheParameterGroupName: default.redis7
    EngineVersion: '7.1'
    CacheNodeType: cache.t4g.small
";

const EVERYTHING_OF_TODAY: &str = "
Mappings: {Senza: {Info: {SpotinstAccessToken: token, SpotinstAccountId: act-1}}}
SenzaComponents:
- Configuration: {Type: 'Senza::StupsAutoConfiguration'}
- AppServer:
    Type: Senza::TaupageAutoScalingGroup
    InstanceType: t3.micro
    SecurityGroups: [app-hello-world]
    ElasticLoadBalancerV2: [AppLoadBalancer]
    UpdatePolicy: rolling
    WarmPool: {MinSize: 1, PoolState: Stopped}
    EventTargets: 'arn:aws:sqs:us-east-1:123456789012:queue'
    MaxInstanceLifetime: 604800
    DefaultInstanceWarmup: 60
    Ipv6AddressCount: 1
    AutoScaling: {Minimum: 2, Maximum: 4, MetricType: RequestCount, Target: 1000}
    TaupageConfig: {runtime: Docker, source: 'stups/hello-world:0.1'}
- AppLoadBalancer:
    Type: Senza::WeightedDnsElasticLoadBalancerV2
    HTTPPort: 8080
    SecurityGroups: [app-hello-world-lb]
    IpAddressType: dualstack
    HttpRedirect: true
    SSLCertificateId: [
      'arn:aws:iam::123456789012:server-certificate/one', 'arn:aws:iam::123456789012:server-certificate/two']
    Matcher: {HttpCode: '200-299'}
- Database:
    Type: Senza::ElasticLoadBalancerV2
    LoadBalancerType: network
    HTTPPort: 5432
    NameSuffix: db
    ListenerProtocol: TCP
    ListenerPort: 5432
    HealthCheckProtocol: TCP
- Secure:
    Type: Senza::WeightedDnsElasticLoadBalancerV2
    LoadBalancerType: network
    HTTPPort: 8443
    NameSuffix: tls
    SecurityGroups: [app-hello-world-lb]
- Role: {Type: Senza::IamRole, ManagedPolicyArns: ['arn:aws:iam::aws:policy/ReadOnlyAccess'], MaxSessionDuration: 3600}
- redis-node: {Type: Senza::RedisNode, SecurityGroups: [app-hello-world]}
- redis-hello-world: {Type: Senza::RedisCluster, SecurityGroups: [app-hello-world], Engine: valkey, NumberOfNodes: 3}
- Spot: {Type: Senza::Elastigroup, InstanceType: m7g.large, SecurityGroups: [app-hello-world]}
";

async fn account_builder(api: &'static AwsApi) -> TestAccount {
    TestAccount::builder(api)
        .region("eu-west-1")
        .stups_network()
        .hosted_zone("example.org")
        .certificate("*.example.org")
        .security_group("app-hello-world")
        .security_group("app-hello-world-lb")
        .role("app-hello-world")
        .alias("acme-demo")
        .build()
        .await
}

async fn generated(definition: &str, compatibility: Compatibility, account: &TestAccount) -> Result<Json, Error> {
    let (terminal, _) = Terminal::captured("");
    let account = Account::new(account.session(), terminal.clone(), Settings::default());
    run(definition, compatibility, &account, &terminal, false).await
}

/// What cfn-lint finds in templates, by name: errors, warnings and hints. One process reads them all, for most of its time goes
/// into loading the schemas of the resources.
fn findings(templates: &[(String, Json)]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    for (name, template) in templates {
        std::fs::write(directory.path().join(name), template.to_string()).unwrap();
    }
    let environment = PythonEnvironment::get(Requirements::AwsApi).unwrap();
    let output = Command::new(environment.executable("cfn-lint"))
        .args(["--regions", "eu-west-1", "--format", "json"])
        // Parameters and mappings are there for people and other tools as well; not every definition uses each.
        .args(["--ignore-checks", "W2001", "--ignore-checks", "W7001"])
        // Launch configurations are what senza 2.1 makes.
        .args(["--ignore-checks", "W3697"])
        .arg("-t")
        .args(templates.iter().map(|(name, _)| name))
        .current_dir(directory.path())
        .output()
        .unwrap();
    let findings: Json = serde_json::from_slice(&output.stdout).unwrap();
    let findings = findings.as_array().unwrap().iter();
    findings
        .map(|finding| {
            let place = finding.pointer("/Location/Path").unwrap();
            let (file, rule) = (&finding["Filename"], &finding["Rule"]["Id"]);
            format!("{file} {rule} {} at {place}", finding["Message"])
        })
        .collect()
}

#[tokio::test]
async fn templates_are_valid_cloudformation() {
    let account = account_builder(AwsApi::shared().await).await;
    let mut templates = Vec::new();
    for (name, definition, compatibilities) in [
        ("web-application", WEB_APPLICATION, &[Senza2, Senza3][..]),
        ("workers", WORKERS, &[Senza2, Senza3]),
        ("mixed", MIXED, &[Senza2, Senza3]),
        ("second-generation", SECOND_GENERATION, &[Senza2, Senza3]),
        ("everything-of-today", EVERYTHING_OF_TODAY, &[Senza3]),
    ] {
        for &compatibility in compatibilities {
            let mut template = generated(definition, compatibility, &account).await.unwrap();
            template["AWSTemplateFormatVersion"] = json!("2010-09-09");
            templates.push((format!("{name}-{compatibility:?}.json"), template));
        }
    }
    let found = findings(&templates);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// How often each call was made while `definition` was generated.
async fn calls(definition: &str, account: &TestAccount) -> Vec<(String, usize)> {
    let before = account.requests().len();
    generated(definition, Senza3, account).await.unwrap();
    let mut calls: Vec<String> = account.requests().split_off(before);
    calls.sort();
    let mut counted: Vec<(String, usize)> = Vec::new();
    for call in calls {
        match counted.last_mut() {
            Some((last, count)) if *last == call => *count += 1,
            _ => counted.push((call, 1)),
        }
    }
    counted
}

fn expected(calls: &[(&str, usize)]) -> Vec<(String, usize)> {
    calls.iter().map(|(call, count)| ((*call).to_owned(), *count)).collect()
}

#[tokio::test]
async fn nothing_is_asked_twice_or_without_need() {
    let account = account_builder(AwsApi::shared().await).await;
    assert_eq!(
        calls(WEB_APPLICATION, &account).await,
        expected(&[
            ("acm:ListCertificates", 1),
            ("ec2:DescribeImages", 1),
            // Servers and internal load balancers share their subnets.
            ("ec2:DescribeNatGateways", 1),
            // All are found by their tag.
            ("ec2:DescribeSecurityGroups", 1),
            ("ec2:DescribeSubnets", 1),
            // There is no default VPC, which its subnets would tell.
            ("ec2:DescribeVpcs", 1),
            ("route53:GET /2013-04-01/hostedzone", 1),
        ])
    );
    // AWS's own network has no subnets for what is internal, so no gateway in them.
    let standard = TestAccount::builder(AwsApi::shared().await)
        .hosted_zone("example.org")
        .certificate("*.example.org")
        .security_group("app-hello-world")
        .security_group("app-hello-world-lb")
        .build()
        .await;
    assert_eq!(
        calls(WEB_APPLICATION, &standard).await,
        expected(&[
            ("acm:ListCertificates", 1),
            ("ec2:DescribeImages", 1),
            ("ec2:DescribeSecurityGroups", 1),
            ("ec2:DescribeSubnets", 1),
            ("route53:GET /2013-04-01/hostedzone", 1),
        ])
    );
    let nothing = "SenzaComponents: [{C: {Type: 'Senza::Configuration'}}]";
    assert_eq!(calls(nothing, &account).await, []);
    let by_id = "SenzaComponents: [{W: {Type: 'Senza::AutoScalingGroup', InstanceType: t3.micro, ImageId: {Ref: Image}, \
                 SecurityGroups: [sg-1]}}]";
    assert_eq!(calls(by_id, &account).await, []);
}

#[tokio::test]
async fn a_group_without_a_tag_is_found_by_its_name_in_the_only_vpc() {
    let account = TestAccount::builder(AwsApi::shared().await)
        .without_default_vpc()
        .build()
        .await;
    let ec2 = account.session().ec2();
    let made = async |cidr: &str| {
        let vpc = ec2.create_vpc().cidr_block(cidr).send().await.unwrap().vpc.unwrap();
        vpc.vpc_id.unwrap()
    };
    let group = async |name: &str, vpc_id: &str, is_tagged: bool| {
        let tag = stups_aws::ec2::types::Tag::builder().key("Name").value("app").build();
        let tags = stups_aws::ec2::types::TagSpecification::builder()
            .resource_type("security-group".into())
            .tags(tag)
            .build();
        let call = ec2
            .create_security_group()
            .group_name(name)
            .description(name)
            .vpc_id(vpc_id);
        let call = if is_tagged { call.tag_specifications(tags) } else { call };
        call.send().await.unwrap().group_id.unwrap()
    };
    let vpc_id = made("10.0.0.0/16").await;
    let subnet = ec2.create_subnet().vpc_id(&vpc_id).cidr_block("10.0.0.0/24");
    subnet.send().await.unwrap();
    let named = group("app", &vpc_id, false).await;
    let definition = "SenzaComponents: [{C: {Type: 'Senza::SubnetAutoConfiguration'}}, {W: {Type: 'Senza::AutoScalingGroup', \
                      InstanceType: t3.micro, ImageId: {Ref: Image}, SecurityGroups: [app]}}]";
    assert_eq!(
        calls(definition, &account).await,
        expected(&[
            ("ec2:DescribeSecurityGroups", 2),
            ("ec2:DescribeSubnets", 1),
            // No subnet is a default VPC's.
            ("ec2:DescribeVpcs", 1),
        ])
    );
    let chosen = async |definition: &str| {
        let template = generated(definition, Senza2, &account).await.unwrap();
        let groups = &template["Resources"]["WConfig"]["Properties"]["SecurityGroups"];
        groups[0].as_str().unwrap().to_owned()
    };
    assert_eq!(chosen(definition).await, named);
    // Elsewhere a group has the name as its tag, which comes first, but not before the stack's own VPC.
    let elsewhere = made("10.1.0.0/16").await;
    let tagged = group("other", &elsewhere, true).await;
    let in_vpc = |id: &str| definition.replace("AutoConfiguration'", &format!("AutoConfiguration', VpcId: {id}"));
    assert_eq!(chosen(&in_vpc(&vpc_id)).await, named);
    assert_eq!(chosen(&in_vpc(&elsewhere)).await, tagged);
}

#[tokio::test]
async fn what_the_account_has_is_in_the_template() {
    let account = account_builder(AwsApi::shared().await).await;
    let session = account.session();
    let template = generated(WEB_APPLICATION, Senza3, &account).await.unwrap();
    let at = |pointer: &str| template.pointer(pointer).cloned().unwrap_or_default();

    let images = session
        .ec2()
        .describe_images()
        .image_ids(at("/Mappings/Images/eu-west-1/LatestTaupageImage").as_str().unwrap());
    let images = images.send().await.unwrap();
    assert_eq!(images.images()[0].name(), Some("Taupage-Public-AMI-20261006-101500"));
    assert!(at("/Mappings/Images/eu-west-1/LatestTaupageStagingImage").is_string());
    assert!(at("/Mappings/Images/eu-west-1/LatestTaupageDevImage").is_string());

    let groups = session.ec2().describe_security_groups().send().await.unwrap();
    let group = |name: &str| {
        let found = groups
            .security_groups()
            .iter()
            .find(|group| group.group_name() == Some(name));
        json!([found.unwrap().group_id().unwrap()])
    };
    assert_eq!(
        at("/Resources/AppLoadBalancer/Properties/SecurityGroups"),
        group("app-hello-world-lb")
    );
    let data = at("/Resources/AppServerConfig/Properties/LaunchTemplateData");
    assert_eq!(data["NetworkInterfaces"][0]["Groups"], group("app-hello-world"));
    assert_eq!(
        data["BlockDeviceMappings"][0]["Ebs"],
        json!({"VolumeType": "gp3", "Encrypted": true})
    );

    let certificates = session.acm().list_certificates().send().await.unwrap();
    assert_eq!(
        at("/Resources/AppLoadBalancer/Properties/Listeners/0/SSLCertificateId").as_str(),
        certificates.certificate_summary_list()[0].certificate_arn()
    );
    assert_eq!(
        at("/Resources/AppLoadBalancerMainDomain/Properties/Name"),
        "hello-world.example.org."
    );
    for mapping in ["ServerSubnets", "LoadBalancerSubnets", "LoadBalancerInternalSubnets"] {
        let subnets = at(&format!("/Mappings/{mapping}/eu-west-1/Subnets"));
        assert_eq!(subnets.as_array().unwrap().len(), 3, "{mapping}");
    }
}

#[tokio::test]
async fn what_the_account_lacks_is_named() {
    let account = account_builder(AwsApi::shared().await).await;
    for (from, to, expected) in [
        (
            "SecurityGroups: [app-hello-world]",
            "SecurityGroups: [app-absent]",
            "\"app-absent\" does not exist",
        ),
        (
            "HealthCheckPath: /",
            "MainDomain: app.example.net",
            "SenzaComponents/AppLoadBalancer/MainDomain: No Domain configured: there is no hosted zone for app.example.net \
             (the account has example.org)",
        ),
        (
            "HealthCheckPath: /",
            "MainDomain: a.b.example.org",
            "SenzaComponents/AppLoadBalancer/SSLCertificateId: Could not find any matching SSL certificate for \"a.b.example.org\"",
        ),
        (
            "HealthCheckPath: /",
            "SSLCertificateId: 'arn:aws:acm:eu-west-1:123456789012:certificate/absent'",
            "SenzaComponents/AppLoadBalancer/SSLCertificateId: ",
        ),
        (
            "SecurityGroups: [app-hello-world]",
            "SecurityGroups: [{Stack: absent, Output: X}]",
            "SenzaComponents/AppServer/SecurityGroups/0: ",
        ),
        (
            "SecurityGroups: [app-hello-world]",
            "SecurityGroups: [{Stack: absent, LogicalId: X}]",
            "SenzaComponents/AppServer/SecurityGroups/0: ",
        ),
    ] {
        let definition = WEB_APPLICATION.replace(from, to);
        assert_ne!(definition, WEB_APPLICATION);
        let error = generated(&definition, Senza3, &account).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn images_may_stand_in_parameters() {
    let account = account_builder(AwsApi::shared().await).await;
    for (name, value) in [("/images/base", "ami-0000000b"), ("/images/text", "none")] {
        let put = account.session().ssm().put_parameter().name(name).value(value);
        put.r#type("String".into()).send().await.unwrap();
    }
    let held = json!("ami-0000000b");
    for (component_type, name, compatibility, image) in [
        ("Configuration", "Base", Senza3, Some(&held)),
        ("SubnetAutoConfiguration", "Base", Senza3, Some(&held)),
        ("StupsAutoConfiguration", "Base", Senza3, Some(&held)),
        ("StupsAutoConfiguration", "LatestTaupageImage", Senza3, Some(&held)),
        ("Configuration", "Base", Senza2, None),
    ] {
        let definition = format!(
            "SenzaComponents: [{{C: {{Type: 'Senza::{component_type}', ImageParameters: {{{name}: /images/base}}}}}}]"
        );
        let template = generated(&definition, compatibility, &account).await.unwrap();
        let found = template.pointer(&format!("/Mappings/Images/eu-west-1/{name}"));
        assert_eq!(found, image, "{component_type} {name}");
    }
    for (parameters, expected) in [
        (
            "{Base: /images/none}",
            "C/ImageParameters/Base: there is no parameter \"/images/none\" in eu-west-1 that holds",
        ),
        (
            "{Base: /images/text}",
            "C/ImageParameters/Base: there is no parameter \"/images/text\" in eu-west-1 that holds",
        ),
        ("{Base: ''}", "C/ImageParameters/Base: must be the name of a parameter"),
        ("/images/base", "C/ImageParameters: must be a map"),
    ] {
        let definition =
            format!("SenzaComponents: [{{C: {{Type: 'Senza::Configuration', ImageParameters: {parameters}}}}}]");
        let error = generated(&definition, Senza3, &account).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn other_stacks_and_roles_are_read() {
    let account = account_builder(AwsApi::shared().await).await;
    let session = account.session();
    let base = json!({
        "Resources": {
            "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "base"}},
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}},
        },
        "Outputs": {"GroupId": {"Value": {"Fn::GetAtt": ["Group", "GroupId"]}}},
    });
    let base = base.to_string();
    session
        .cloudformation()
        .create_stack()
        .stack_name("base")
        .template_body(base)
        .send()
        .await
        .unwrap();
    let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::a+b %/ü"}]});
    for role in ["app-hello-world", "other"] {
        if role == "other" {
            let created = session
                .iam()
                .create_role()
                .role_name(role)
                .assume_role_policy_document("{}");
            created.send().await.unwrap();
        }
        let policy = session
            .iam()
            .put_role_policy()
            .role_name(role)
            .policy_name(format!("{role}-policy"));
        policy.policy_document(document.to_string()).send().await.unwrap();
    }
    let definition = "SenzaComponents: [{W: {Type: 'Senza::AutoScalingGroup', InstanceType: t3.micro, ImageId: {Ref: Image}, \
                      SecurityGroups: [{Stack: base, LogicalId: Group}, {Stack: base, Output: GroupId}], \
                      IamRoles: [app-hello-world, other]}}]";
    let template = generated(definition, Senza2, &account).await.unwrap();
    let groups = &template["Resources"]["WConfig"]["Properties"]["SecurityGroups"];
    assert!(groups[0].as_str().unwrap().starts_with("sg-"), "{groups}");
    assert_eq!(groups[0], groups[1]);
    assert_eq!(
        template["Resources"]["WRole"]["Properties"]["Policies"],
        json!([
            {"PolicyName": "app-hello-world-policy", "PolicyDocument": document},
            {"PolicyName": "other-policy", "PolicyDocument": document},
        ])
    );
}

#[tokio::test]
async fn the_vpc_says_which_of_its_zones_it_sees() {
    use stups_aws::route53::types::{HostedZoneConfig, Vpc as ZoneVpc};
    let account = TestAccount::builder(AwsApi::shared().await)
        .without_default_vpc()
        .build()
        .await;
    let session = account.session();
    let made = async |cidr: &str| {
        let answer = session.ec2().create_vpc().cidr_block(cidr).send().await.unwrap();
        answer.vpc.unwrap().vpc_id.unwrap()
    };
    let (other, own) = (made("10.1.0.0/16").await, made("10.2.0.0/16").await);
    let mut zones = Vec::new();
    for (number, vpc) in [&other, &own].into_iter().enumerate() {
        let vpc = ZoneVpc::builder()
            .vpc_id(vpc)
            .vpc_region(session.region().into())
            .build();
        let zone = session
            .route53()
            .create_hosted_zone()
            .name("internal.example.org")
            .vpc(vpc)
            .hosted_zone_config(HostedZoneConfig::builder().private_zone(true).build())
            .caller_reference(number.to_string())
            .send()
            .await
            .unwrap();
        let id = zone.hosted_zone.unwrap().id;
        zones.push(id.trim_start_matches("/hostedzone/").to_owned());
    }
    for (vpc_id, expected) in [(other, &zones[0]), (own, &zones[1])] {
        let asked = Account::new(session.clone(), Terminal::captured("").0, Settings::default());
        asked.set_stack_network(StackNetwork {
            vpc_id,
            has_internal_subnets: true,
        });
        let found = asked.zone_of("app.internal.example.org", true).await.unwrap();
        assert_eq!(found.map(|zone| &zone.id), Some(expected));
    }
}

#[tokio::test]
async fn account_info() {
    let api = AwsApi::shared().await;
    let bucket = |account: &str, region: &str| format!("acme-stups-mint-{account}-{region}");
    let account = account_builder(api).await;
    let (terminal, _) = Terminal::captured("");
    let asked = Account::new(account.session(), terminal.clone(), Settings::default());
    let vpcs = account.session().ec2().describe_vpcs().send().await.unwrap();
    for (name, expected) in [
        ("Region", Some("eu-west-1".to_owned())),
        ("AccountID", Some(account.id().to_owned())),
        ("AccountAlias", Some("acme-demo".to_owned())),
        ("TeamID", Some("demo".to_owned())),
        ("Domain", Some("example.org".to_owned())),
        ("VpcID", vpcs.vpcs()[0].vpc_id().map(str::to_owned)),
        ("MintBucket", Some(bucket(account.id(), "eu-west-1"))),
        ("Other", None),
    ] {
        assert_eq!(asked.info(name).await.unwrap(), expected.map(Json::from), "{name}");
    }
    let nobody = TestAccount::builder(api)
        .region("eu-west-1")
        .without_default_vpc()
        .build()
        .await;
    let asked = Account::new(nobody.session(), terminal, Settings::default());
    for (name, expected) in [
        ("TeamID", "The AWS account has no alias"),
        ("Domain", "No Domain configured"),
        ("VpcID", "Fatal Error: there is no VPC in eu-west-1"),
    ] {
        let error = asked.info(name).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
