//! Sessions against prepared answers.

use super::*;
use crate::test_server::{Answer, Server};

const STACKS: &str =
    "<DescribeStacksResponse><DescribeStacksResult><Stacks/></DescribeStacksResult></DescribeStacksResponse>";

fn refusal(status: u16, code: &str) -> Answer {
    Answer::new(
        status,
        &format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>Rate exceeded</Message></Error></ErrorResponse>"
        ),
    )
}

#[tokio::test]
async fn throttled_calls_are_tried_again() {
    for code in [
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "PriorRequestNotComplete",
    ] {
        let server = Server::start(vec![
            refusal(400, code),
            refusal(400, code),
            refusal(400, code),
            Answer::new(200, STACKS),
        ]);
        let session = Session::impatient(&server.endpoint, ATTEMPTS);
        session.cloudformation().describe_stacks().send().await.unwrap();
        assert_eq!(server.requests().len(), 4, "{code}");
    }
}

#[tokio::test]
async fn a_call_that_is_always_throttled_ends() {
    let server = Server::start(vec![refusal(400, "Throttling")]);
    let session = Session::impatient(&server.endpoint, ATTEMPTS);
    let error = Error::from(session.cloudformation().describe_stacks().send().await.unwrap_err());
    assert_eq!(server.requests().len(), ATTEMPTS as usize);
    assert_eq!(error.kind, ErrorKind::Throttled);
    assert_eq!(
        error.to_string(),
        "AWS takes no more requests for now. Try again in a minute. (cloudformation DescribeStacks: Rate exceeded)"
    );
}

#[tokio::test]
async fn route_53_that_is_still_at_work_is_asked_again() {
    let zones = "<ListHostedZonesResponse><HostedZones/><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListHostedZonesResponse>";
    let server = Server::start(vec![refusal(400, "PriorRequestNotComplete"), Answer::new(200, zones)]);
    let session = Session::impatient(&server.endpoint, ATTEMPTS);
    session.route53().list_hosted_zones().send().await.unwrap();
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn other_refusals_are_not_tried_again() {
    for code in ["ValidationError", "AccessDenied", "AlreadyExistsException"] {
        let server = Server::start(vec![refusal(400, code)]);
        let session = Session::impatient(&server.endpoint, ATTEMPTS);
        session.cloudformation().describe_stacks().send().await.unwrap_err();
        assert_eq!(server.requests().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn requests_say_region_and_application() {
    let server = Server::start(vec![Answer::new(200, STACKS)]);
    let session = Session::impatient(&server.endpoint, 1);
    session.cloudformation().describe_stacks().send().await.unwrap();
    session
        .in_region("us-west-2")
        .cloudformation()
        .describe_stacks()
        .send()
        .await
        .unwrap();
    let requests = server.requests();
    assert!(
        requests[0].contains("/eu-central-1/cloudformation/aws4_request"),
        "{}",
        requests[0]
    );
    assert!(
        requests[1].contains("/us-west-2/cloudformation/aws4_request"),
        "{}",
        requests[1]
    );
    assert!(requests[0].contains("app/stups"), "{}", requests[0]);
}

#[tokio::test]
async fn an_assumed_role_is_renewed_only_when_it_expires() {
    let role = |key: &str, expiration: &str| {
        Answer::new(
            200,
            &format!(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>token</SessionToken><Expiration>{expiration}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
            ),
        )
    };
    // The first credentials are over already, the second ones last.
    let server = Server::start(vec![
        role("AKIAFIRST", "2020-01-01T00:00:00Z"),
        Answer::new(200, STACKS),
        role("AKIASECOND", "2999-01-01T00:00:00Z"),
        Answer::new(200, STACKS),
    ]);
    let session = Session::impatient(&server.endpoint, 1);
    let arn = "arn:aws:iam::123456789012:role/Reader";
    let assumed = session.assume_role(arn, "somebody", "us-east-2").await.unwrap();
    assert_eq!(assumed.region(), "us-east-2");
    assert!(server.requests().is_empty());
    for _ in 0..3 {
        assumed.cloudformation().describe_stacks().send().await.unwrap();
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 5);
    assert!(
        requests[0].contains("RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2FReader"),
        "{}",
        requests[0]
    );
    assert!(requests[0].contains("RoleSessionName=somebody"), "{}", requests[0]);
    assert!(requests[1].contains("Credential=AKIAFIRST/"), "{}", requests[1]);
    for request in &requests[3..] {
        assert!(request.contains("Credential=AKIASECOND/"), "{request}");
        assert!(request.contains("/us-east-2/cloudformation/"), "{request}");
    }
}

#[tokio::test]
async fn only_roles_can_be_assumed() {
    let session = Session::impatient("http://127.0.0.1:9", 1);
    for arn in ["", "Reader", "arn:aws:iam::123456789012:user/reader"] {
        let error = session.assume_role(arn, "somebody", "us-east-1").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Validation);
        assert_eq!(
            error.to_string(),
            format!("Validation Error: '{arn}' is not the ARN of an IAM role")
        );
    }
}

#[tokio::test]
async fn buckets_are_in_the_path_at_an_endpoint_of_ones_own() {
    let server = Server::start(vec![Answer::new(200, "")]);
    let session = Session::impatient(&server.endpoint.replace("127.0.0.1", "localhost"), 1);
    session.s3().head_bucket().bucket("mint").send().await.unwrap();
    assert!(
        server.requests()[0].starts_with("HEAD /mint"),
        "{}",
        server.requests()[0]
    );
}

#[tokio::test]
async fn options_are_checked() {
    let region = |region: &str| SessionOptions {
        region: Some(region.to_owned()),
        ..SessionOptions::default()
    };
    let error = Session::load(region("eu-nowhere-1")).await.unwrap_err();
    assert_eq!(error, SessionError::UnknownRegion("eu-nowhere-1".to_owned()));
    let lines: Vec<String> = error.to_string().lines().map(str::to_owned).collect();
    assert_eq!(
        lines[0],
        "'eu-nowhere-1'. Region must be one of the following AWS regions:"
    );
    assert_eq!(lines.len(), 1 + crate::REGIONS.len());
    assert!(lines.contains(&"  - eu-central-1".to_owned()));
    assert_eq!(Session::load(region("eu-west-1")).await.unwrap().region(), "eu-west-1");
}

#[tokio::test]
async fn explicit_options_reach_the_request() {
    let server = Server::start(vec![Answer::new(200, STACKS)]);
    let options = SessionOptions {
        region: Some("eu-west-1".to_owned()),
        endpoint_url: Some(server.endpoint.clone()),
        credentials: Some(Credentials::new("AKIAEXPLICIT", "secret", None, None, "test")),
        ..SessionOptions::default()
    };
    let session = Session::load(options).await.unwrap();
    session.cloudformation().describe_stacks().send().await.unwrap();
    assert!(
        server.requests()[0].contains("Credential=AKIAEXPLICIT/"),
        "{}",
        server.requests()[0]
    );
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?}", Session::impatient("http://127.0.0.1:9", 1));
    assert!(!shown.contains("the-secret-key"), "{shown}");
}
