//! Senza::Configuration and the two that find subnets and images.

use serde_json::json;

use super::*;

#[tokio::test]
async fn configuration_defines_parameters_description_and_mappings() {
    let generated = generate(
        "SenzaInfo: {StackName: hello-world, Parameters: [{ImageVersion: {Description: 'Docker image'}}, {Empty: }]}
SenzaComponents:
- Configuration:
    Type: Senza::Configuration
    ServerSubnets: {eu-west-1: [s1, s2]}
    LoadBalancerSubnets: {eu-west-1: [s3], eu-central-1: [s4]}
    Images: {Own: {eu-west-1: ami-2}}
Mappings: {Own: {a: {b: c}}, ServerSubnets: {eu-central-1: {Subnets: [s9]}}}
",
        Senza2,
        Answers::default(),
    )
    .await;
    assert_eq!(
        generated.template(),
        json!({
            "Description": "Hello World (ImageVersion: 1.0)",
            "Parameters": {
                "ImageVersion": {"Type": "String", "Description": "Docker image"},
                "Empty": {"Type": "String"},
            },
            "Mappings": {
                "Own": {"a": {"b": "c"}},
                "ServerSubnets": {"eu-central-1": {"Subnets": ["s9"]}, "eu-west-1": {"Subnets": ["s1", "s2"]}},
                "LoadBalancerSubnets": {"eu-west-1": {"Subnets": ["s3"]}, "eu-central-1": {"Subnets": ["s4"]}},
                "Images": {"eu-west-1": {"Own": "ami-2"}},
            },
        })
    );
}

#[tokio::test]
async fn descriptions_and_parameters_can_be_kept_out() {
    let generated = generate(
        "SenzaInfo: {Parameters: [{ImageVersion: {}}]}
SenzaComponents: [{C: {Type: 'Senza::Configuration', DefineParameters: false}}]
Description: mine
",
        Senza2,
        Answers::default(),
    )
    .await;
    assert_eq!(generated.template(), json!({"Description": "mine"}));
}

#[tokio::test]
async fn secret_parameters_are_masked_in_the_description() {
    let definition = "SenzaInfo: {Parameters: [{ImageVersion: {NoEcho: true}}]}
SenzaComponents: [{C: {Type: 'Senza::Configuration'}}]
";
    for (compatibility, expected) in [
        (Senza2, "Hello World (ImageVersion: 1.0)"),
        (Senza3, "Hello World (ImageVersion: ****)"),
    ] {
        let generated = generate(definition, compatibility, Answers::default()).await;
        assert_eq!(generated.at("/Description"), expected);
    }
}

#[tokio::test]
async fn long_descriptions_are_cut() {
    let definition = format!(
        "SenzaInfo: {{StackName: {}}}\nSenzaComponents: [{{C: {{Type: 'Senza::Configuration'}}}}]\n",
        "a".repeat(2000)
    );
    let generated = generate(&definition, Senza2, Answers::default()).await;
    assert_eq!(generated.at("/Description").as_str().unwrap().len(), 1024);
}

#[tokio::test]
async fn subnets_of_the_vpc_become_mappings() {
    let generated = generate(
        "SenzaComponents:
- Configuration: {Type: 'Senza::SubnetAutoConfiguration', ServerSubnets: {eu-west-1: [x], eu-central-1: [y]}}
",
        Senza2,
        standard(),
    )
    .await;
    assert_eq!(
        generated.at("/Mappings"),
        json!({
            "ServerSubnets": {
                "eu-west-1": {"Subnets": ["subnet-i1", "subnet-i2"]},
                "eu-central-1": {"Subnets": ["y"]},
            },
            "LoadBalancerSubnets": {"eu-west-1": {"Subnets": ["subnet-d1", "subnet-d2"]}},
            "LoadBalancerInternalSubnets": {"eu-west-1": {"Subnets": ["subnet-i1", "subnet-i2"]}},
        })
    );
}

#[tokio::test]
async fn zones_and_vpc_can_be_chosen() {
    let mut answers = standard();
    answers.vpcs = ["vpc-1", "vpc-2"]
        .map(|id| Vpc {
            id: id.to_owned(),
            is_default: false,
            name: None,
        })
        .into();
    let definition = "SenzaComponents:
- Configuration: {Type: 'Senza::StupsAutoConfiguration', VpcId: vpc-1, AvailabilityZones: [eu-west-1a]}
";
    let generated = generate(definition, Senza2, answers).await;
    assert_eq!(
        generated.at("/Mappings/LoadBalancerSubnets/eu-west-1/Subnets"),
        json!(["subnet-d1"])
    );
    assert_eq!(
        generated.at("/Mappings/ServerSubnets/eu-west-1/Subnets"),
        json!(["subnet-i1"])
    );
    assert_eq!(
        generated.at("/Mappings/Images"),
        json!({"eu-west-1": {"LatestTaupageImage": "ami-1"}})
    );
}

