//! Each kind of failure against prepared answers.

use std::net::TcpListener;
use std::time::Duration;

use aws_smithy_types::timeout::TimeoutConfig;

use super::*;
use crate::Session;
use crate::test_server::{Answer, Server};

fn session(answer: Answer) -> Session {
    Session::impatient(&Server::start(vec![answer]).endpoint, 1)
}

fn xml(status: u16, code: &str, message: &str) -> Answer {
    Answer::new(
        status,
        &format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        ),
    )
}

async fn list_stacks(answer: Answer) -> Error {
    session(answer)
        .cloudformation()
        .list_stacks()
        .send()
        .await
        .unwrap_err()
        .into()
}

#[tokio::test]
async fn credentials_that_were_valid_once() {
    for code in [
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "TokenRefreshRequired",
    ] {
        let error = list_stacks(xml(403, code, "The security token included in the request is expired")).await;
        assert_eq!(error.kind, ErrorKind::ExpiredCredentials, "{code}");
        assert!(error.has_code(code));
        assert_eq!(
            error.to_string(),
            "The AWS credentials have expired. Run `mai login` for new ones. (The security token included in the request is expired)"
        );
    }
}

#[tokio::test]
async fn credentials_that_aws_does_not_know() {
    for code in [
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
    ] {
        let error = list_stacks(xml(403, code, "The security token included in the request is invalid.")).await;
        assert_eq!(error.kind, ErrorKind::InvalidCredentials, "{code}");
        assert!(
            error
                .to_string()
                .starts_with("AWS does not accept the credentials. Run `mai login`"),
            "{error}"
        );
    }
    let error = list_stacks(xml(
        403,
        "SignatureDoesNotMatch",
        "Signature expired: 20261121T000000Z is now earlier than ..",
    ))
    .await;
    assert!(
        error
            .to_string()
            .starts_with("AWS refuses the request's time. Set this machine's clock."),
        "{error}"
    );
}

#[tokio::test]
async fn refused_actions_are_named_as_the_answer_names_them() {
    let message = "User: arn:aws:iam::123456789012:user/joe is not authorized to perform: cloudformation:ListStacks on resource: arn:aws:cloudformation:eu-central-1:123456789012:stack/*/*";
    let error = list_stacks(xml(403, "AccessDenied", message)).await;
    assert_eq!(
        (error.kind, error.service.as_str(), error.operation.as_str()),
        (ErrorKind::AccessDenied, "cloudformation", "ListStacks")
    );
    assert_eq!(error.action(), "cloudformation:ListStacks");
    assert_eq!(
        error.resource(),
        Some("arn:aws:cloudformation:eu-central-1:123456789012:stack/*/*")
    );
    assert_eq!(
        error.to_string(),
        format!(
            "AWS missing access rights. Needed: cloudformation:ListStacks on arn:aws:cloudformation:eu-central-1:123456789012:stack/*/*. ({message})"
        )
    );
}

#[tokio::test]
async fn refused_actions_are_named_when_the_answer_does_not() {
    let error = list_stacks(xml(403, "AccessDenied", "Access denied")).await;
    assert_eq!(
        error.to_string(),
        "AWS missing access rights. Needed: cloudformation:ListStacks. (Access denied)"
    );

    let session = session(Answer::new(
        403,
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>No</Message></Error></ErrorResponse>",
    ));
    let error = Error::from(session.elbv2().describe_load_balancers().send().await.unwrap_err());
    assert_eq!(error.action(), "elasticloadbalancing:DescribeLoadBalancers");
}

#[tokio::test]
async fn ec2_says_it_in_its_own_way() {
    let message = "You are not authorized to perform this operation. User: arn:aws:sts::123456789012:assumed-role/R/joe is not authorized to perform: ec2:DescribeImages because no identity-based policy allows the ec2:DescribeImages action. Encoded authorization failure message: 4GIOHlTkIaWHQD0Q0m6XSnuUMCm";
    let ec2 = |code: &str, message: &str| {
        session(Answer::new(403, &format!("<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>x</RequestID></Response>"))).ec2()
    };
    let error = Error::from(
        ec2("UnauthorizedOperation", message)
            .describe_images()
            .send()
            .await
            .unwrap_err(),
    );
    assert_eq!(
        (error.kind, error.action().as_str()),
        (ErrorKind::AccessDenied, "ec2:DescribeImages")
    );
    assert!(!error.to_string().contains("4GIOH"), "{error}");
    let error = Error::from(
        ec2("Client.UnauthorizedOperation", "No")
            .describe_images()
            .send()
            .await
            .unwrap_err(),
    );
    assert_eq!(error.kind, ErrorKind::AccessDenied);
    let error = Error::from(
        ec2(
            "AuthFailure",
            "AWS was not able to validate the provided access credentials",
        )
        .describe_images()
        .send()
        .await
        .unwrap_err(),
    );
    assert_eq!(error.kind, ErrorKind::InvalidCredentials);
    let error = Error::from(
        ec2("RequestLimitExceeded", "Request limit exceeded.")
            .describe_images()
            .send()
            .await
            .unwrap_err(),
    );
    assert_eq!(error.kind, ErrorKind::Throttled);
}

