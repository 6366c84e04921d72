//! Accounts have what was chosen, and are separate.

use stups_aws::ec2::types::Subnet;
use stups_aws::route53::types::HostedZone;
use stups_testkit::{Account, AwsApi};

#[tokio::test]
async fn the_standard_account_is_as_described() {
    let account = Account::standard(AwsApi::shared().await).await;
    let session = account.session();
    assert_eq!(session.region(), "us-east-1");

    let identity = session.sts().get_caller_identity().send().await.unwrap();
    assert_eq!(identity.account(), Some(account.id()));
    assert_eq!(account.id().len(), 12);

    let vpcs = session.ec2().describe_vpcs().send().await.unwrap();
    assert_eq!(vpcs.vpcs().len(), 1);
    assert_eq!(vpcs.vpcs()[0].is_default(), Some(true));
    let subnets = session.ec2().describe_subnets().send().await.unwrap();
    let mut zones: Vec<&str> = subnets
        .subnets()
        .iter()
        .filter_map(|subnet| subnet.availability_zone())
        .collect();
    zones.sort_unstable();
    assert_eq!(zones, ["us-east-1a", "us-east-1b", "us-east-1c"]);
    assert!(
        subnets
            .subnets()
            .iter()
            .all(|subnet| subnet.map_public_ip_on_launch() == Some(true))
    );

    let zones = session.route53().list_hosted_zones().send().await.unwrap();
    let names: Vec<&str> = zones.hosted_zones().iter().map(HostedZone::name).collect();
    assert_eq!(names, ["stups.example.org."]);

    let certificates = session.acm().list_certificates().send().await.unwrap();
    let [certificate] = certificates.certificate_summary_list() else {
        panic!("{certificates:?}")
    };
    assert_eq!(certificate.domain_name(), Some("*.stups.example.org"));
    let details = session
        .acm()
        .describe_certificate()
        .certificate_arn(certificate.certificate_arn().unwrap())
        .send();
    let details = details.await.unwrap();
    assert_eq!(details.certificate().unwrap().status().unwrap().as_str(), "ISSUED");

    let aliases = session.iam().list_account_aliases().send().await.unwrap();
    assert_eq!(aliases.account_aliases(), ["acme-demo"]);
}

#[tokio::test]
async fn public_taupage_images_are_in_every_account_and_region() {
    use stups_aws::ec2::types::Filter;
    let api = AwsApi::shared().await;
    for region in ["us-east-1", "eu-central-1", "eu-west-1"] {
        let account = Account::builder(api).region(region).build().await;
        let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
        for (pattern, expected) in [
            (
                "Taupage-Public-AMI-*",
                [
                    "Taupage-Public-AMI-20260901-100000",
                    "Taupage-Public-AMI-20261006-101500",
                ]
                .as_slice(),
            ),
            (
                "TaupageStaging-Public-AMI-*",
                &["TaupageStaging-Public-AMI-20261020-093000"],
            ),
            ("TaupageDev-Public-AMI-*", &["TaupageDev-Public-AMI-20261103-120000"]),
            ("Taupage-AMI-*", &[]),
        ] {
            let images = account.session().ec2().describe_images();
            let images = images
                .filters(filter("name", pattern))
                .filters(filter("is-public", "true"))
                .filters(filter("state", "available"))
                .filters(filter("root-device-type", "ebs"));
            let images = images.send().await.unwrap();
            let mut names: Vec<&str> = images.images().iter().filter_map(|image| image.name()).collect();
            names.sort_unstable();
            assert_eq!(names, expected, "{region} {pattern}");
        }
        let all = account.session().ec2().describe_images().send().await.unwrap();
        let created = |id| {
            let image = all.images().iter().find(|image| image.image_id() == Some(id)).unwrap();
            image.creation_date().unwrap().to_owned()
        };
        // The newest one is as young as the API itself, so that lists that hide old images show it.
        assert_eq!(created("ami-0a1b2c3d4e5f60001"), "2026-09-01T10:00:00.000Z", "{region}");
        assert!(
            created("ami-0a1b2c3d4e5f60002") > created("ami-0a1b2c3d4e5f60001"),
            "{region}"
        );
    }
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let api = AwsApi::shared().await;
    let (one, two) = tokio::join!(Account::standard(api), Account::standard(api));
    assert_ne!(one.id(), two.id());

    let template = r#"{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}"#;
    one.session()
        .cloudformation()
        .create_stack()
        .stack_name("mine-1")
        .template_body(template)
        .send()
        .await
        .unwrap();

    let stacks = one.session().cloudformation().describe_stacks().send().await.unwrap();
    assert_eq!(stacks.stacks().len(), 1);
    let stacks = two.session().cloudformation().describe_stacks().send().await.unwrap();
    assert_eq!(stacks.stacks().len(), 0);
    assert_eq!(
        one.session().sns().list_topics().send().await.unwrap().topics().len(),
        1
    );
    assert_eq!(
        two.session().sns().list_topics().send().await.unwrap().topics().len(),
        0
    );
}

