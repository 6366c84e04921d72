//! Sessions: region, credentials, endpoint, retries.

use std::time::Duration;

use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{AppName, BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::identity::SharedIdentityCache;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use crate::credentials::UsualCredentials;
use crate::{Error, ErrorKind};

/// How often a call is tried when the environment does not say (`AWS_MAX_ATTEMPTS`). With the waits of [`retries`] that
/// is about half a minute of throttling, in which CloudFormation's and Route 53's request limits have long recovered.
const ATTEMPTS: u32 = 8;

/// What a command line may say about the session; everything unsaid comes from the environment and the AWS profile.
#[derive(Clone, Debug, Default)]
pub struct SessionOptions {
    /// `--region`
    pub region: Option<String>,
    /// `--profile`; else `AWS_PROFILE`
    pub profile: Option<String>,
    /// an endpoint for all services; else `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_<SERVICE>` or the profile's `endpoint_url`
    pub endpoint_url: Option<String>,
    /// credentials; else the SDK's usual chain: environment, profile (keys, SSO, process, role), web identity, container, instance
    pub credentials: Option<Credentials>,
}

/// Credentials, region, endpoint and retry rules; makes clients. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Session {
    config: SdkConfig,
    region: String,
}

/// Why a session could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// nothing says which region
    #[error("Please specify the AWS region on the command line (--region) or in ~/.aws/config")]
    NoRegion,
    /// CloudFormation does not exist there
    #[error("'{0}'. Region must be one of the following AWS regions:\n  - {list}", list = crate::REGIONS.join("\n  - "))]
    UnknownRegion(String),
}

