//! At 2.1 `senza print` gives the same JSON value as the original for the same definition in the same account, and refuses what
//! the original refuses.

mod original_support;
mod template_support;

use std::path::Path;

use original_support::original;
use serde_json::Value as Json;
use stups_testkit::{Account, AwsApi};
use template_support::{Files, senza};

/// What definitions refer to in another stack.
const BASE: &str = r#"{
    "Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}},
    "Outputs": {"Host": {"Value": "database.example.org"}, "Number": {"Value": "0755"}}
}"#;

/// One definition of tests/data/definitions: the words after its name on the command line stand in its first line.
struct Case {
    name: String,
    arguments: Vec<String>,
}

fn cases() -> Vec<Case> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/definitions");
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let words = text
                .lines()
                .next()
                .and_then(|line| line.strip_prefix("# words: "))
                .unwrap();
            let path = path.to_str().unwrap().to_owned();
            Case {
                name: path.rsplit('/').next().unwrap().to_owned(),
                arguments: ["print".to_owned(), path]
                    .into_iter()
                    .chain(words.split(' ').map(str::to_owned))
                    .chain(["--force".to_owned()])
                    .collect(),
            }
        })
        .collect()
}

/// Where two values differ, and how.
fn differences(path: &str, original: &Json, ours: &Json, found: &mut Vec<String>) {
    match (original, ours) {
        (Json::Object(original), Json::Object(ours)) => {
            for key in original
                .keys()
                .chain(ours.keys().filter(|key| !original.contains_key(*key)))
            {
                let path = format!("{path}/{key}");
                differences(
                    &path,
                    original.get(key).unwrap_or(&Json::from("<absent>")),
                    ours.get(key).unwrap_or(&Json::from("<absent>")),
                    found,
                );
            }
        }
        (Json::Array(original), Json::Array(ours)) if original.len() == ours.len() => {
            for (position, (original, ours)) in original.iter().zip(ours).enumerate() {
                differences(&format!("{path}/{position}"), original, ours, found);
            }
        }
        _ if original == ours => {}
        _ => found.push(format!("{path}:\n  original {original}\n  ours     {ours}")),
    }
}

