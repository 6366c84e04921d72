//! `senza patch`

use std::collections::BTreeSet;

use stups_aws::ec2::types::InstanceType;
use stups_terminal::Terminal;
use stups_testkit::{Account, AwsApi};

use crate::account::{account, senza, senza_on};
use crate::groups::{assert_untouched, configuration, decoded, group, ids, image, with_configuration, with_template};
use crate::proxy::{Proxy, Verdict};

#[tokio::test]
async fn a_launch_configuration_is_replaced_by_a_changed_copy() {
    let account = account().await;
    let name = with_configuration(&account, "app-1", (1, 1, 1)).await;
    let before = group(&account, &name).await;
    let old = configuration(&account, &before).await;
    let words = [
        "patch",
        "app",
        "1",
        "--instance-type=m4.large",
        "--user-data",
        "{source: 'x:2', a: {b: 1}}",
    ];
    let outcome = senza_on(Terminal::captured(""), &account.session(), &words).await;
    assert_eq!(
        (outcome.exit_code, outcome.stderr, outcome.stdout.as_str()),
        (0, format!("Patching Auto Scaling Group {name}.. OK\n"), "")
    );
    let after = group(&account, &name).await;
    assert_eq!(ids(&after), ids(&before), "running instances are left alone");
    let new = configuration(&account, &after).await;
    let new_name = new.launch_configuration_name().unwrap();
    let kept: String = old.launch_configuration_name().unwrap().chars().take(64).collect();
    let time = new_name.strip_prefix(&format!("{kept}-")).unwrap();
    assert!(time.len() == 15 && time.contains('T'), "{new_name}");
    assert_eq!(new.instance_type(), Some("m4.large"));
    assert_eq!(
        decoded(new.user_data().unwrap()),
        "#taupage-ami-config\na:\n  b: 1\nruntime: Docker\nsource: x:2\n"
    );
    // Everything else is as it was.
    assert_eq!(
        (new.image_id(), new.key_name(), new.associate_public_ip_address()),
        (old.image_id(), old.key_name(), old.associate_public_ip_address())
    );
}

#[tokio::test]
async fn properties_that_are_there_already_are_no_change() {
    let account = account().await;
    let by_configuration = with_configuration(&account, "app-1", (1, 1, 1)).await;
    let by_template = with_template(&account, "app-2", (1, 1, 1)).await;
    let image = image(&account).await;
    let before = account.requests().len();
    let outcome = senza(&account.session(), &format!("patch app -o json --image={image}")).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    for name in [&by_configuration, &by_template] {
        let line = format!("Patching Auto Scaling Group {name}.. NO CHANGES\n");
        assert!(outcome.stderr.contains(&line), "{}", outcome.stderr);
    }
    let rows: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(rows[0]["result"], "no changes");
    for call in &account.requests()[before..] {
        let verb = call.split(':').nth(1).unwrap();
        assert!(verb.starts_with("Describe") || verb.starts_with("List"), "{call}");
    }
}

#[tokio::test]
async fn a_launch_template_gets_a_version_of_its_own() {
    let account = account().await;
    let name = with_template(&account, "app-1", (1, 1, 1)).await;
    let words = [
        "patch",
        "app",
        "1",
        "--instance-type",
        "m5.large",
        "--user-data",
        "source: x:2",
    ];
    let outcome = senza_on(Terminal::captured(""), &account.session(), &words).await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    let after = group(&account, &name).await;
    let template = after.launch_template().unwrap();
    assert_eq!(template.version(), Some("2"));
    let answer = account
        .session()
        .ec2()
        .describe_launch_template_versions()
        .launch_template_id(template.launch_template_id().unwrap())
        .versions("2")
        .send()
        .await
        .unwrap();
    let data = answer.launch_template_versions()[0].launch_template_data().unwrap();
    assert_eq!(data.instance_type(), Some(&InstanceType::M5Large));
    assert_eq!(
        decoded(data.user_data().unwrap()),
        "#taupage-ami-config\nruntime: Docker\nsource: x:2\n"
    );
    // moto keeps of the source version only what AWS keeps as well.
    assert_eq!(data.key_name(), Some("my-key"));
}