#[tokio::test]
async fn zones_may_be_text_with_commas() {
    for (zones, expected) in [
        ("[eu-west-1a]", json!(["subnet-i1"])),
        ("eu-west-1a", json!(["subnet-i1"])),
        ("'eu-west-1b,eu-west-1a'", json!(["subnet-i1", "subnet-i2"])),
        ("'eu-west-1b, eu-west-1c'", json!(["subnet-i2"])),
        ("'eu-west-1a eu-west-1b'", json!(["subnet-i1", "subnet-i2"])),
        ("['eu-west-1c,eu-west-1a']", json!(["subnet-i1"])),
        ("', '", json!(["subnet-i1", "subnet-i2"])),
        ("[]", json!(["subnet-i1", "subnet-i2"])),
    ] {
        let definition =
            format!("SenzaComponents: [{{C: {{Type: 'Senza::SubnetAutoConfiguration', AvailabilityZones: {zones}}}}}]");
        for compatibility in [Senza2, Senza3] {
            let generated = generate(&definition, compatibility, standard()).await;
            let subnets = generated.at("/Mappings/ServerSubnets/eu-west-1/Subnets");
            assert_eq!(subnets, expected, "{zones}");
            assert_eq!(generated.warnings(), "", "{zones}");
        }
    }
}

#[tokio::test]
async fn zones_without_subnets_are_warned_about() {
    let definition = "SenzaComponents: [{C: {Type: 'Senza::SubnetAutoConfiguration', AvailabilityZones: us-east-1a}}]";
    let generated = generate(definition, Senza2, standard()).await;
    assert_eq!(generated.at("/Mappings/ServerSubnets/eu-west-1/Subnets"), json!([]));
    let warning =
        "SenzaComponents/C/AvailabilityZones: there is no subnet in us-east-1a, only in eu-west-1a, eu-west-1b";
    assert!(generated.warnings().contains(warning), "{}", generated.warnings());
}

#[tokio::test]
async fn several_vpcs_without_a_default_need_a_choice() {
    let vpc = |id: &str| Vpc {
        id: id.to_owned(),
        is_default: false,
        name: None,
    };
    let definition = "SenzaComponents: [{C: {Type: 'Senza::SubnetAutoConfiguration'}}]";
    for (vpcs, expected) in [
        (
            vec![vpc("vpc-1"), vpc("vpc-2")],
            "Fatal Error: Multiple VPCs are only supported",
        ),
        (vec![], "Fatal Error: there is no VPC in eu-west-1"),
    ] {
        let error = generate(definition, Senza2, Answers { vpcs, ..standard() })
            .await
            .error();
        assert!(error.starts_with(expected), "{error}");
    }
    let answers = Answers {
        vpcs: vec![vpc("vpc-1")],
        ..standard()
    };
    assert!(
        generate(definition, Senza2, answers).await.result.is_ok(),
        "the only VPC will do"
    );
}

#[tokio::test]
async fn internal_load_balancers_get_subnets_where_none_are_tagged() {
    let mut answers = standard();
    for subnet in &mut answers.subnets {
        subnet.name.clear();
    }
    let definition = "SenzaComponents: [{C: {Type: 'Senza::SubnetAutoConfiguration'}}]";
    let generated = generate(definition, Senza3, answers).await;
    let all = json!(["subnet-d1", "subnet-d2", "subnet-i1", "subnet-i2"]);
    for mapping in ["ServerSubnets", "LoadBalancerSubnets", "LoadBalancerInternalSubnets"] {
        assert_eq!(generated.at(&format!("/Mappings/{mapping}/eu-west-1/Subnets")), all);
    }
}

#[tokio::test]
async fn a_region_without_taupage_is_an_error() {
    let answers = Answers {
        taupage_images: Vec::new(),
        ..standard()
    };
    let definition = "SenzaComponents: [{C: {Type: 'Senza::StupsAutoConfiguration'}}]";
    let error = generate(definition, Senza2, answers).await.error();
    assert!(error.starts_with("SenzaComponents/C: No Taupage AMI found"), "{error}");
    assert_eq!(Channel::ALL.len(), 3);
}

