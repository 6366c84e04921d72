//! AWS accounts to test in.

use crate::AwsApi;

/// One account of an [`AwsApi`]: nothing in it is visible from another test's account.
#[derive(Clone, Debug)]
pub struct Account {}

impl Account {
    /// A fresh account that looks like a new AWS account with what the platform needs: a default VPC with public subnets in
    /// three zones (moto's), public Taupage AMIs, one hosted zone, an ACM certificate for `*.<zone>`, an account alias.
    pub async fn standard(api: &AwsApi) -> Self {
        let _ = api;
        todo!()
    }

    /// Start from nothing but moto's default VPC and choose.
    pub fn builder(api: &AwsApi) -> AccountBuilder {
        let _ = api;
        todo!()
    }

    /// A session in this account.
    pub fn session(&self) -> stups_aws::Session {
        todo!()
    }

    /// The environment for a child process to work in this account: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...
    pub fn environment(&self) -> Vec<(String, String)> {
        todo!()
    }
}

/// Chooses what an account has.
#[derive(Clone, Debug)]
pub struct AccountBuilder {}
