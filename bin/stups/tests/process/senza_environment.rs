//! What Senza takes from its environment.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use stups_testkit::{Account, AwsApi};

use crate::support::{run, scratch, stups};

#[test]
fn completion_scripts_as_start_up_files_ask_for_them() {
    let script = |instruction: &str| run(stups().arg("senza").env("_SENZA_COMPLETE", instruction));
    for (instruction, sign) in [
        ("bash_source", "complete -F"),
        ("source", "complete -F"),
        ("zsh_source", "#compdef senza"),
        ("fish_source", "complete -c senza"),
    ] {
        assert!(script(instruction).succeeds().contains(sign), "{instruction}");
    }
    let outcome = script("tcsh_source");
    assert_eq!((outcome.exit_code, outcome.stdout.as_str()), (2, ""));
    assert!(
        outcome.stderr.contains("_SENZA_COMPLETE is \"tcsh_source\""),
        "{}",
        outcome.stderr
    );
}

#[test]
fn without_a_region_nothing_is_done() {
    let home = scratch();
    let mut command = stups();
    command.args(["senza", "list"]).env_clear().env("HOME", home.path());
    let outcome = run(&mut command);
    assert_eq!((outcome.exit_code, outcome.stdout.as_str()), (2, ""));
    assert!(
        outcome.stderr.contains("Error: Please specify the AWS region"),
        "{}",
        outcome.stderr
    );
}

#[tokio::test]
async fn access_is_requested_through_the_region_s_bastion() {
    let account = Account::standard(AwsApi::shared().await).await;
    let session = account.session();
    let route53 = session.route53();
    let zones = route53.list_hosted_zones().send().await.unwrap();
    let zone = zones.hosted_zones().first().unwrap().id();
    let cloudformation = session
        .cloudformation()
        .create_stack()
        .stack_name("odd-1")
        .template_body(format!(
            r#"{{"Resources": {{"Odd": {{"Type": "AWS::Route53::RecordSet", "Properties": {{
            "HostedZoneId": "{zone}", "Name": "odd-us-east-1.stups.example.org.", "Type": "A", "TTL": "60",
            "ResourceRecords": ["127.0.0.1"]}}}}}}}}"#,
            zone = zone.trim_start_matches("/hostedzone/"),
        ));
    cloudformation.send().await.unwrap();
    let images = session.ec2().describe_images().send().await.unwrap();
    let image = images.images().first().and_then(|image| image.image_id()).unwrap();
    let instances = session
        .ec2()
        .run_instances()
        .image_id(image)
        .min_count(1)
        .max_count(1)
        .send()
        .await
        .unwrap();
    let instance = instances.instances().first().unwrap();

    // A piu that writes down how it was called.
    let directory = scratch();
    let (piu, calls) = (directory.path().join("piu"), directory.path().join("calls"));
    fs::write(&piu, format!("#!/bin/sh\nprintf '%s|' \"$@\" >> {}\n", calls.display())).unwrap();
    fs::set_permissions(&piu, fs::Permissions::from_mode(0o755)).unwrap();

    let senza = |words: &[&str], odd_host: Option<&str>| {
        let mut command = stups();
        command
            .args(["senza", "instances", "--all", "-p", "disk full"])
            .args(words);
        command
            .envs(account.environment())
            .env_remove("AWS_PROFILE")
            .env_remove("ODD_HOST");
        command.env("PATH", format!("{}:/usr/bin:/bin", directory.path().display()));
        command.envs(odd_host.map(|host| ("ODD_HOST", host)));
        run(&mut command).succeeds();
        let call = fs::read_to_string(&calls).unwrap();
        fs::remove_file(&calls).unwrap();
        call
    };
    let start = format!(
        "request-access|{}|disk full via senza|--connect|-O|",
        instance.private_ip_address().unwrap()
    );
    assert_eq!(senza(&[], None), format!("{start}odd-us-east-1.stups.example.org|"));
    assert_eq!(senza(&[], Some("odd.example.net")), format!("{start}odd.example.net|"));
    assert_eq!(
        senza(&["-O", "mine.example.net"], Some("odd.example.net")),
        format!("{start}mine.example.net|")
    );
}
