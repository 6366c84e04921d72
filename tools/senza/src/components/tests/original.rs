//! Templates of senza 2.1.143 itself, made by `original/make_vectors.py`: ours must be the same JSON values.

use super::*;
use crate::http::test_server::{answer, serve};

/// A list of images, each named after its channel.
fn coreos_feed() -> String {
    let (address, _) = serve(|first, _| {
        let channel = first.split(['/', ' ']).nth(2).unwrap_or_default();
        answer(
            "200 OK",
            "",
            &format!("{{\"eu-west-1\": {{\"hvm\": \"ami-{channel}\"}}}}"),
        )
    });
    format!("http://{address}/{{channel}}")
}

fn answers() -> Answers {
    let gateway = |subnet: &str, address: &str| NatGateway {
        subnet_id: subnet.to_owned(),
        private_ip: address.to_owned(),
        usable: true,
    };
    let policies =
        |role: &str| vec![serde_json::json!({"PolicyName": role, "PolicyDocument": {"Version": "2012-10-17"}})];
    Answers {
        nat_gateways: vec![
            gateway("subnet-i1", "10.0.0.1"),
            gateway("subnet-x", "10.0.0.9"),
            gateway("subnet-i2", "10.0.0.2"),
        ],
        role_policies: vec![("a", policies("a")), ("b", policies("b"))],
        topics: vec!["arn:aws:sns:eu-west-1:1:ops".to_owned()],
        coreos_feed: Some(coreos_feed()),
        stack_outputs: vec![(
            "s",
            StackOutputs {
                status: "CREATE_COMPLETE".to_owned(),
                values: [("O".to_owned(), "0755".to_owned())].into(),
            },
        )],
        ..standard()
    }
}

#[tokio::test]
async fn templates_are_those_of_the_original() {
    let vectors: Json = serde_json::from_str(include_str!("original/vectors.json")).unwrap();
    let vectors = vectors.as_array().unwrap();
    assert!(vectors.len() > 75);
    for vector in vectors {
        let definition = vector["definition"].as_str().unwrap();
        let generated = generate(definition, Senza2, answers()).await;
        match generated.result {
            Ok(template) => assert_eq!(template, vector["template"], "{definition}"),
            Err(error) => panic!("{definition}: {error}"),
        }
    }
}
