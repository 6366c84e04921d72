//! What a failed call becomes.

use std::fmt;

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// no credentials anywhere in the chain
    NoCredentials,
    /// the credentials were valid once
    ExpiredCredentials,
    /// AWS does not know the credentials, or the signature made with them is wrong
    InvalidCredentials,
    /// the caller may not do this
    AccessDenied,
    /// AWS refused the request's content (`ValidationError`)
    Validation,
    /// too many requests, and still after the last retry
    Throttled,
    /// no answer: connection refused, time out, TLS
    Unreachable,
    /// any other answer
    Other,
}

/// A failed AWS call. `Display` is one line that says what a person can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// what kind of failure it was
    pub kind: ErrorKind,
    /// the service, as IAM spells it: `cloudformation`, `ec2`
    pub service: String,
    /// the operation: `DescribeStacks`
    pub operation: String,
    /// AWS's error code, when there was an answer
    pub code: Option<String>,
    /// AWS's message, or why there was no answer
    pub message: String,
}

impl Error {
    /// Whether AWS answered with this code.
    pub fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// The IAM action that was refused: `cloudformation:ListStacks`. Taken from AWS's message, which names it when it differs
    /// from the operation (S3's `ListObjectsV2` needs `s3:ListBucket`); else made from service and operation.
    pub fn action(&self) -> String {
        word_after(&self.message, "not authorized to perform: ")
            .filter(|action| action.contains(':'))
            .map_or_else(|| format!("{}:{}", self.service, self.permission()), str::to_owned)
    }

    /// The action that permits the operation. S3 is the service where the two have different names.
    fn permission(&self) -> &str {
        match (self.service.as_str(), self.operation.as_str()) {
            ("s3", "HeadBucket" | "ListObjects" | "ListObjectsV2") => "ListBucket",
            ("s3", "HeadObject") => "GetObject",
            ("s3", "ListBuckets") => "ListAllMyBuckets",
            (_, operation) => operation,
        }
    }

    /// The resource on which it was refused, when AWS's message names it.
    pub fn resource(&self) -> Option<&str> {
        word_after(&self.message, " on resource: ")
    }

    fn call(&self) -> String {
        let call = format!("{} {}", self.service, self.operation);
        call.trim().to_owned()
    }
}

/// The first word after `label`, without the punctuation that ends it in a sentence.
fn word_after<'text>(text: &'text str, label: &str) -> Option<&'text str> {
    let (_, rest) = text.split_once(label)?;
    let word = rest.split_whitespace().next()?.trim_matches(['"', '.', ',']);
    (!word.is_empty()).then_some(word)
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = one_line(&self.message);
        let line = match self.kind {
            ErrorKind::NoCredentials => format!(
                "No AWS credentials found. Run `mai login`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. ({message})"
            ),
            ErrorKind::ExpiredCredentials => {
                format!("The AWS credentials have expired. Run `mai login` for new ones. ({message})")
            }
            ErrorKind::InvalidCredentials if is_clock_skew(&message) => {
                format!("AWS refuses the request's time. Set this machine's clock. ({message})")
            }
            ErrorKind::InvalidCredentials => {
                format!("AWS does not accept the credentials. Run `mai login` for new ones. ({message})")
            }
            ErrorKind::AccessDenied => {
                let resource = self
                    .resource()
                    .map(|resource| format!(" on {resource}"))
                    .unwrap_or_default();
                format!(
                    "AWS missing access rights. Needed: {}{resource}. ({message})",
                    self.action()
                )
            }
            ErrorKind::Validation => format!("Validation Error: {message}"),
            ErrorKind::Throttled => {
                format!(
                    "AWS takes no more requests for now. Try again in a minute. ({}: {message})",
                    self.call()
                )
            }
            ErrorKind::Unreachable => format!(
                "No answer from AWS. Check the network, the proxy settings and AWS_ENDPOINT_URL. ({}: {message})",
                self.call()
            ),
            ErrorKind::Other => match &self.code {
                Some(code) => format!("Unknown Error: {}: {code}: {message}", self.call()),
                None => format!("Unknown Error: {}: {message}", self.call()),
            },
        };
        formatter.write_str(&line.replace(" ()", ""))
    }
}

fn is_clock_skew(message: &str) -> bool {
    [
        "Signature expired",
        "Signature not yet current",
        "RequestTimeTooSkewed",
        "too large",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}

/// Runs of white space, line ends among them, become one space; control characters go.
pub(crate) fn one_line(text: &str) -> String {
    text.split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(kind: ErrorKind, message: &str) -> Error {
        Error {
            kind,
            service: "cloudformation".to_owned(),
            operation: "ListStacks".to_owned(),
            code: None,
            message: message.to_owned(),
        }
    }

    const KINDS: [ErrorKind; 8] = [
        ErrorKind::NoCredentials,
        ErrorKind::ExpiredCredentials,
        ErrorKind::InvalidCredentials,
        ErrorKind::AccessDenied,
        ErrorKind::Validation,
        ErrorKind::Throttled,
        ErrorKind::Unreachable,
        ErrorKind::Other,
    ];

    proptest! {
        #[test]
        fn an_error_is_one_line(message in any::<String>(), kind in 0..KINDS.len()) {
            let line = error(KINDS[kind], &message).to_string();
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            prop_assert!(!line.is_empty());
        }
    }

    #[test]
    fn no_credentials_is_a_hint() {
        assert_eq!(
            error(ErrorKind::NoCredentials, "").to_string(),
            "No AWS credentials found. Run `mai login`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        );
    }

    #[test]
    fn the_action_of_the_message_comes_before_that_of_the_call() {
        let error = error(
            ErrorKind::AccessDenied,
            "u is not authorized to perform: s3:ListBucket on resource: \"arn:aws:s3:::b\" because ..",
        );
        assert_eq!(error.action(), "s3:ListBucket");
        assert_eq!(error.resource(), Some("arn:aws:s3:::b"));
    }
}
