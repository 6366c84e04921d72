//! `senza init`

use std::path::Path;

use stups_aws::ec2::types::SecurityGroup;
use stups_terminal::Terminal;
use stups_testkit::{Account, AwsApi};

use crate::account::{Outcome, account, senza_on};

/// Runs `senza init` with `words` for the file, answering with the lines of `answers`.
async fn init(account: &Account, file: &Path, words: &[&str], answers: &str) -> Outcome {
    let mut all = vec!["init", file.to_str().unwrap()];
    all.extend(words);
    senza_on(Terminal::captured(answers), &account.session(), &all).await
}

async fn group(account: &Account, name: &str) -> Option<SecurityGroup> {
    let answer = account.session().ec2().describe_security_groups().send().await.unwrap();
    answer
        .security_groups
        .unwrap()
        .into_iter()
        .find(|group| group.group_name() == Some(name))
}

/// The rules of a group: protocol, first port, and the groups and ranges that are let in.
fn rules(group: &SecurityGroup) -> Vec<(String, Option<i32>, Vec<String>)> {
    let mut rules: Vec<_> = group
        .ip_permissions()
        .iter()
        .map(|rule| {
            let groups = rule.user_id_group_pairs().iter().filter_map(|pair| pair.group_id());
            let sources = rule
                .ip_ranges()
                .iter()
                .filter_map(|range| range.cidr_ip())
                .chain(groups);
            let port = rule.from_port().filter(|port| *port >= 0);
            (
                rule.ip_protocol().unwrap().to_owned(),
                port,
                sources.map(str::to_owned).collect(),
            )
        })
        .collect();
    rules.sort();
    rules
}

async fn policy(account: &Account, role: &str) -> Option<String> {
    let answer = account
        .session()
        .iam()
        .get_role_policy()
        .role_name(role)
        .policy_name(role)
        .send()
        .await
        .ok()?;
    Some(percent_decoded(answer.policy_document()))
}

/// IAM returns documents as they would stand in a URL.
fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(2);
        decoded.push(char::from(u8::from_str_radix(code, 16).unwrap()));
        decoded.push_str(rest);
    }
    decoded
}

#[tokio::test]
async fn the_walkthrough_with_default_answers() {
    let account = account().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("helloworld.yaml");
    // template, five questions, no Mint, scheme, two groups, role
    let outcome = init(&account, &file, &[], &"\n".repeat(11)).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let directory_name = directory.path().to_str().unwrap();
    insta::assert_snapshot!("init_stdout", outcome.stdout.replace(directory_name, "<directory>"));
    insta::assert_snapshot!("init_stderr", outcome.stderr.replace(directory_name, "<directory>"));
    let definition = std::fs::read_to_string(&file).unwrap();
    insta::assert_snapshot!("init_definition", definition);

    let lb = group(&account, "app-hello-world-lb").await.unwrap();
    assert_eq!(
        rules(&lb),
        [("tcp".to_owned(), Some(443), vec!["0.0.0.0/0".to_owned()])]
    );
    let app = group(&account, "app-hello-world").await.unwrap();
    let id = |group: &SecurityGroup| group.group_id().unwrap().to_owned();
    assert_eq!(
        rules(&app),
        [
            ("-1".to_owned(), None, vec![id(&app)]),
            ("tcp".to_owned(), Some(22), vec!["172.31.0.0/16".to_owned()]),
            ("tcp".to_owned(), Some(8080), vec![id(&lb)]),
        ]
    );
    assert!(
        app.tags()
            .iter()
            .any(|tag| tag.key() == Some("Name") && tag.value() == Some("app-hello-world"))
    );
    let role = account
        .session()
        .iam()
        .get_role()
        .role_name("app-hello-world")
        .send()
        .await
        .unwrap();
    assert!(
        role.role()
            .unwrap()
            .assume_role_policy_document()
            .unwrap()
            .contains("ec2.amazonaws.com")
    );
    assert_eq!(policy(&account, "app-hello-world").await, None);
}

