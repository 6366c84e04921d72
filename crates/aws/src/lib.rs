//! The one place that makes AWS clients.
//!
//! A [`Session`] knows the region, the credentials, the endpoint and the retry rules, and hands out the SDK's own clients.
//! [`Error`] is what every failed call becomes: a kind a program can match on and a message a person can act on.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod credentials;
mod error;
mod http;
mod region;
mod sdk_error;
mod secret_location;
mod session;
#[cfg(test)]
mod test_server;

pub use aws_credential_types::Credentials;
pub use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
pub use aws_smithy_runtime_api::client::result::SdkError;
pub use error::{Error, ErrorKind};
pub use region::{REGIONS, bucket_region, is_known_region, is_region_name};
pub use secret_location::{SecretLocation, SecretLocationError, SecretObject, SecretStore};
pub use session::{Session, SessionError, SessionOptions};

pub use {
    aws_sdk_acm as acm, aws_sdk_autoscaling as autoscaling, aws_sdk_cloudformation as cloudformation,
    aws_sdk_cloudwatch as cloudwatch, aws_sdk_cloudwatchlogs as cloudwatchlogs, aws_sdk_ec2 as ec2,
    aws_sdk_elasticloadbalancing as elasticloadbalancing, aws_sdk_elasticloadbalancingv2 as elasticloadbalancingv2,
    aws_sdk_iam as iam, aws_sdk_kms as kms, aws_sdk_route53 as route53, aws_sdk_s3 as s3,
    aws_sdk_secretsmanager as secretsmanager, aws_sdk_sns as sns, aws_sdk_ssm as ssm, aws_sdk_sts as sts,
};
