//! Senza::TaupageAutoScalingGroup.

use super::*;

/// A Taupage group with these properties, and these in its `TaupageConfig` (flow style).
fn taupage_with(properties: &str, config: &str) -> String {
    format!(
        "SenzaComponents: [{{App: {{Type: 'Senza::TaupageAutoScalingGroup', InstanceType: t3.micro, {properties} \
         TaupageConfig: {{{config}}}}}}}]\n"
    )
}

async fn user_data(config: &str, compatibility: Compatibility) -> Json {
    let generated = generate(&taupage_with("", config), compatibility, standard()).await;
    let path = match compatibility {
        Senza2 => "/Resources/AppConfig/Properties/UserData/Fn::Base64",
        Senza3 => "/Resources/AppConfig/Properties/LaunchTemplateData/UserData/Fn::Base64",
    };
    generated.at(path)
}

#[tokio::test]
async fn user_data_has_the_defaults() {
    for compatibility in [Senza2, Senza3] {
        assert_eq!(
            user_data(
                "runtime: Docker, source: 'stups/hello-world:0.1', ports: {8080: 8080}",
                compatibility
            )
            .await,
            "#taupage-ami-config\napplication_id: hello-world\napplication_version: v1\nnotify_cfn:\n  resource: App\n  \
             stack: hello-world-v1\nports:\n  8080: 8080\nruntime: Docker\nsource: stups/hello-world:0.1\n"
        );
    }
}

#[tokio::test]
async fn given_values_stay_and_the_image_has_a_default() {
    let config =
        "runtime: Docker, source: a/b, application_id: other, application_version: '1.0', notify_cfn: {stack: x}";
    let generated = generate(&taupage_with("", config), Senza2, standard()).await;
    assert_eq!(
        generated.at("/Resources/AppConfig/Properties/UserData/Fn::Base64"),
        "#taupage-ami-config\napplication_id: other\napplication_version: '1.0'\nnotify_cfn:\n  stack: x\nruntime: Docker\n\
         source: a/b\n"
    );
    assert_eq!(
        generated.at("/Resources/AppConfig/Properties/ImageId/Fn::FindInMap/2"),
        "LatestTaupageImage"
    );
    let generated = generate(
        &taupage_with("Image: Own, UserData: ignored,", config),
        Senza2,
        standard(),
    )
    .await;
    assert_eq!(
        generated.at("/Resources/AppConfig/Properties/ImageId/Fn::FindInMap/2"),
        "Own"
    );
    assert!(generated.at("/Resources/AppConfig/Properties/UserData").is_object());
}

#[tokio::test]
async fn outputs_of_other_stacks_become_text() {
    let answers = || Answers {
        stack_outputs: vec![(
            "db",
            StackOutputs {
                status: "CREATE_COMPLETE".to_owned(),
                values: [("Host".to_owned(), "db.example.org".to_owned())].into(),
            },
        )],
        ..standard()
    };
    let config = "runtime: Docker, source: a/b, environment: {HOSTS: [{Stack: db, Output: Host}]}";
    let generated = generate(&taupage_with("", config), Senza2, answers()).await;
    let text = generated.at("/Resources/AppConfig/Properties/UserData/Fn::Base64");
    assert!(
        text.as_str().unwrap().contains("  HOSTS:\n  - db.example.org\n"),
        "{text}"
    );
    let config = "runtime: Docker, source: a/b, environment: {HOST: {Stack: db, Output: Port}}";
    let error = generate(&taupage_with("", config), Senza2, answers()).await.error();
    assert_eq!(
        error,
        "SenzaComponents/App/TaupageConfig/environment/HOST: stack \"db\" has no output \"Port\" (it has Host)"
    );
}

