use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use super::*;

/// What an API was asked: request line, authorization, body.
pub(crate) type Asked = Receiver<(String, String, String)>;

/// An API that gives these answers in turn.
pub(crate) fn api(answers: Vec<(u16, Json)>) -> (Spotinst, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = channel();
    std::thread::spawn(move || {
        for (stream, (status, answer)) in listener.incoming().flatten().zip(answers) {
            let mut reader = BufReader::new(&stream);
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                lines.push(line.trim().to_owned());
            }
            let header = |name: &str| {
                let lower = format!("{name}: ");
                let found = lines.iter().find(|line| line.to_lowercase().starts_with(&lower));
                found.map(|line| line[lower.len()..].to_owned()).unwrap_or_default()
            };
            let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
            reader.read_exact(&mut body).unwrap();
            let request = (
                lines[0].clone(),
                header("authorization"),
                String::from_utf8(body).unwrap(),
            );
            // Before the answer: whoever has that looks for the request.
            drop(sender.send(request));
            let answer = answer.to_string();
            let head = format!(
                "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                answer.len()
            );
            (&stream).write_all((head + &answer).as_bytes()).unwrap();
        }
    });
    let mut spotinst = Spotinst::new(&base, "secret-token".to_owned(), "act-zwk".to_owned()).unwrap();
    spotinst.pause = Duration::from_millis(1);
    (spotinst, asked)
}

/// An answer with these items.
pub(crate) fn items(items: Json) -> (u16, Json) {
    let response = Json::Object([("items".to_owned(), items)].into_iter().collect());
    (
        200,
        Json::Object([("response".to_owned(), response)].into_iter().collect()),
    )
}

#[tokio::test]
async fn each_call_is_the_one_that_spot_knows() {
    let (spotinst, asked) = api(vec![
        items(json!([{"id": "sig-xfy", "capacity": {"minimum": 1, "maximum": 3, "target": 2, "unit": "instance"}}])),
        items(json!([{"id": "sig-xfy"}])),
        items(json!([{"id": "sig-xfy"}])),
        items(json!([{"id": "ssi-1", "instanceId": "i-1", "privateIp": "10.0.0.1", "state": "ACTIVE"}])),
        (200, json!({"response": {"status": {"code": 200}}})),
        items(json!([{"id": "sbgd-1", "status": "STARTING", "progress": {"unit": "percentage", "value": 0}}])),
        items(json!([{"id": "sbgd-1", "status": "finished", "progress": {"value": 100}}])),
    ]);
    let group = spotinst.group("sig-xfy").await.unwrap();
    let capacity = Capacity::of(&group).unwrap();
    assert_eq!((capacity.minimum, capacity.target, capacity.maximum), (1, 2, 3));
    spotinst
        .set_capacity("sig-xfy", Capacity { target: 3, ..capacity })
        .await
        .unwrap();
    spotinst
        .set_compute("sig-xfy", json!({"launchSpecification": {"imageId": "ami-1"}}))
        .await
        .unwrap();
    let instances = spotinst.stateful_instances("sig-xfy").await.unwrap();
    assert!(instances[0].is_active());
    spotinst.recycle("sig-xfy", "ssi-1").await.unwrap();
    let rolls = spotinst.roll("sig-xfy", 35, Duration::from_secs(50)).await.unwrap();
    assert!(!rolls[0].is_over());
    let roll = spotinst.roll_status("sig-xfy", "sbgd-1").await.unwrap().unwrap();
    assert!(roll.is_over() && !roll.has_failed());

    let asked: Vec<_> = asked.try_iter().collect();
    assert!(asked.iter().all(|(_, token, _)| token == "Bearer secret-token"));
    let calls: Vec<(&str, &str)> = asked
        .iter()
        .map(|(line, _, body)| (line.as_str(), body.as_str()))
        .collect();
    assert_eq!(
        calls,
        [
            ("GET /aws/ec2/group/sig-xfy?accountId=act-zwk HTTP/1.1", ""),
            (
                "PUT /aws/ec2/group/sig-xfy?accountId=act-zwk HTTP/1.1",
                r#"{"group":{"capacity":{"target":3,"minimum":1,"maximum":3}}}"#
            ),
            (
                "PUT /aws/ec2/group/sig-xfy?accountId=act-zwk HTTP/1.1",
                r#"{"group":{"compute":{"launchSpecification":{"imageId":"ami-1"}}}}"#
            ),
            (
                "GET /aws/ec2/group/sig-xfy/statefulInstance?accountId=act-zwk HTTP/1.1",
                ""
            ),
            (
                "PUT /aws/ec2/group/sig-xfy/statefulInstance/ssi-1/recycle?accountId=act-zwk HTTP/1.1",
                ""
            ),
            (
                "PUT /aws/ec2/group/sig-xfy/roll?accountId=act-zwk HTTP/1.1",
                r#"{"batchSizePercentage":35,"gracePeriod":50,"strategy":{"action":"REPLACE_SERVER"}}"#
            ),
            ("GET /aws/ec2/group/sig-xfy/roll/sbgd-1?accountId=act-zwk HTTP/1.1", ""),
        ]
    );
}

