//! Elastigroups: Spot's account, secrets, and what only today's compatibility has. The translation itself is the original's, see
//! its templates.

use serde_json::json;

use super::*;
use crate::http::test_server::{answer, serve};

fn group_with(info: &str, properties: &str) -> String {
    format!(
        "Mappings: {{Senza: {{Info: {{{info}}}}}}}\n\
         SenzaComponents: [{{App: {{Type: 'Senza::Elastigroup', InstanceType: m7g.large, {properties}}}}}]\n"
    )
}

const KNOWN: &str = "SpotinstAccessToken: secret, SpotinstAccountId: act-1";

#[tokio::test]
async fn the_account_is_asked_of_spot() {
    let (address, seen) = serve(|_, _| {
        answer(
            "200 OK",
            "",
            "{\"response\": {\"items\": [{\"accountId\": \"act-7\"}, {\"accountId\": \"act-8\"}]}}",
        )
    });
    let answers = Answers {
        spot_api: Some(format!("http://{address}")),
        ..standard()
    };
    let generated = generate(&group_with("SpotinstAccessToken: secret", ""), Senza3, answers).await;
    let resource = generated.at("/Resources/App/Properties");
    assert_eq!(
        (
            &resource["accountId"],
            &resource["accessToken"],
            &resource["ServiceToken"]
        ),
        (
            &json!("act-7"),
            &json!("secret"),
            &json!("arn:aws:lambda:eu-west-1:178579023202:function:spotinst-cloudformation")
        )
    );
    assert_eq!(
        seen.try_iter().collect::<Vec<_>>(),
        [(
            "GET /setup/account?awsAccountId=123456789012 HTTP/1.1".to_owned(),
            Some("Bearer secret".to_owned())
        )]
    );
}

#[tokio::test]
async fn an_account_that_spot_does_not_tell_is_an_error_without_the_token() {
    for (status, headers, body, expected) in [
        (
            "200 OK",
            "",
            "{\"response\": {\"items\": []}}",
            "Spot knows none for 123456789012",
        ),
        ("200 OK", "", "[]", "Spot knows none for 123456789012"),
        ("200 OK", "", "<html>", "the answer is not JSON"),
        ("401 Unauthorized", "", "", "the server answered 401 Unauthorized"),
        // The token goes nowhere else.
        (
            "302 Found",
            "Location: http://127.0.0.1:9/\r\n",
            "",
            "the server answered 302 Found",
        ),
    ] {
        let (address, _seen) = serve(move |_, _| answer(status, headers, body));
        let answers = Answers {
            spot_api: Some(format!("http://{address}")),
            ..standard()
        };
        let error = generate(&group_with("SpotinstAccessToken: secret", ""), Senza3, answers)
            .await
            .error();
        assert!(error.contains(expected) && !error.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn an_encrypted_token_is_not_in_the_resource() {
    let info = "SpotinstAccessToken: 'senza:kms:abcd', SpotinstAccountId: act-1";
    let generated = generate(&group_with(info, ""), Senza3, standard()).await;
    assert_eq!(
        generated.at("/Resources/App/Properties/accessToken"),
        json!({"Fn::FindInMap": ["Senza", "Info", "SpotinstAccessToken"]})
    );
}

#[tokio::test]
async fn volumes_and_scaling_are_of_today() {
    let generated = generate(
        &group_with(
            KNOWN,
            "BlockDeviceMappings: [{DeviceName: /dev/sdb, Ebs: {VolumeSize: 10, VolumeType: gp2, Iops: 100}}, {DeviceName: /dev/sdc, \
             VirtualName: ephemeral0}], AutoScaling: {Minimum: 1, Maximum: 3, MetricType: CPU, Target: '60'}, IamInstanceProfile: \
             {'Fn::GetAtt': [P, Arn]}, SpotPrice: 1",
        ),
        Senza3,
        standard(),
    )
    .await;
    assert!(
        generated
            .warnings()
            .contains("SenzaComponents/App/SpotPrice: is ignored")
    );
    let group = generated.at("/Resources/App/Properties/group");
    let launch = &group["compute"]["launchSpecification"];
    assert_eq!(
        launch["blockDeviceMappings"],
        json!([
            {"deviceName": "/dev/sdb", "ebs": {
                "deleteOnTermination": true, "encrypted": true, "volumeSize": 10, "volumeType": "gp3"}},
            {"deviceName": "/dev/sdc", "virtualName": "ephemeral0"},
        ])
    );
    assert_eq!(launch["iamRole"], json!({"arn": {"Fn::GetAtt": ["P", "Arn"]}}));
    assert_eq!(
        group["scaling"]["target"][0],
        json!({
            "policyName": "Keep CPUUtilization at 60.0", "metricName": "CPUUtilization", "statistic": "average", "unit": "percent",
            "target": 60.0, "namespace": "AWS/EC2", "cooldown": 60,
        })
    );
}

#[tokio::test]
async fn user_data_with_references_splits_the_text() {
    let generated = generate(
        &group_with(
            KNOWN,
            "TaupageConfig: {runtime: Docker, source: 'stups/hello-world:0.1', environment: {Q: {Ref: Queue}}}",
        ),
        Senza3,
        standard(),
    )
    .await;
    assert_eq!(
        generated.at("/Resources/App/Properties/group/compute/launchSpecification/userData/Fn::Base64/Fn::Join/1/0"),
        "#taupage-ami-config\napplication_id: hello-world\napplication_version: v1\nenvironment:\n  Q: "
    );
}

#[tokio::test]
async fn wrong_elastigroups_are_named_with_their_place() {
    let no_token = group_with("X: y", "");
    let error = generate(&no_token, Senza2, standard()).await.error();
    assert!(
        error.starts_with("SenzaInfo/SpotinstAccessToken: You have to specify your SpotinstAccessToken"),
        "{error}"
    );
    for (properties, expected) in [
        (
            "InstanceType: null",
            "InstanceType: is missing, give an EC2 instance type such as t3.micro",
        ),
        (
            "Elastigroup: {compute: x}",
            "Elastigroup/.../compute: must be a map, not text",
        ),
        (
            "BlockDeviceMappings: [{DeviceName: a}]",
            "BlockDeviceMappings/0: Ebs is missing, give a map with VolumeSize",
        ),
        (
            "AutoScaling: {Minimum: 3, Maximum: 2}",
            "AutoScaling: the group's minimum size (3) is above its maximum size (2)",
        ),
        (
            "AutoScaling: {MetricType: Memory, ScaleUpThreshold: 1}",
            "AutoScaling/MetricType: Auto scaling MetricType \"Memory\" not supported, use CPU, NetworkIn or NetworkOut",
        ),
        (
            "ElasticLoadBalancer: 5",
            "ElasticLoadBalancer: must be the name of a load balancer component, or a list of them, not an integer",
        ),
        (
            "TaupageConfig: {runtime: Docker, source: ''}",
            "TaupageConfig/source: must be specified, give the Docker image to run",
        ),
    ] {
        let definition = group_with(KNOWN, properties);
        let definition = if properties.starts_with("InstanceType") {
            definition.replace("InstanceType: m7g.large, ", "")
        } else {
            definition
        };
        let error = generate(&definition, Senza3, standard()).await.error();
        assert_eq!(error, format!("SenzaComponents/App/{expected}"));
    }
}