#[tokio::test]
async fn the_builder_makes_everything_that_was_chosen() {
    let api = AwsApi::shared().await;
    let account = Account::builder(api)
        .region("eu-central-1")
        .stups_network()
        .hosted_zone("zo.ne.dev")
        .hosted_zone("example.net")
        .certificate("*.zo.ne.dev")
        .iam_certificate("old-certificate")
        .security_group("app-hello")
        .role("app-hello")
        .sns_topic("alarms")
        .bucket("testkit-builder-bucket")
        .image("Taupage-AMI-20260101-000000")
        .build()
        .await;
    let session = account.session();
    assert_eq!(session.region(), "eu-central-1");

    let vpcs = session.ec2().describe_vpcs().send().await.unwrap();
    assert_eq!(vpcs.vpcs().len(), 1);
    assert_eq!(vpcs.vpcs()[0].is_default(), Some(false));
    let subnets = session.ec2().describe_subnets().send().await.unwrap();
    let mut names: Vec<String> = subnets
        .subnets()
        .iter()
        .flat_map(Subnet::tags)
        .filter(|tag| tag.key() == Some("Name"))
        .map(|tag| tag.value().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "dmz-eu-central-1a",
            "dmz-eu-central-1b",
            "dmz-eu-central-1c",
            "internal-eu-central-1a",
            "internal-eu-central-1b",
            "internal-eu-central-1c"
        ]
    );
    assert_eq!(
        session
            .ec2()
            .describe_nat_gateways()
            .send()
            .await
            .unwrap()
            .nat_gateways()
            .len(),
        3
    );

    assert_eq!(
        session
            .route53()
            .list_hosted_zones()
            .send()
            .await
            .unwrap()
            .hosted_zones()
            .len(),
        2
    );
    let certificates = session.iam().list_server_certificates().send().await.unwrap();
    assert_eq!(certificates.server_certificate_metadata_list().len(), 1);
    let groups = session
        .ec2()
        .describe_security_groups()
        .group_names("app-hello")
        .send()
        .await
        .unwrap();
    assert_eq!(groups.security_groups()[0].vpc_id(), vpcs.vpcs()[0].vpc_id());
    let profile = session
        .iam()
        .get_instance_profile()
        .instance_profile_name("app-hello")
        .send()
        .await
        .unwrap();
    assert_eq!(profile.instance_profile().unwrap().roles()[0].role_name(), "app-hello");
    assert_eq!(session.sns().list_topics().send().await.unwrap().topics().len(), 1);
    session
        .s3()
        .head_bucket()
        .bucket("testkit-builder-bucket")
        .send()
        .await
        .unwrap();
    let images = session.ec2().describe_images().owners("self").send().await.unwrap();
    assert_eq!(images.images()[0].name(), Some("Taupage-AMI-20260101-000000"));
    assert_eq!(images.images()[0].root_device_type().unwrap().as_str(), "ebs");
    assert_eq!(images.images()[0].public(), Some(false));
    assert!(
        session
            .iam()
            .list_account_aliases()
            .send()
            .await
            .unwrap()
            .account_aliases()
            .is_empty()
    );

    let bare = Account::builder(api).without_default_vpc().build().await;
    assert!(
        bare.session()
            .ec2()
            .describe_vpcs()
            .send()
            .await
            .unwrap()
            .vpcs()
            .is_empty()
    );
}

#[tokio::test]
async fn requests_are_counted_by_account() {
    let api = AwsApi::shared().await;
    let (account, other) = tokio::join!(Account::standard(api), Account::standard(api));
    let before = account.requests().len();
    account
        .session()
        .cloudformation()
        .describe_stacks()
        .send()
        .await
        .unwrap();
    other.session().ec2().describe_vpcs().send().await.unwrap();
    account.session().route53().list_hosted_zones().send().await.unwrap();
    account.session().acm().list_certificates().send().await.unwrap();
    assert_eq!(
        account.requests()[before..],
        [
            "cloudformation:DescribeStacks",
            "route53:GET /2013-04-01/hostedzone",
            "acm:ListCertificates"
        ]
    );
}