#[tokio::test]
async fn json_services_too() {
    let body =
        r#"{"__type":"AccessDeniedException","Message":"User: u is not authorized to perform: acm:ListCertificates"}"#;
    let answer = Answer::new(400, body).header("Content-Type", "application/x-amz-json-1.1");
    let error = Error::from(session(answer).acm().list_certificates().send().await.unwrap_err());
    assert_eq!(
        (error.kind, error.action().as_str()),
        (ErrorKind::AccessDenied, "acm:ListCertificates")
    );
    let answer = Answer::new(
        400,
        r#"{"__type":"ValidationException","message":"1 validation error"}"#,
    )
    .header("Content-Type", "application/x-amz-json-1.1");
    let error = Error::from(session(answer).acm().list_certificates().send().await.unwrap_err());
    assert_eq!(error.to_string(), "Validation Error: 1 validation error");
}

#[tokio::test]
async fn answers_without_a_body_are_known_by_their_status() {
    let error = Error::from(
        session(Answer::new(403, ""))
            .s3()
            .head_bucket()
            .bucket("mint")
            .send()
            .await
            .unwrap_err(),
    );
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::AccessDenied, "HTTP status 403")
    );
    assert_eq!(
        error.to_string(),
        "AWS missing access rights. Needed: s3:ListBucket. (HTTP status 403)"
    );
    let error = list_stacks(Answer::new(502, "<html>Bad gateway</html>")).await;
    assert_eq!(error.kind, ErrorKind::Other);
    assert_eq!(
        error.to_string(),
        "Unknown Error: cloudformation ListStacks: HTTP status 502"
    );
}

#[tokio::test]
async fn what_a_successful_answer_must_have() {
    let error = list_stacks(Answer::new(200, "no XML at all")).await;
    assert_eq!(error.kind, ErrorKind::Other);
    assert_eq!(
        error.to_string(),
        "Unknown Error: cloudformation ListStacks: unreadable answer"
    );
}

#[tokio::test]
async fn validation_and_other_codes() {
    let error = list_stacks(xml(400, "ValidationError", "Stack with id x\n does not exist")).await;
    assert_eq!(error.kind, ErrorKind::Validation);
    assert_eq!(error.to_string(), "Validation Error: Stack with id x does not exist");
    let error = list_stacks(xml(400, "LimitExceededException", "Too many stacks")).await;
    assert_eq!(error.kind, ErrorKind::Other);
    assert_eq!(
        error.to_string(),
        "Unknown Error: cloudformation ListStacks: LimitExceededException: Too many stacks"
    );
}

#[tokio::test]
async fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let session = Session::impatient(&format!("http://{address}"), 1);
    let error = Error::from(session.ec2().describe_vpcs().send().await.unwrap_err());
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert_eq!(error.code, None);
    assert!(
        error.to_string().starts_with(
            "No answer from AWS. Check the network, the proxy settings and AWS_ENDPOINT_URL. (ec2 DescribeVpcs: "
        ),
        "{error}"
    );
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn somebody_listens_and_does_not_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let session = Session::impatient(&format!("http://{}", listener.local_addr().unwrap()), 1);
    let patience = TimeoutConfig::builder()
        .operation_timeout(Duration::from_millis(50))
        .build();
    let session = session.with_config(|config| config.timeout_config(patience));
    let error = Error::from(session.ec2().describe_vpcs().send().await.unwrap_err());
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::Unreachable, "no answer in time")
    );
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed() {
    let message = "User: arn:aws:iam::1:user/joe is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/Admin";
    let session = session(xml(403, "AccessDenied", message));
    let assumed = session
        .assume_role("arn:aws:iam::123456789012:role/Admin", "joe", "eu-central-1")
        .await
        .unwrap();
    let error = Error::from(assumed.cloudformation().list_stacks().send().await.unwrap_err());
    assert_eq!(
        (error.kind, error.service.as_str(), error.operation.as_str()),
        (ErrorKind::AccessDenied, "sts", "AssumeRole")
    );
    assert_eq!(error.resource(), Some("arn:aws:iam::123456789012:role/Admin"));
}

#[tokio::test]
async fn requests_are_not_repeated_in_errors() {
    let session = session(xml(400, "ValidationError", "No"));
    let call = session
        .cloudformation()
        .create_stack()
        .stack_name("x")
        .template_body("hidden-template");
    let error = Error::from(call.send().await.unwrap_err());
    assert!(!format!("{error} {error:?}").contains("hidden-template"));
}

#[test]
fn names_of_calls() {
    for (name, service, operation) in [
        (
            "aws_sdk_cloudformation::operation::describe_stacks::DescribeStacksError",
            "cloudformation",
            "DescribeStacks",
        ),
        (
            "aws_sdk_elasticloadbalancingv2::operation::describe_tags::DescribeTagsError",
            "elasticloadbalancing",
            "DescribeTags",
        ),
        ("aws_sdk_ec2::Error", "ec2", ""),
        ("alloc::boxed::Box<dyn core::error::Error>", "aws", ""),
    ] {
        assert_eq!(called(name), (service.to_owned(), operation.to_owned()));
    }
}

#[test]
fn messages_are_bounded() {
    let error = answered("ec2", "X", Some("Odd"), Some(&"a b\n".repeat(10_000)), Some(400));
    assert!(error.message.len() <= MESSAGE_LIMIT);
}
