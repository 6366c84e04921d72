//! Sessions: region, credentials, endpoint, retries.

use crate::Error;

/// What a command line may say about the session; everything unsaid comes from the environment and the AWS profile.
#[derive(Clone, Debug, Default)]
pub struct SessionOptions {
    /// `--region`
    pub region: Option<String>,
    /// `--profile`; else `AWS_PROFILE`
    pub profile: Option<String>,
}

/// Credentials, region, endpoint and retry rules; makes clients. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Session {
    config: aws_types::SdkConfig,
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
    pub async fn load(options: SessionOptions) -> Result<Self, SessionError> {
        let _ = options;
        todo!()
    }

    /// The same credentials in another region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let _ = region;
        todo!()
    }

    /// A session of `role_arn` in `region`; credentials are obtained at the first call and renewed before they expire.
    pub async fn assume_role(&self, role_arn: &str, session_name: &str, region: &str) -> Result<Self, Error> {
        let _ = (role_arn, session_name, region);
        todo!()
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// CloudFormation in this region.
    pub fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config)
    }

    /// EC2 in this region.
    pub fn ec2(&self) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.config)
    }

    /// Auto Scaling in this region.
    pub fn autoscaling(&self) -> aws_sdk_autoscaling::Client {
        aws_sdk_autoscaling::Client::new(&self.config)
    }

    /// Classic load balancers in this region.
    pub fn elb(&self) -> aws_sdk_elasticloadbalancing::Client {
        aws_sdk_elasticloadbalancing::Client::new(&self.config)
    }

    /// Application and network load balancers in this region.
    pub fn elbv2(&self) -> aws_sdk_elasticloadbalancingv2::Client {
        aws_sdk_elasticloadbalancingv2::Client::new(&self.config)
    }

    /// Route 53.
    pub fn route53(&self) -> aws_sdk_route53::Client {
        aws_sdk_route53::Client::new(&self.config)
    }

    /// Certificate Manager in this region.
    pub fn acm(&self) -> aws_sdk_acm::Client {
        aws_sdk_acm::Client::new(&self.config)
    }

    /// IAM.
    pub fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config)
    }

    /// STS.
    pub fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.config)
    }

    /// SNS in this region.
    pub fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.config)
    }

    /// KMS in this region.
    pub fn kms(&self) -> aws_sdk_kms::Client {
        aws_sdk_kms::Client::new(&self.config)
    }

    /// S3.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.config)
    }
}