#[tokio::test]
async fn applied_at_once_it_reaches_the_instances() {
    let account = account().await;
    let name = with_template(&account, "app-1", (1, 2, 3)).await;
    let before = ids(&group(&account, &name).await);
    let outcome = senza(
        &account.session(),
        "patch app 1 --instance-type m5.large --apply -o json",
    )
    .await;
    assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains(&format!("2/2 instances need to be updated in {name}\n")),
        "{}",
        outcome.stderr
    );
    let after = group(&account, &name).await;
    assert_eq!(
        ids(&after).intersection(&before).collect::<BTreeSet<_>>(),
        BTreeSet::new()
    );
    assert_untouched(&after, (1, 2, 3));
    assert!(outcome.stdout.contains("\"result\": \"patched\""), "{}", outcome.stdout);
}

#[tokio::test]
async fn channels_stand_for_their_newest_image() {
    let builder = Account::builder(AwsApi::shared().await)
        .image("Taupage-AMI-20261101-120000")
        .image("Taupage-AMI-20261102-120000")
        .image("TaupageDev-AMI-20261103-120000");
    let account = builder.build().await;
    let name = with_configuration(&account, "app-1", (1, 1, 1)).await;
    let images = account.session().ec2().describe_images().send().await.unwrap();
    let id_of = |name: &str| {
        let image = images.images().iter().find(|image| image.name() == Some(name));
        image.unwrap().image_id().unwrap().to_owned()
    };
    for (channel, expected) in [
        ("latest", "Taupage-AMI-20261102-120000"),
        ("dev", "TaupageDev-AMI-20261103-120000"),
    ] {
        let outcome = senza(&account.session(), &format!("patch app 1 --image {channel}")).await;
        assert_eq!(outcome.exit_code, 0, "{}", outcome.stderr);
        let group = group(&account, &name).await;
        assert_eq!(
            configuration(&account, &group).await.image_id(),
            Some(id_of(expected).as_str())
        );
    }
}

#[tokio::test]
async fn a_channel_without_any_image_changes_nothing() {
    let account = account().await;
    with_configuration(&account, "app-1", (1, 1, 1)).await;
    let proxy = Proxy::start(&account, |called| match called {
        "DescribeImages" => Verdict::Rewrite(vec![("<name>Taupage".to_owned(), "<name>Other".to_owned())]),
        _ => Verdict::Pass,
    });
    let before = account.requests().len();
    let outcome = senza(&proxy.session(), "patch app 1 --image staging").await;
    assert_eq!(
        (outcome.exit_code, outcome.stderr.as_str()),
        (1, "Error: No Taupage AMI found for staging\n")
    );
    let changes = |call: &&String| call.contains(":Create") || call.contains(":Update");
    assert_eq!(account.requests()[before..].iter().find(changes), None);
}

#[tokio::test]
async fn what_cannot_be_patched_is_told() {
    let account = account().await;
    let name = with_configuration(&account, "app-1", (1, 1, 1)).await;
    let session = account.session();
    for (words, exit_code, expected) in [
        (
            "patch app 1",
            2,
            "Nothing to patch. Please specify at least one patch option (e.g. \"--image\").",
        ),
        ("patch app 1 --user-data {}", 2, "Nothing to patch."),
        ("patch app 1 --user-data {", 2, "--user-data is not valid YAML"),
        (
            "patch app 1 --user-data text",
            1,
            "Current user data is a map but provided user data is a string.",
        ),
        ("patch nobody --image ami-1", 0, ""),
    ] {
        let outcome = senza(&session, words).await;
        assert_eq!(outcome.exit_code, exit_code, "{words}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(expected), "{words}: {}", outcome.stderr);
    }
    let group = group(&account, &name).await;
    let unchanged = configuration(&account, &group).await;
    assert_eq!(unchanged.instance_type(), Some("t2.micro"));
}
