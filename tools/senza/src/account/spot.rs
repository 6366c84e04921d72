//! The account at Spot by NetApp (formerly Spotinst) that belongs to the AWS account.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde_json::Value as Json;

use super::Account;
use crate::{Error, http};

/// How long Spot may take to answer in all.
const TIMEOUT: Duration = Duration::from_secs(10);
/// An answer has some 1 KB for each account.
const MAXIMUM_SIZE: usize = 1024 * 1024;

impl Account {
    /// The id of the first of Spot's accounts for this AWS account. `token` is the access token of Spot's API; it is in no
    /// message.
    pub(crate) async fn spot_account(&self, token: &str) -> Result<String, Error> {
        self.spot
            .get_or_try_init(|| Box::pin(self.look_up_spot_account(token)))
            .await
            .cloned()
    }

    async fn look_up_spot_account(&self, token: &str) -> Result<String, Error> {
        let failed = |reason: &str| {
            let advice = "check SpotinstAccessToken, or say the account with SpotinstAccountId in SenzaInfo";
            Error::Fatal(format!(
                "Spot's account for this AWS account can't be found: {reason} ({advice})"
            ))
        };
        let aws_account = self.account_id().await?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
            .map_err(|_| failed("the access token has characters that no token has"))?;
        bearer.set_sensitive(true);
        let url = format!("{}/setup/account?awsAccountId={aws_account}", self.endpoints.spot_api);
        let body = http::get_limited(&url, &[(AUTHORIZATION, bearer)], TIMEOUT, MAXIMUM_SIZE)
            .await
            .map_err(|reason| failed(&reason))?;
        let answer: Json = serde_json::from_slice(&body).map_err(|_| failed("the answer is not JSON"))?;
        answer
            .pointer("/response/items/0/accountId")
            .and_then(Json::as_str)
            .map(str::to_owned)
            .ok_or_else(|| failed(&format!("Spot knows none for {aws_account}")))
    }
}
