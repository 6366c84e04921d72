//! The commands that change Elastigroups, against an API that answers as Spot's does. Where it is, is said in the environment:
//! each command is a process.

use std::process::Output;

use serde_json::{Value as Json, json};

use crate::process::{finish, spawn};
use crate::scripted::{Script, recorded, stacks};

const GROUP: &str = "/aws/ec2/group/sig-1";

/// A stack `a-1` with an Elastigroup `sig-1`, and these answers of Spot by path.
fn spot(answers: &[(&'static str, Json)]) -> Script {
    let template = json!({"Resources": {"AppServer": {"Type": "Custom::elastigroup", "Properties": {
        "accessToken": "secret-token", "accountId": "act-1"}}}});
    spot_with(&template, answers)
}

/// As [`spot`], with this template.
fn spot_with(template: &Json, answers: &[(&'static str, Json)]) -> Script {
    let resource = "<StackResourceSummaries><member><LogicalResourceId>AppServer</LogicalResourceId><PhysicalResourceId>sig-1\
                    </PhysicalResourceId><ResourceType>Custom::elastigroup</ResourceType><ResourceStatus>CREATE_COMPLETE\
                    </ResourceStatus><LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp></member>\
                    </StackResourceSummaries>";
    let mut all = vec![
        ("ListStacks", stacks(&[("a-1", "CREATE_COMPLETE")], None)),
        ("ListStackResources", resource.to_owned()),
        ("GetTemplate", format!("<TemplateBody>{template}</TemplateBody>")),
    ];
    let items = answers.iter();
    all.extend(items.map(|(path, items)| (*path, json!({"response": {"items": items}}).to_string())));
    recorded(&all).1
}

async fn senza(script: &Script, words: &str) -> Output {
    let environment = [
        ("AWS_ENDPOINT_URL", script.endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "anybody"),
        ("AWS_SECRET_ACCESS_KEY", "anybody"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_REGION", ""),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("SPOTINST_API_URL", script.endpoint.as_str()),
        ("NO_PROXY", "127.0.0.1"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let output = finish(spawn(words, environment.into())).await;
    for stream in [&output.stdout, &output.stderr] {
        assert!(!String::from_utf8_lossy(stream).contains("secret-token"));
    }
    output
}

fn group() -> Json {
    json!([{"id": "sig-1", "name": "a-1",
        "capacity": {"minimum": 1, "maximum": 3, "target": 2, "unit": "instance"},
        "compute": {
            "instanceTypes": {"ondemand": "m1.micro", "spot": ["m1.micro"]},
            "launchSpecification": {"imageId": "ami-1", "userData": "I3gKYTogMQo="}}}])
}

#[tokio::test]
async fn its_capacity_is_set() {
    let script = spot(&[(GROUP, group())]);
    let output = senza(&script, "scale a 1 5 -o json").await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        stderr.contains("Scaling ElastiGroup a-1 (ID: sig-1) from 2 to 5 instances.. OK\n"),
        "{stderr}"
    );
    assert!(output.status.success());
    let bodies = script.bodies(GROUP);
    let put: Json = serde_json::from_str(&bodies[1]).unwrap();
    assert_eq!(
        put,
        json!({"group": {"capacity": {"target": 5, "minimum": 1, "maximum": 5}}})
    );
    assert!(
        script
            .asked(GROUP)
            .iter()
            .all(|target| target.ends_with("?accountId=act-1"))
    );

    let script = spot(&[(GROUP, group())]);
    let output = senza(&script, "scale a 1 2").await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("from 2 to 2 instances.. NO CHANGES\n"), "{stderr}");
    assert_eq!(script.bodies(GROUP).len(), 1);
}

#[tokio::test]
async fn it_is_patched_where_it_differs() {
    let script = spot(&[(GROUP, group())]);
    let output = senza(
        &script,
        "patch a 1 --image=ami-2 --instance-type=m1.micro --user-data=text",
    )
    .await;
    assert!(!output.status.success(), "user data has to be a map");
    let output = senza(
        &script,
        "patch a 1 --image=ami-2 --instance-type=m1.micro --user-data={\"b\":2}",
    )
    .await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    assert!(
        stderr.contains("Patching ElastiGroup a-1 (ID: sig-1).. OK\n"),
        "{stderr}"
    );
    let put: Json = serde_json::from_str(script.bodies(GROUP).last().unwrap()).unwrap();
    let specification = &put["group"]["compute"]["launchSpecification"];
    assert_eq!(specification["imageId"], "ami-2");
    assert!(put["group"]["compute"]["instanceTypes"].is_null());

    let output = senza(&script, "patch a 1 --image=ami-1").await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(stderr.contains("NO CHANGES\n"), "{stderr}");
}

#[tokio::test]
async fn its_instances_are_rolled() {
    let roll = |status: &str, value: i32| json!([{"id": "sbgd-1", "status": status, "progress": {"value": value}}]);
    let script = spot(&[
        ("/aws/ec2/group/sig-1/statefulInstance", json!([])),
        ("/aws/ec2/group/sig-1/roll", roll("STARTING", 0)),
        ("/aws/ec2/group/sig-1/roll/sbgd-1", roll("IN_PROGRESS", 50)),
        ("/aws/ec2/group/sig-1/roll/sbgd-1", roll("FINISHED", 100)),
    ]);
    let output = senza(&script, "respawn-instances a 1 --batch_size_percentage 250 -i 1").await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    assert!(
        stderr.contains("Deploy sbgd-1 finished with status FINISHED\n"),
        "{stderr}"
    );
    let put: Json = serde_json::from_str(&script.bodies("/aws/ec2/group/sig-1/roll")[0]).unwrap();
    assert_eq!(put["batchSizePercentage"], 100, "clamped");
}

#[tokio::test]
async fn an_encrypted_token_is_decrypted() {
    let template = |token: Json, info: Json| {
        json!({
            "Mappings": {"Senza": {"Info": info}},
            "Resources": {"AppServer": {"Type": "Custom::elastigroup", "Properties": {"accessToken": token, "accountId": "act-1"}}},
        })
    };
    // What compatibility 3 makes, and what people write themselves.
    for template in [
        template(
            json!({"Ref": "SenzaInfoSpotinstAccessToken"}),
            json!({"SpotinstAccessToken": "senza:kms:AQID"}),
        ),
        template(json!("senza:kms:AQID"), json!({})),
    ] {
        let script = spot_with(&template, &[(GROUP, group())]);
        script.answer("/", json!({"Plaintext": "c2VjcmV0LXRva2Vu"}).to_string());
        let output = senza(&script, "scale a 1 5").await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        assert!(script.bodies("/")[0].contains("\"CiphertextBlob\":\"AQID\""));
        assert_eq!(script.tokens(), ["Bearer secret-token"; 2]);
    }
    // Without the right to decrypt nobody is asked with the ciphertext.
    let script = spot_with(&template(json!("senza:kms:?"), json!({})), &[(GROUP, group())]);
    let output = senza(&script, "scale a 1 5").await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("SenzaInfo/SpotinstAccessToken: what follows senza:kms: must be base64"),
        "{stderr}"
    );
    assert!(script.tokens().is_empty());
}