#[tokio::test]
async fn too_many_requests_are_tried_again() {
    let (spotinst, asked) = api(vec![
        (429, json!({})),
        (503, json!({})),
        items(json!([{"id": "sig-xfy"}])),
    ]);
    assert_eq!(spotinst.group("sig-xfy").await.unwrap(), json!({"id": "sig-xfy"}));
    assert_eq!(asked.try_iter().count(), 3);
}

#[tokio::test]
async fn a_refusal_is_one_line_without_the_token() {
    let refusal = json!({"response": {"errors": [{"code": "AUTH", "message": "You may not"}]}});
    for (answer, expected) in [
        (
            (401, refusal),
            "Spot refuses GET sig-xfy: 401 Unauthorized: You may not",
        ),
        (
            (500, json!([])),
            "Spot refuses GET sig-xfy: 500 Internal Server Error: no reason given",
        ),
        (items(json!([])), "Elastigroup sig-xfy not found"),
    ] {
        let (spotinst, _asked) = api(vec![answer]);
        let error = spotinst.group("sig-xfy").await.unwrap_err().to_string();
        assert_eq!(error, expected);
        assert!(!format!("{spotinst:?}").contains("secret"));
    }
    // What may have begun is not begun twice.
    let (spotinst, asked) = api(vec![(503, json!({})), items(json!([]))]);
    assert!(spotinst.roll("sig-xfy", 20, Duration::ZERO).await.is_err());
    assert_eq!(asked.try_iter().count(), 1);
}

#[test]
fn the_token_is_only_sent_where_it_is_safe() {
    let new = |base: &str| Spotinst::new(base, String::new(), String::new());
    assert!(new("https://api.example.org").is_ok() && new("http://127.0.0.1:1").is_ok());
    for base in ["http://api.example.org", "ftp://127.0.0.1", "nothing"] {
        assert_eq!(new(base).unwrap_err().into_failure().exit_code, 2, "{base}");
    }
}

#[test]
fn token_and_account_are_the_template_s_or_the_environment_s() {
    let template = |token: Json| {
        json!({"Resources": {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Group": {"Type": "Custom::elastigroup", "Properties": {"accessToken": token, "accountId": "act-1"}}}})
    };
    let nothing = |_: &str| None;
    let pair = |token: &str| (token.to_owned(), "act-1".to_owned());
    assert_eq!(access(&template(json!("t")), "a-1", nothing).unwrap(), pair("t"));
    let reference = template(json!({"Ref": "Token"}));
    let variable = |name: &str| (name == "SPOTINST_TOKEN").then(|| "from-environment".to_owned());
    assert_eq!(access(&reference, "a-1", variable).unwrap(), pair("from-environment"));
    let error = access(&reference, "a-1", nothing).unwrap_err().to_string();
    assert!(
        error.ends_with("the accessToken of its Elastigroup: set SPOTINST_TOKEN"),
        "{error}"
    );
    let mut with_info = reference.clone();
    with_info["Mappings"] = json!({"Senza": {"Info": {"SpotinstAccessToken": "senza:kms:AQID"}}});
    assert_eq!(access(&with_info, "a-1", nothing).unwrap(), pair("senza:kms:AQID"));
    assert_eq!(access(&with_info, "a-1", variable).unwrap(), pair("from-environment"));
    assert!(access(&json!({"Resources": {}}), "a-1", nothing).is_err());
}
