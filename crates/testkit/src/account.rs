//! AWS accounts to test in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stups_aws::cloudformation::types::Stack;
use stups_aws::{Credentials, Session};

use crate::account_builder::AccountBuilder;
use crate::{AwsApi, aws_api::Connection};

/// Accounts of this process are numbered from here.
static NEXT_ID: AtomicU64 = AtomicU64::new(200_000_000_001);

/// One account of an [`AwsApi`]: nothing in it is visible from another test's account.
#[derive(Clone, Debug)]
pub struct Account {
    id: String,
    endpoint: String,
    credentials: Credentials,
    session: Session,
    connection: Arc<Connection>,
}

impl Account {
    /// A fresh account in us-east-1 that looks like a new AWS account with what the platform needs: a default VPC with public
    /// subnets in three zones, public Taupage AMIs, the hosted zone `stups.example.org.`, an issued ACM certificate for
    /// `*.stups.example.org`, the account alias `acme-demo`.
    pub async fn standard(api: &AwsApi) -> Self {
        Self::builder(api)
            .hosted_zone("stups.example.org")
            .certificate("*.stups.example.org")
            .alias("acme-demo")
            .build()
            .await
    }

    /// Start from nothing but the default VPC with public subnets in three zones, and the public AMIs, and choose.
    pub fn builder(api: &AwsApi) -> AccountBuilder {
        AccountBuilder::new(api)
    }

    /// An empty account, and credentials for it: moto knows the account by the role that was assumed.
    pub(crate) async fn open(
        endpoint: String,
        connection: Arc<Connection>,
        region: &str,
    ) -> Result<Self, stups_aws::Error> {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed).to_string();
        let anybody = Credentials::new("anybody", "anybody", None, None, "stups-testkit");
        let role = Session::with_credentials(anybody, region, Some(&endpoint))
            .sts()
            .assume_role()
            .role_arn(format!("arn:aws:iam::{id}:role/tester"))
            .role_session_name("tester")
            .send()
            .await?;
        let keys = role
            .credentials
            .unwrap_or_else(|| panic!("AssumeRole answered without credentials"));
        let credentials = Credentials::new(
            keys.access_key_id,
            keys.secret_access_key,
            Some(keys.session_token),
            None,
            "stups-testkit",
        );
        let session = Session::with_credentials(credentials.clone(), region, Some(&endpoint));
        Ok(Self {
            id,
            endpoint,
            credentials,
            session,
            connection,
        })
    }

    /// Its twelve digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A session in this account.
    pub fn session(&self) -> Session {
        self.session.clone()
    }

    /// The environment for a child process to work in this account: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...
    ///
    /// It also takes away the influence of the user's own AWS configuration, as far as variables that are set can: remove
    /// `AWS_PROFILE` from the child's environment where it may be set.
    pub fn environment(&self) -> Vec<(String, String)> {
        let region = self.session.region();
        [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", self.credentials.access_key_id()),
            ("AWS_SECRET_ACCESS_KEY", self.credentials.secret_access_key()),
            (
                "AWS_SESSION_TOKEN",
                self.credentials.session_token().unwrap_or_default(),
            ),
            ("AWS_DEFAULT_REGION", region),
            // Empty is unset, and a test that sets another AWS_DEFAULT_REGION means it.
            ("AWS_REGION", ""),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// The names of the stacks that are protected against termination, sorted.
    pub async fn protected_stacks(&self) -> Vec<String> {
        let stacks = self.session.cloudformation().describe_stacks().send().await;
        let stacks = stacks.unwrap_or_else(|error| panic!("The stacks of {} can't be listed: {error:?}", self.id));
        let is_protected = |stack: &&Stack| stack.enable_termination_protection() == Some(true);
        let protected = stacks.stacks().iter().filter(is_protected);
        let mut names: Vec<String> = protected.filter_map(|stack| stack.stack_name.clone()).collect();
        names.sort();
        names
    }

    /// The calls made to this account so far, those that built it included, oldest first: `cloudformation:DescribeStacks`;
    /// for Route 53 and S3 method and path: `route53:GET /2013-04-01/hostedzone`.
    ///
    /// To see what one command calls, compare the lengths before and after.
    pub fn requests(&self) -> Vec<String> {
        let answer = self.connection.ask(&format!("requests {}", self.id));
        let calls = answer.and_then(|line| Ok(serde_json::from_str(&line)?));
        calls.unwrap_or_else(|error| panic!("The AWS API does not say which calls there were: {error}"))
    }
}