impl Session {
    /// Makes a session. Talks to nobody: credentials are only looked for at the first call.
    ///
    /// The region is the option's, else `AWS_REGION`, else `AWS_DEFAULT_REGION`, else that of the profile. A profile given as an
    /// option comes before credentials in the environment, as with the AWS CLI; `AWS_PROFILE` comes after them.
    pub async fn load(options: SessionOptions) -> Result<Self, SessionError> {
        let profile = options.profile.filter(|profile| !profile.is_empty());
        let region = match options.region.filter(|region| !region.is_empty()) {
            Some(region) => region,
            None => configured_region(profile.as_deref())
                .await
                .ok_or(SessionError::NoRegion)?,
        };
        if !crate::is_known_region(&region) {
            return Err(SessionError::UnknownRegion(region));
        }

        let http_client = crate::http::client();
        let credentials = match options.credentials {
            Some(credentials) => SharedCredentialsProvider::new(credentials),
            None => credentials_chain(profile.as_deref(), &region, http_client.clone()),
        };
        let mut loader = aws_config::defaults(behavior())
            .region(Region::new(region.clone()))
            .credentials_provider(credentials)
            .identity_cache(identity_cache())
            .http_client(http_client)
            .timeout_config(timeouts())
            .retry_config(retries(configured_attempts(), Duration::from_secs(1)));
        if let Some(name) = app_name() {
            loader = loader.app_name(name);
        }
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint_url) = options.endpoint_url {
            loader = loader.endpoint_url(endpoint_url);
        }
        Ok(Self {
            config: loader.load().await,
            region,
        })
    }

    /// A session with these credentials in `region`, at `endpoint_url` or at AWS. Reads neither environment nor files.
    pub fn with_credentials(credentials: Credentials, region: &str, endpoint_url: Option<&str>) -> Self {
        let mut config = SdkConfig::builder()
            .behavior_version(behavior())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .identity_cache(identity_cache())
            .http_client(crate::http::client())
            .timeout_config(timeouts())
            .retry_config(retries(ATTEMPTS, Duration::from_secs(1)));
        config.set_app_name(app_name());
        config.set_endpoint_url(endpoint_url.map(str::to_owned));
        config.set_time_source(Some(SharedTimeSource::new(SystemTimeSource::new())));
        config.set_sleep_impl(aws_smithy_async::rt::sleep::default_async_sleep());
        Self {
            config: config.build(),
            region: region.to_owned(),
        }
    }

    /// The same credentials in another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let config = self.config.to_builder().region(Region::new(region.to_owned())).build();
        Self {
            config,
            region: region.to_owned(),
        }
    }

    /// The same with so many attempts for each call, a short time apart: for programs that come back to what failed by themselves.
    #[must_use]
    pub fn with_attempts(&self, attempts: u32) -> Self {
        let retries = retries(attempts, Duration::from_millis(200));
        Self {
            config: self.config.to_builder().retry_config(retries).build(),
            region: self.region.clone(),
        }
    }

    /// A session of `role_arn` in `region`; credentials are obtained at the first call and renewed before they expire.
    ///
    /// The session name shows in CloudTrail: 2 to 64 letters, digits and `+=,.@-_`.
    /// Fails, before any call, when `role_arn` is not a role's ARN; a role that may not be assumed shows at the first call.
    pub async fn assume_role(&self, role_arn: &str, session_name: &str, region: &str) -> Result<Self, Error> {
        if !(role_arn.starts_with("arn:") && role_arn.contains(":role/")) {
            return Err(Error {
                kind: ErrorKind::Validation,
                service: "sts".to_owned(),
                operation: "AssumeRole".to_owned(),
                code: None,
                message: format!("'{role_arn}' is not the ARN of an IAM role"),
            });
        }
        let provider = AssumeRoleProvider::builder(role_arn)
            .session_name(session_name)
            .region(Region::new(region.to_owned()))
            .configure(&self.config)
            .build()
            .await;
        let config = self
            .config
            .to_builder()
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(provider))
            .identity_cache(identity_cache())
            .build();
        Ok(Self {
            config,
            region: region.to_owned(),
        })
    }

    /// Credentials as they are now, for clients that are not the SDK's. A role's are obtained anew each time: keep them until they
    /// expire. Fails where there are none, or where the role may not be assumed.
    pub async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let provider = self
            .config
            .credentials_provider()
            .ok_or_else(CredentialsError::not_loaded_no_source)?;
        provider.provide_credentials().await
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// CloudFormation in this region.
    #[cfg(feature = "cloudformation")]
    pub fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config)
    }

    /// CloudWatch in this region.
    #[cfg(feature = "cloudwatch")]
    pub fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        aws_sdk_cloudwatch::Client::new(&self.config)
    }

    /// CloudWatch Logs in this region.
    #[cfg(feature = "cloudwatchlogs")]
    pub fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        aws_sdk_cloudwatchlogs::Client::new(&self.config)
    }

    /// EC2 in this region.
    #[cfg(feature = "ec2")]
    pub fn ec2(&self) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.config)
    }

    /// Auto Scaling in this region.
    #[cfg(feature = "autoscaling")]
    pub fn autoscaling(&self) -> aws_sdk_autoscaling::Client {
        aws_sdk_autoscaling::Client::new(&self.config)
    }

    /// Classic load balancers in this region.
    #[cfg(feature = "elasticloadbalancing")]
    pub fn elb(&self) -> aws_sdk_elasticloadbalancing::Client {
        aws_sdk_elasticloadbalancing::Client::new(&self.config)
    }

    /// Application and network load balancers in this region.
    #[cfg(feature = "elasticloadbalancingv2")]
    pub fn elbv2(&self) -> aws_sdk_elasticloadbalancingv2::Client {
        aws_sdk_elasticloadbalancingv2::Client::new(&self.config)
    }

    /// Route 53.
    #[cfg(feature = "route53")]
    pub fn route53(&self) -> aws_sdk_route53::Client {
        aws_sdk_route53::Client::new(&self.config)
    }

    /// Certificate Manager in this region.
    #[cfg(feature = "acm")]
    pub fn acm(&self) -> aws_sdk_acm::Client {
        aws_sdk_acm::Client::new(&self.config)
    }

    /// IAM.
    #[cfg(feature = "iam")]
    pub fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config)
    }

    /// STS.
    pub fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.config)
    }

    /// Service Quotas in this region.
    #[cfg(feature = "servicequotas")]
    pub fn service_quotas(&self) -> aws_sdk_servicequotas::Client {
        aws_sdk_servicequotas::Client::new(&self.config)
    }

    /// SNS in this region.
    #[cfg(feature = "sns")]
    pub fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.config)
    }

    /// SQS in this region.
    #[cfg(feature = "sqs")]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// Secrets Manager in this region.
    #[cfg(feature = "secretsmanager")]
    pub fn secretsmanager(&self) -> aws_sdk_secretsmanager::Client {
        aws_sdk_secretsmanager::Client::new(&self.config)
    }

    /// Systems Manager in this region: its parameter store.
    #[cfg(feature = "ssm")]
    pub fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&self.config)
    }

    /// KMS in this region.
    #[cfg(feature = "kms")]
    pub fn kms(&self) -> aws_sdk_kms::Client {
        aws_sdk_kms::Client::new(&self.config)
    }

    /// S3. At an endpoint of one's own the bucket is in the path, because there `bucket.host` seldom resolves.
    #[cfg(feature = "s3")]
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let own_endpoint = self.config.endpoint_url().is_some() || environment("AWS_ENDPOINT_URL_S3").is_some();
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .force_path_style(own_endpoint)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }
}

