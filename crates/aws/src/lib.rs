//! The one place that makes AWS clients.
//!
//! A [`Session`] knows the region, the credentials, the endpoint and the retry rules, and hands out the SDK's own clients.
//! [`Error`] is what every failed call becomes: a kind a program can match on and a message a person can act on.
//!
//! Each API but STS is a feature of its own.

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
pub use aws_credential_types::provider::error::CredentialsError;
pub use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
pub use aws_smithy_runtime_api::client::result::SdkError;
pub use error::{Error, ErrorKind};
pub use region::{REGIONS, bucket_region, is_known_region, is_region_name};
pub use secret_location::{SecretLocation, SecretLocationError, SecretObject, SecretStore};
pub use session::{Session, SessionError, SessionOptions};

#[cfg(feature = "acm")]
pub use aws_sdk_acm as acm;
#[cfg(feature = "autoscaling")]
pub use aws_sdk_autoscaling as autoscaling;
#[cfg(feature = "cloudformation")]
pub use aws_sdk_cloudformation as cloudformation;
#[cfg(feature = "cloudwatch")]
pub use aws_sdk_cloudwatch as cloudwatch;
#[cfg(feature = "cloudwatchlogs")]
pub use aws_sdk_cloudwatchlogs as cloudwatchlogs;
#[cfg(feature = "ec2")]
pub use aws_sdk_ec2 as ec2;
#[cfg(feature = "elasticloadbalancing")]
pub use aws_sdk_elasticloadbalancing as elasticloadbalancing;
#[cfg(feature = "elasticloadbalancingv2")]
pub use aws_sdk_elasticloadbalancingv2 as elasticloadbalancingv2;
#[cfg(feature = "iam")]
pub use aws_sdk_iam as iam;
#[cfg(feature = "kms")]
pub use aws_sdk_kms as kms;
#[cfg(feature = "route53")]
pub use aws_sdk_route53 as route53;
#[cfg(feature = "s3")]
pub use aws_sdk_s3 as s3;
#[cfg(feature = "secretsmanager")]
pub use aws_sdk_secretsmanager as secretsmanager;
#[cfg(feature = "servicequotas")]
pub use aws_sdk_servicequotas as servicequotas;
#[cfg(feature = "sns")]
pub use aws_sdk_sns as sns;
#[cfg(feature = "sqs")]
pub use aws_sdk_sqs as sqs;
#[cfg(feature = "ssm")]
pub use aws_sdk_ssm as ssm;
pub use aws_sdk_sts as sts;
