//! Against a real AWS API, and the templates against CloudFormation's own rules (cfn-lint).

use std::process::Command;

use serde_json::json;
use stups_testkit::{Account as TestAccount, AwsApi, PythonEnvironment, Requirements};

use super::*;

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
    let account = Account::new(account.session(), terminal.clone());
    run(definition, compatibility, &account, &terminal, false).await
}

/// What cfn-lint finds in a template: errors, warnings and hints.
fn findings(template: &Json) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("template.json");
    std::fs::write(&path, template.to_string()).unwrap();
    let environment = PythonEnvironment::get(Requirements::AwsApi).unwrap();
    let output = Command::new(environment.executable("cfn-lint"))
        .args(["--regions", "eu-west-1", "--format", "json", "-t"])
        .arg(&path)
        .output()
        .unwrap();
    let findings: Json = serde_json::from_slice(&output.stdout).unwrap();
    let findings = findings.as_array().unwrap().iter();
    findings
        .map(|finding| {
            let place = finding.pointer("/Location/Path").unwrap();
            format!("{} {} at {place}", finding["Rule"]["Id"], finding["Message"])
        })
        .collect()
}

#[tokio::test]
async fn templates_are_valid_cloudformation() {
    let account = account_builder(AwsApi::shared().await).await;
    for definition in [WEB_APPLICATION, WORKERS, MIXED] {
        for compatibility in [Senza2, Senza3] {
            let mut template = generated(definition, compatibility, &account).await.unwrap();
            template["AWSTemplateFormatVersion"] = json!("2010-09-09");
            assert_eq!(
                findings(&template),
                Vec::<String>::new(),
                "{definition} {compatibility:?}"
            );
        }
    }
}
