//! From the SDK's errors to ours.

use std::any::Any;
use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::error::one_line;
use crate::{Error, ErrorKind};

/// The longest message kept from an answer, in characters: enough for IAM's longest sentences.
const MESSAGE_LIMIT: usize = 2000;

impl<E, R> From<SdkError<E, R>> for Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        let (service, operation) = called(std::any::type_name::<E>());
        let status = error.raw_response().and_then(http_status);
        let unanswered = |kind, message: String| Self {
            kind,
            service: service.clone(),
            operation: operation.clone(),
            code: None,
            message: bounded(&message),
        };
        match &error {
            SdkError::ServiceError(answer) => {
                let (code, message) = (answer.err().code(), answer.err().message());
                answered(&service, &operation, code, message, status)
            }
            SdkError::ResponseError(_) => match status {
                Some(status) if status >= 300 => answered(&service, &operation, None, None, Some(status)),
                _ => unanswered(ErrorKind::Other, format!("unreadable answer: {}", root_cause(&error))),
            },
            SdkError::TimeoutError(_) => unanswered(ErrorKind::Unreachable, "no answer in time".to_owned()),
            _ => match credentials_failure(&error) {
                Some(Failure::Refused(error)) => error,
                Some(Failure::Missing(kind, message)) => unanswered(kind, message),
                None if matches!(error, SdkError::DispatchFailure(_)) => {
                    unanswered(ErrorKind::Unreachable, connection_failure(&error))
                }
                None => unanswered(ErrorKind::Other, format!("request not sent: {}", root_cause(&error))),
            },
        }
    }
}

/// Service and operation from the name of an operation's error type:
/// `aws_sdk_cloudformation::operation::describe_stacks::DescribeStacksError`.
fn called(type_name: &str) -> (String, String) {
    let type_name = type_name.split('<').next().unwrap_or(type_name);
    let service = match type_name
        .split("::")
        .next()
        .and_then(|krate| krate.strip_prefix("aws_sdk_"))
    {
        // Both generations of load balancers have one prefix in IAM.
        Some("elasticloadbalancingv2") => "elasticloadbalancing",
        Some("cloudwatchlogs") => "logs",
        Some(service) => service,
        None => "aws",
    };
    let operation = type_name
        .rsplit("::")
        .next()
        .and_then(|name| name.strip_suffix("Error"))
        .unwrap_or_default();
    (service.to_owned(), operation.to_owned())
}

fn http_status<R: Any>(raw: &R) -> Option<u16> {
    (raw as &dyn Any)
        .downcast_ref::<HttpResponse>()
        .map(|response| response.status().as_u16())
}

/// An answer that is an error.
fn answered(service: &str, operation: &str, code: Option<&str>, message: Option<&str>, status: Option<u16>) -> Error {
    let message = message.unwrap_or_default();
    // EC2 appends a kilobyte of cipher text for `sts:DecodeAuthorizationMessage`.
    let message = message
        .split("Encoded authorization failure message:")
        .next()
        .unwrap_or_default();
    let message = match (bounded(message), status) {
        (message, Some(200..300)) if message.is_empty() => "unreadable answer".to_owned(),
        (message, Some(status)) if message.is_empty() => format!("HTTP status {status}"),
        (message, _) => message,
    };
    Error {
        kind: kind(code, status, &message),
        service: service.to_owned(),
        operation: operation.to_owned(),
        code: code.map(str::to_owned),
        message,
    }
}

/// The kind of an error answer. HEAD requests have no body and thus no code: there the status says it.
fn kind(code: Option<&str>, status: Option<u16>, message: &str) -> ErrorKind {
    let code = code.unwrap_or_default();
    // EC2's older spelling: `Client.UnauthorizedOperation`.
    let code = code.strip_prefix("Client.").unwrap_or(code);
    match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
            ErrorKind::ExpiredCredentials
        }
        "InvalidClientTokenId"
        | "UnrecognizedClient"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "AuthFailure"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidToken"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "NotAuthorized"
        | "RequestTimeTooSkewed" => ErrorKind::InvalidCredentials,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "UnauthorizedAccess"
        | "AuthorizationError"
        | "AuthorizationErrorException"
        | "Forbidden" => ErrorKind::AccessDenied,
        "ValidationError" | "ValidationException" => ErrorKind::Validation,
        code if is_throttling(code) || message == "Rate exceeded" => ErrorKind::Throttled,
        "" | "Unknown" => match status {
            Some(401) => ErrorKind::InvalidCredentials,
            Some(403) => ErrorKind::AccessDenied,
            Some(429) => ErrorKind::Throttled,
            _ => ErrorKind::Other,
        },
        _ => ErrorKind::Other,
    }
}

/// The codes with which AWS services say that there were too many requests. `LimitExceeded...` is not among them: although
/// the SDK retries it, in most services it means a quota of resources, and its message says which.
fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequests"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "BandwidthLimitExceeded"
            | "PriorRequestNotComplete"
            | "SlowDown"
            | "EC2ThrottledException"
    )
}

enum Failure {
    /// somebody who gives credentials refused
    Refused(Error),
    /// there are none, or they are too old to get new ones with
    Missing(ErrorKind, String),
}

/// Why no credentials were obtained, when that is what stopped the call.
fn credentials_failure(error: &(dyn StdError + 'static)) -> Option<Failure> {
    let causes = || causes(error);
    let failure = causes().find_map(|cause| cause.downcast_ref::<CredentialsError>())?;
    if let Some(refusal) = causes().find_map(|cause| cause.downcast_ref::<AssumeRoleError>()) {
        return Some(Failure::Refused(answered(
            "sts",
            "AssumeRole",
            refusal.code(),
            refusal.message(),
            None,
        )));
    }
    let message = root_cause(failure);
    let expired = ["expired", "ExpiredToken", "UnauthorizedException"]
        .iter()
        .any(|sign| message.contains(sign));
    Some(match failure {
        _ if expired => Failure::Missing(ErrorKind::ExpiredCredentials, message),
        CredentialsError::ProviderTimedOut(_) => Failure::Missing(ErrorKind::Unreachable, message),
        _ => Failure::Missing(ErrorKind::NoCredentials, message),
    })
}

/// The last two causes: the last alone ("Connection refused (os error 111)") does not say what was being done.
fn connection_failure(error: &(dyn StdError + 'static)) -> String {
    let causes: Vec<String> = causes(error).skip(1).map(ToString::to_string).collect();
    let mut last: Vec<&str> = causes.iter().rev().take(2).map(String::as_str).collect();
    last.dedup();
    last.reverse();
    last.join(": ")
}

fn root_cause(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// The error, its cause, the cause's cause ...
fn causes<'error>(error: &'error (dyn StdError + 'static)) -> impl Iterator<Item = &'error (dyn StdError + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let current = next?;
        next = current.source();
        Some(current)
    })
}

fn bounded(message: &str) -> String {
    one_line(&message.chars().take(MESSAGE_LIMIT).collect::<String>())
}

#[cfg(test)]
mod tests;