#[tokio::test]
async fn nat_gateways_are_told_where_servers_share_their_subnets() {
    let gateway = |subnet: &str, address: &str, usable| NatGateway {
        subnet_id: subnet.to_owned(),
        private_ip: address.to_owned(),
        usable,
    };
    let answers = || Answers {
        nat_gateways: vec![
            gateway("s1", "10.0.0.1", true),
            gateway("s2", "10.0.0.2", false),
            gateway("s3", "10.0.0.3", true),
        ],
        ..standard()
    };
    let definition = |properties: &str, internal: &str| {
        format!(
            "{}Mappings: {{ServerSubnets: {{eu-west-1: {{Subnets: [s1, s2]}}}}, LoadBalancerInternalSubnets: {{eu-west-1: \
             {{Subnets: {internal}}}}}}}\n",
            taupage_with(properties, "runtime: Docker, source: a/b")
        )
    };
    for (properties, internal, compatibility, expected) in [
        (
            "",
            "[s2, s1]",
            Senza2,
            Some("nat_gateways:\n  s1: 10.0.0.1\n  s2: 10.0.0.2\n"),
        ),
        (
            "",
            "[s2, s1]",
            Senza3,
            Some("nat_gateways:\n  s1: 10.0.0.1\nnotify_cfn"),
        ),
        ("", "[s1]", Senza2, None),
        ("AssociatePublicIpAddress: true,", "[s2, s1]", Senza2, None),
    ] {
        let template = generate(&definition(properties, internal), compatibility, answers())
            .await
            .template();
        let text = template.to_string().replace("\\n", "\n");
        assert_eq!(
            text.contains("nat_gateways"),
            expected.is_some(),
            "{properties} {internal}"
        );
        assert!(expected.is_none_or(|expected| text.contains(expected)), "{text}");
    }
}

#[tokio::test]
async fn wrong_taupage_configuration_is_named_with_its_place() {
    for (config, expected) in [
        (
            "source: a/b",
            "runtime: must be \"Docker\", the only runtime of Taupage",
        ),
        (
            "runtime: docker, source: a/b",
            "runtime: must be \"Docker\", the only runtime of Taupage",
        ),
        (
            "runtime: Docker",
            "source: must be specified, give the Docker image to run",
        ),
        (
            "runtime: Docker, source: ''",
            "source: must be specified, give the Docker image to run",
        ),
        (
            "runtime: Docker, source: [a]",
            "source: must be a Docker image, not a list",
        ),
        (
            "runtime: Docker, source: a/b, application_id: 42yolo",
            "application_id: Application id must satisfy regular expression pattern \"^[a-z][a-z0-9-]*[a-z0-9]$\"",
        ),
        (
            "runtime: Docker, source: a/b, application_version: '1.'",
            "application_version: Application version must satisfy regular expression pattern \
             \"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$\"",
        ),
        (
            "runtime: Docker, source: a/b, application_version: 1.0",
            "application_version: must be text, not a number (put it in quotes)",
        ),
        (
            "runtime: Docker, source: a/b, application_id: {Ref: X}",
            "application_id: must be text, not a map",
        ),
    ] {
        let error = generate(&taupage_with("", config), Senza3, standard()).await.error();
        assert_eq!(
            error,
            format!("SenzaComponents/App/TaupageConfig/{expected}"),
            "{config}"
        );
    }
    for (written, expected) in [
        ("null", "is missing, give a map with at least runtime and source"),
        ("text", "must be a map, not text"),
    ] {
        let definition = format!(
            "SenzaComponents: [{{App: {{Type: 'Senza::TaupageAutoScalingGroup', InstanceType: t, TaupageConfig: {written}}}}}]"
        );
        let error = generate(&definition, Senza2, standard()).await.error();
        assert_eq!(error, format!("SenzaComponents/App/TaupageConfig: {expected}"));
    }
}

#[tokio::test]
async fn the_image_is_checked_unless_forced() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let definition = taupage_with("", &format!("runtime: Docker, source: '{address}/team/app:1'"));
    let checked = generate_with(&definition, Senza3, standard(), false).await.error();
    assert!(
        checked.starts_with("SenzaComponents/App/TaupageConfig/source: Cannot check whether Docker image"),
        "{checked}"
    );
    assert!(
        generate_with(&definition, Senza3, standard(), true)
            .await
            .result
            .is_ok()
    );
    let function = taupage_with("", "runtime: Docker, source: {Ref: Image}");
    assert!(generate_with(&function, Senza3, standard(), false).await.result.is_ok());
}