#[tokio::test]
async fn a_second_run_keeps_everything_and_says_what_is_missing() {
    let account = account().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.yaml");
    let outcome = init(&account, &file, &["-t", "webapp"], &"\n".repeat(10)).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let before = rules(&group(&account, "app-hello-world").await.unwrap());

    let outcome = init(&account, &file, &["-t", "webapp"], &"\n".repeat(10)).await;
    assert_eq!(outcome.exit_code, 1);
    assert!(
        outcome
            .stderr
            .ends_with("a.yaml exists already. Use --force to replace it.\n"),
        "{}",
        outcome.stderr
    );

    let words = [
        "-t",
        "webapp",
        "--force",
        "-v",
        "http_port=9090",
        "-v",
        "mint_bucket=my-mint-bucket",
    ];
    let outcome = init(&account, &file, &words, "\n\n\n\n\ny\n").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains(
            "Security group app-hello-world does not allow inbound TCP traffic on the specified HTTP port (9090)\n"
        ),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains("SSH access"), "{}", outcome.stderr);
    assert_eq!(rules(&group(&account, "app-hello-world").await.unwrap()), before);
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .contains("9090: 9090\n        mint_bucket: \"my-mint-bucket\"\n")
    );
    let policy = policy(&account, "app-hello-world").await.unwrap();
    assert!(policy.contains("arn:aws:s3:::my-mint-bucket/hello-world/*"), "{policy}");
}