#[tokio::test]
async fn wrong_configuration_is_named_with_its_place() {
    for (properties, expected) in [
        (
            "DefineParameters: [1]",
            "SenzaComponents/C/DefineParameters: must be true or false, not a list",
        ),
        (
            "ServerSubnets: [a]",
            "SenzaComponents/C/ServerSubnets: must be a map, not a list",
        ),
        (
            "ServerSubnets: {eu: a}",
            "SenzaComponents/C/ServerSubnets/eu: must be a list of subnets, not text",
        ),
        (
            "Images: {A: ami-1}",
            "SenzaComponents/C/Images/A: must be a map, not text",
        ),
        ("Images: 5", "SenzaComponents/C/Images: must be a map, not an integer"),
    ] {
        let definition = format!("SenzaComponents: [{{C: {{Type: 'Senza::Configuration', {properties}}}}}]");
        assert_eq!(generate(&definition, Senza2, standard()).await.error(), expected);
    }
    let definition = "SenzaComponents: [{C: {Type: 'Senza::Configuration', Images: {A: {eu: b}}}}]\nMappings: text\n";
    assert_eq!(
        generate(definition, Senza2, standard()).await.error(),
        "Mappings: must be a map"
    );
}

#[tokio::test]
async fn unknown_properties_are_warned_about_in_version_3_only() {
    let definition = "SenzaComponents: [{C: {Type: 'Senza::Configuration', ServerSubnet: {}}}]";
    let generated = generate(definition, Senza3, standard()).await;
    let warnings = generated.warnings();
    assert!(
        warnings.contains("SenzaComponents/C/ServerSubnet: unknown property, did you mean ServerSubnets?"),
        "{warnings}"
    );
    assert_eq!(generate(definition, Senza2, standard()).await.warnings(), "");
}

#[tokio::test]
async fn only_images_of_trusted_accounts_count() {
    let definition = |owners: &str| {
        format!("SenzaComponents: [{{C: {{Type: 'Senza::StupsAutoConfiguration', ImageOwners: {owners}}}}}]")
    };
    let answers = || {
        let mut answers = standard();
        answers.taupage_images.push(Image {
            id: "ami-foreign".to_owned(),
            name: "Taupage-Public-AMI-9".to_owned(),
            owner: "222222222222".to_owned(),
            is_public: true,
            ..Image::default()
        });
        answers
    };
    let image = "/Mappings/Images/eu-west-1/LatestTaupageImage";
    for (owners, compatibility, expected) in [
        ("['111111111111']", Senza3, "ami-1"),
        ("'222222222222'", Senza3, "ami-foreign"),
        ("~", Senza3, "ami-foreign"),
        ("['111111111111']", Senza2, "ami-foreign"),
    ] {
        let generated = generate(&definition(owners), compatibility, answers()).await;
        assert_eq!(generated.at(image), expected, "{owners}");
    }
    let error = generate(&definition("['333333333333']"), Senza3, answers())
        .await
        .error();
    assert!(error.ends_with("in eu-west-1 that 333333333333 owns"), "{error}");
}

#[tokio::test]
async fn images_are_for_one_architecture() {
    let definition =
        |properties: &str| format!("SenzaComponents: [{{C: {{Type: 'Senza::StupsAutoConfiguration', {properties}}}}}]");
    let answers = || {
        let mut answers = standard();
        answers.taupage_images.push(Image {
            id: "ami-arm".to_owned(),
            name: "Taupage-AMI-9".to_owned(),
            is_arm64: true,
            ..Image::default()
        });
        answers
    };
    let image = "/Mappings/Images/eu-west-1/LatestTaupageImage";
    for (properties, compatibility, expected) in [
        ("", Senza3, "ami-1"),
        ("Architecture: amd64", Senza3, "ami-1"),
        ("Architecture: arm64", Senza3, "ami-arm"),
        ("", Senza2, "ami-arm"),
    ] {
        let generated = generate(&definition(properties), compatibility, answers()).await;
        assert_eq!(generated.at(image), expected, "{properties}");
    }
    let error = generate(&definition("Architecture: arm64"), Senza3, standard())
        .await
        .error();
    assert!(error.ends_with("in eu-west-1 for arm64"), "{error}");
    let error = generate(&definition("Architecture: sparc"), Senza3, standard())
        .await
        .error();
    assert!(
        error.contains("SenzaComponents/C/Architecture: must be amd64 or arm64"),
        "{error}"
    );
}