/// The SDK's defaults of one date, so that an update of the SDK does not change them unseen.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// What the user agent names as the application, for CloudTrail.
fn app_name() -> Option<AppName> {
    AppName::new("stups").ok()
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(30))
        .operation_timeout(Duration::from_mins(2))
        .build()
}

/// Retries of throttled calls and of passing failures: the n-th wait is a random part of `initial_backoff` * 2^n, at most 20 s.
/// The SDK counts every service's throttling codes as such (`Throttling`, `RequestLimitExceeded`, `PriorRequestNotComplete`, ...).
fn retries(attempts: u32, initial_backoff: Duration) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(attempts)
        .with_initial_backoff(initial_backoff)
        .with_max_backoff(Duration::from_secs(20))
}

fn configured_attempts() -> u32 {
    environment("AWS_MAX_ATTEMPTS")
        .and_then(|attempts| attempts.parse().ok())
        .filter(|attempts| *attempts > 0)
        .unwrap_or(ATTEMPTS)
}

/// Credentials are kept until shortly before they expire. SSO and credential processes may need several calls to obtain them.
fn identity_cache() -> SharedIdentityCache {
    aws_config::identity::IdentityCache::lazy()
        .load_timeout(Duration::from_secs(30))
        .build()
}

fn credentials_chain(
    profile: Option<&str>,
    region: &str,
    http_client: aws_smithy_runtime_api::client::http::SharedHttpClient,
) -> SharedCredentialsProvider {
    let region = Region::new(region.to_owned());
    let config = ProviderConfig::without_region()
        .with_behavior_version(Some(behavior()))
        .with_region(Some(region.clone()))
        .with_http_client(http_client);
    let Some(profile) = profile else {
        return SharedCredentialsProvider::new(UsualCredentials::new(config, region));
    };
    SharedCredentialsProvider::new(
        ProfileFileCredentialsProvider::builder()
            .configure(&config)
            .profile_name(profile)
            .build(),
    )
}

async fn configured_region(profile: Option<&str>) -> Option<String> {
    if let Some(region) = environment("AWS_REGION").or_else(|| environment("AWS_DEFAULT_REGION")) {
        return Some(region);
    }
    let mut provider = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        provider = provider.profile_name(profile);
    }
    provider.build().region().await.map(|region| region.to_string())
}

/// A variable that is set and not empty.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
impl Session {
    /// A session at `endpoint` that waits no longer than milliseconds between attempts.
    pub(crate) fn impatient(endpoint: &str, attempts: u32) -> Self {
        let credentials = Credentials::new("AKIDEXAMPLE", "the-secret-key", None, None, "test");
        let mut session = Self::with_credentials(credentials, "eu-central-1", Some(endpoint));
        let retries = retries(attempts, Duration::from_millis(1));
        session.config = session.config.to_builder().retry_config(retries).build();
        session
    }

    pub(crate) fn with_config(
        mut self,
        change: impl FnOnce(aws_types::sdk_config::Builder) -> aws_types::sdk_config::Builder,
    ) -> Self {
        self.config = change(self.config.to_builder()).build();
        self
    }
}

#[cfg(test)]
mod tests;