#[tokio::test]
async fn groups_of_an_interrupted_run_get_their_rules() {
    let account = account().await;
    let ec2 = account.session().ec2();
    let vpcs = ec2.describe_vpcs().send().await.unwrap();
    for name in ["app-hello-world", "app-hello-world-lb"] {
        let group = ec2
            .create_security_group()
            .group_name(name)
            .description("Application security group")
            .vpc_id(vpcs.vpcs()[0].vpc_id().unwrap());
        group.send().await.unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.yaml");
    let outcome = init(&account, &file, &["-t", "webapp"], &"\n".repeat(10)).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("does not allow"), "{}", outcome.stderr);

    let fresh = self::account().await;
    let outcome = init(
        &fresh,
        &directory.path().join("b.yaml"),
        &["-t", "webapp"],
        &"\n".repeat(10),
    )
    .await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    for name in ["app-hello-world", "app-hello-world-lb"] {
        // Protocols and ports; ids differ between accounts.
        let ports = async |account: &Account| -> Vec<_> {
            let rules = rules(&group(account, name).await.unwrap());
            rules.into_iter().map(|(protocol, port, _)| (protocol, port)).collect()
        };
        assert_eq!(ports(&account).await, ports(&fresh).await, "{name}");
        assert!(!ports(&account).await.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn an_image_from_pier_one_gets_its_bucket() {
    let account = account().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.yaml");
    let words = [
        "-t",
        "webapp",
        "-v",
        "docker_image=pierone.example.org/team/app",
        "-v",
        "application_id=app",
    ];
    let outcome = init(&account, &file, &words, &"\n".repeat(8)).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let bucket = format!("acme-stups-mint-{}-us-east-1", account.id());
    assert!(
        outcome.stdout.contains(&format!("Mint S3 bucket name [{bucket}]: ")),
        "{}",
        outcome.stdout
    );
    assert!(
        policy(&account, "app-app")
            .await
            .unwrap()
            .contains(&format!("arn:aws:s3:::{bucket}/app/*"))
    );
}

#[tokio::test]
async fn the_policy_of_a_role_that_is_there_is_overwritten_on_request_only() {
    const QUESTION: &str = "IAM role app-app already exists. Do you want Senza to overwrite the role policy? [y/N]: ";
    let api = AwsApi::shared().await;
    let builder = Account::builder(api).alias("acme-demo").security_group("app-app");
    let account = builder.security_group("app-app-lb").role("app-app").build().await;
    let directory = tempfile::tempdir().unwrap();
    let words = [
        "-t",
        "bgapp",
        "-v",
        "application_id=app",
        "-v",
        "docker_image=pierone.example.org/team/app",
    ];
    for (answer, is_written) in [("n", false), ("", false), ("y", true)] {
        let file = directory.path().join(format!("{answer}.yaml"));
        // type, bucket, the role's policy
        let outcome = init(&account, &file, &words, &format!("\n\n{answer}\n")).await;
        assert_eq!(outcome.exit_code, 0, "{}\n{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stdout.contains(QUESTION), "{}", outcome.stdout);
        assert_eq!(policy(&account, "app-app").await.is_some(), is_written, "{answer}");
    }
}

#[tokio::test]
async fn a_bastion_s_group_is_the_only_way_in_by_ssh() {
    let api = AwsApi::shared().await;
    let account = Account::builder(api)
        .alias("acme-demo")
        .security_group("Odd (SSH Bastion Host)")
        .build()
        .await;
    let directory = tempfile::tempdir().unwrap();
    let outcome = init(
        &account,
        &directory.path().join("a.yaml"),
        &["-t", "webapp"],
        &"\n".repeat(10),
    )
    .await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let bastion = group(&account, "Odd (SSH Bastion Host)").await.unwrap();
    let app = group(&account, "app-hello-world").await.unwrap();
    let ssh = ("tcp".to_owned(), Some(22), vec![bastion.group_id().unwrap().to_owned()]);
    assert!(rules(&app).contains(&ssh), "{:?}", rules(&app));
}

#[tokio::test]
async fn what_is_declined_is_not_made() {
    let account = account().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.yaml");
    let outcome = init(&account, &file, &["-t", "webapp"], "\n\n\n\n\n\n\nn\nn\nn\n").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert!(group(&account, "app-hello-world").await.is_none());
    assert!(group(&account, "app-hello-world-lb").await.is_none());
    assert!(
        account
            .session()
            .iam()
            .get_role()
            .role_name("app-hello-world")
            .send()
            .await
            .is_err()
    );
    assert!(file.exists());
}

#[tokio::test]
async fn without_all_answers_nothing_is_written() {
    let account = account().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.yaml");
    let outcome = init(&account, &file, &[], "1\nmy-app\n").await;
    assert_eq!(outcome.exit_code, 1);
    assert!(outcome.stderr.ends_with("Aborted!\n"), "{}", outcome.stderr);
    assert!(!file.exists());
    for (variable, expected) in [
        ("http_port=x", "\"x\" is not a port (1 to 65535)"),
        ("application_id=1a", "did not match regex"),
        ("colour=red", "Unknown user variable \"colour\""),
        ("nothing", "(must be KEY=VAL)"),
    ] {
        let outcome = init(&account, &file, &["-t", "webapp", "-v", variable], "\n\n\n\n\n\n").await;
        assert_eq!(outcome.exit_code, 2, "{variable}");
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
        assert!(!file.exists());
    }
}

#[tokio::test]
async fn stdout_gets_the_definition_and_nothing_else_when_all_is_answered() {
    let api = AwsApi::shared().await;
    let account = Account::builder(api)
        .alias("acme-demo")
        .security_group("app-x")
        .security_group("app-x-lb")
        .role("app-x")
        .build()
        .await;
    let words = [
        "init",
        "-t",
        "webapp",
        "-v",
        "application_id=x",
        "-v",
        "docker_image=stups/hello-world",
        "-v",
        "http_port=80",
        "-v",
        "http_health_check_path=/",
        "-v",
        "instance_type=t3.small",
        "-v",
        "mint_bucket=bucket",
        "-v",
        "loadbalancer_scheme=internet-facing",
        "-",
    ];
    // The one question left is whether the role's policy may be replaced.
    let outcome = senza_on(Terminal::captured("n\n"), &account.session(), &words).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let definition = outcome
        .stdout
        .strip_prefix("IAM role app-x already exists. Do you want Senza to overwrite the role policy? [y/N]: ")
        .unwrap();
    let definition = stups_yaml::load(definition).unwrap();
    assert_eq!(
        definition.get("SenzaInfo").unwrap().get("StackName").unwrap().as_str(),
        Some("x")
    );
}

#[tokio::test]
async fn what_was_written_is_a_row_where_a_program_asks() {
    let account = account().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.yaml");
    let outcome = init(&account, &file, &["-y", "-t", "static", "-o", "tsv"], "").await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert_eq!(
        outcome.stdout,
        format!(
            "definition_file\ttemplate\tresult\n{}\tstatic\twritten\n",
            file.display()
        )
    );
    let definition = std::fs::read_to_string(&file).unwrap();
    let outcome = init(&account, Path::new("-"), &["-y", "-t", "static", "-o", "json"], "").await;
    assert_eq!(outcome.stdout, definition, "it is no table");
}