async fn compare_in(account: &Account) {
    let create = account.session().cloudformation().create_stack();
    create.stack_name("base-1").template_body(BASE).send().await.unwrap();
    let cases = cases();
    assert!(cases.len() >= 16);
    let lines: Vec<&[String]> = cases.iter().map(|case| case.arguments.as_slice()).collect();
    let mut found = Vec::new();
    for (case, original) in cases.iter().zip(original(account, &lines, "")) {
        assert_eq!(
            original["exit_code"],
            0,
            "{}: {}",
            case.name,
            original["stderr"].as_str().unwrap()
        );
        let expected: Json = serde_json::from_str(original["stdout"].as_str().unwrap()).unwrap();
        let mut arguments: Vec<&str> = case.arguments.iter().map(String::as_str).collect();
        arguments.extend(["--compat", "2.1"]);
        let printed = senza(account, &arguments).await.success().json();
        differences(&case.name, &expected, &printed, &mut found);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn templates_are_the_same_in_a_new_account() {
    let account = Account::builder(AwsApi::shared().await)
        .hosted_zone("stups.example.org")
        .certificate("*.stups.example.org")
        .alias("acme-demo")
        .security_group("app-hello-world")
        .security_group("app-hello-world-lb")
        .role("app-hello-world")
        .role("other-role")
        .sns_topic("operators")
        .build()
        .await;
    compare_in(&account).await;
}

#[tokio::test]
async fn templates_are_the_same_in_an_account_with_the_stups_network() {
    let account = Account::builder(AwsApi::shared().await)
        .stups_network()
        .hosted_zone("stups.example.org")
        .certificate("*.stups.example.org")
        .alias("acme")
        .security_group("app-hello-world")
        .security_group("app-hello-world-lb")
        .role("app-hello-world")
        .role("other-role")
        .sns_topic("my-operators")
        .sns_topic("operators")
        .image("Taupage-AMI-20260101-000000")
        .build()
        .await;
    compare_in(&account).await;
}

fn group(rest: &str) -> String {
    format!("Type: 'Senza::AutoScalingGroup', InstanceType: t, Image: I, {rest}")
}

fn scaling(rules: &str) -> String {
    group(&format!("AutoScaling: {{Minimum: 1, Maximum: 2, {rules}}}"))
}

fn taupage(config: &str) -> String {
    format!("Type: 'Senza::TaupageAutoScalingGroup', InstanceType: t, TaupageConfig: {{{config}}}")
}

fn balancer(of: &str, rest: &str) -> String {
    format!("Type: 'Senza::{of}', HTTPPort: 80, SecurityGroups: [app-hello-world], {rest}")
}

/// A component that is refused, how the original and ours end, and what ours says. The original's exit code is 1 also for a stack
/// trace, and 0 for what AWS refuses later.
fn refused() -> Vec<(String, i64, u8, &'static str)> {
    vec![
        (
            "Type: 'Senza::Nothing'".to_owned(),
            2,
            2,
            "Component \"Senza::Nothing\" does not exist",
        ),
        (
            "Type: 'Acme::Foo'".to_owned(),
            2,
            2,
            "Component \"Acme::Foo\" does not exist",
        ),
        ("InstanceType: t".to_owned(), 1, 1, "SenzaComponents/X: Type is missing"),
        (
            "Type: 'Senza::AutoScalingGroup', Image: I".to_owned(),
            1,
            2,
            "X/InstanceType: is missing",
        ),
        (
            "Type: 'Senza::AutoScalingGroup', InstanceType: t".to_owned(),
            1,
            2,
            "X/Image: is missing",
        ),
        (
            group("SecurityGroups: [nobody]"),
            1,
            1,
            "Security Group \"nobody\" does not exist.\nRun `senza init`",
        ),
        (
            group("IamRoles: [app-hello-world, {Ref: R}]"),
            2,
            2,
            "X/IamRoles/1: policies can only be merged",
        ),
        (
            group("IamRoles: [app-hello-world, nobody]"),
            1,
            1,
            "X/IamRoles/1: IAM role \"nobody\" does not exist",
        ),
        (
            group("AutoScaling: {Minimum: 1}"),
            1,
            2,
            "X/AutoScaling/Maximum: is missing",
        ),
        (
            group("AutoScaling: {Minimum: 1, Maximum: x}"),
            0,
            2,
            "X/AutoScaling/Maximum: must be an integer",
        ),
        (
            scaling("MetricType: Disk"),
            2,
            2,
            "Auto scaling MetricType \"Disk\" not supported",
        ),
        (
            scaling("SuccessRequires: 1 in 5m"),
            2,
            2,
            "Unknown ASG success requirement \"1 in 5m\"",
        ),
        (
            scaling("SuccessRequires: 1 within 5y"),
            2,
            2,
            "Unknown ASG success requirement \"1 within 5y\"",
        ),
        (
            scaling("SuccessRequires: 1 within 5s4h"),
            2,
            2,
            "Unknown ASG success requirement \"1 within 5s4h\"",
        ),
        (
            scaling("SuccessRequires: ''"),
            2,
            2,
            "Unknown ASG success requirement \"\"",
        ),
        (
            scaling("MetricType: NetworkIn, ScaleDownThreshold: 1, ScaleUpThreshold: 5 Donkeys"),
            2,
            2,
            "unit must be one of",
        ),
        (
            scaling("MetricType: NetworkIn, ScaleDownThreshold: 1, ScaleUpThreshold: 5 gb"),
            2,
            2,
            "unit must be one of",
        ),
        (
            scaling("MetricType: NetworkIn, ScaleDownThreshold: 1, ScaleUpThreshold: 5.7GB"),
            2,
            2,
            "Unknown network threshold",
        ),
        (
            taupage("source: 'a/b:1'"),
            2,
            2,
            "TaupageConfig/runtime: must be \"Docker\"",
        ),
        (
            taupage("source: 'a/b:1', runtime: docker"),
            2,
            2,
            "TaupageConfig/runtime: must be \"Docker\"",
        ),
        (
            taupage("runtime: Docker"),
            2,
            2,
            "TaupageConfig/source: must be specified",
        ),
        (
            taupage("runtime: Docker, source: 'a/b:1', application_id: 42yolo"),
            2,
            2,
            "Application id must satisfy",
        ),
        (
            taupage("runtime: Docker, source: 'a/b:1', application_id: test-APP"),
            2,
            2,
            "Application id must satisfy",
        ),
        (
            taupage("runtime: Docker, source: 'a/b:1', application_version: '1.'"),
            2,
            2,
            "Application version must satisfy",
        ),
        (
            balancer("ElasticLoadBalancer", "HealthCheckProtocol: FOO"),
            2,
            2,
            "Protocol \"FOO\" is not supported",
        ),
        (
            balancer("ElasticLoadBalancerV2", "HealthCheckProtocol: TCP"),
            2,
            2,
            "Protocol \"TCP\" is not supported",
        ),
        (
            balancer("ElasticLoadBalancer", "Scheme: public"),
            2,
            2,
            "Scheme \"public\" is not supported",
        ),
        (
            balancer("ElasticLoadBalancer", "SSLCertificateId: nobody"),
            1,
            1,
            "Server Certificate with name nobody cannot be found",
        ),
        (
            balancer(
                "ElasticLoadBalancer",
                "SSLCertificateId: 'arn:aws:acm:us-east-1:1:certificate/nobody'",
            ),
            1,
            1,
            "X/SSLCertificateId: Certificate with arn",
        ),
        (
            balancer("WeightedDnsElasticLoadBalancer", "MainDomain: a.b.stups.example.org"),
            1,
            1,
            "Could not find any matching SSL certificate for \"a.b.stups.example.org\"",
        ),
        (
            balancer("WeightedDnsElasticLoadBalancer", "MainDomain: other.invalid"),
            1,
            1,
            "No Domain configured",
        ),
        (
            "Type: 'Senza::IamRole', MergePoliciesFromIamRoles: [nobody]".to_owned(),
            1,
            1,
            "IAM role \"nobody\" does not exist",
        ),
        (
            "Type: 'Senza::Elastigroup', InstanceType: t".to_owned(),
            2,
            2,
            "You have to specify your SpotinstAccessToken attribute",
        ),
    ]
}

#[tokio::test]
async fn what_the_original_refuses_is_refused() {
    let account = Account::builder(AwsApi::shared().await)
        .hosted_zone("stups.example.org")
        .certificate("*.stups.example.org")
        .alias("acme-demo")
        .security_group("app-hello-world")
        .role("app-hello-world")
        .build()
        .await;
    let files = Files::new();
    let refused = refused();
    let lines: Vec<Vec<String>> = refused
        .iter()
        .enumerate()
        .map(|(index, (component, ..))| {
            let definition = format!(
                "SenzaInfo: {{StackName: refused}}\nSenzaComponents:\n- C: {{Type: 'Senza::StupsAutoConfiguration'}}\n\
                 - X: {{{component}}}\nResources: {{}}\n"
            );
            let path = files.write(&format!("{index}.yaml"), definition);
            vec!["print".to_owned(), path, "1".to_owned(), "--force".to_owned()]
        })
        .collect();
    let borrowed: Vec<&[String]> = lines.iter().map(Vec::as_slice).collect();
    for ((line, original), (component, theirs, ours, message)) in
        lines.iter().zip(original(&account, &borrowed, "")).zip(refused)
    {
        assert_eq!(original["exit_code"], theirs, "{component}: {}", original["stderr"]);
        let mut words: Vec<&str> = line.iter().map(String::as_str).collect();
        words.extend(["--compat", "2.1"]);
        senza(&account, &words).await.failure(ours, message);
    }
}
