//! Who the account is: its id, its alias, the team that owns it, and the bucket with its applications' credentials.

use super::Account;
use crate::Error;

impl Account {
    /// The account's twelve digits.
    pub(crate) async fn account_id(&self) -> Result<String, Error> {
        self.id
            .get_or_try_init(|| {
                Box::pin(async {
                    let identity = self.online()?.sts().get_caller_identity().send().await?;
                    identity
                        .account
                        .ok_or_else(|| Error::Fatal("AWS did not say which account this is".to_owned()))
                })
            })
            .await
            .cloned()
    }

    /// The account's first alias.
    pub(crate) async fn alias(&self) -> Result<String, Error> {
        self.alias
            .get_or_try_init(|| Box::pin(async {
                let aliases = self.online()?.iam().list_account_aliases().send().await?.account_aliases;
                aliases.into_iter().next().ok_or_else(|| {
                    Error::Fatal(
                        "The AWS account has no alias, which AccountAlias, TeamID and MintBucket are made of: set one with \
                         `aws iam create-account-alias`"
                            .to_owned(),
                    )
                })
            }))
            .await
            .cloned()
    }

    /// The alias after its first dash; all of it when it has none.
    pub(crate) async fn team_id(&self) -> Result<String, Error> {
        let alias = self.alias().await?;
        Ok(alias
            .split_once('-')
            .map_or(alias.as_str(), |(_, team)| team)
            .to_owned())
    }

    /// The bucket that Mint writes the credentials of this account's applications to.
    pub(crate) async fn mint_bucket(&self) -> Result<String, Error> {
        self.mint_bucket
            .get_or_try_init(|| {
                Box::pin(async {
                    let (account_id, alias) = futures::try_join!(self.account_id(), self.alias())?;
                    let buckets = self.online()?.s3().list_buckets().into_paginator().items().send();
                    let buckets: Vec<stups_aws::s3::types::Bucket> = buckets.collect::<Result<_, _>>().await?;
                    let names: Vec<String> = buckets.into_iter().filter_map(|bucket| bucket.name).collect();
                    let organisation = alias.split('-').next().unwrap_or_default();
                    Ok(mint_bucket(&names, organisation, &account_id, self.session.region()))
                })
            })
            .await
            .cloned()
    }
}

/// `<organisation>-stups-mint-<account id>-<region>` if it is there, else the first such bucket of another region, else
/// that name anyway.
fn mint_bucket(existing: &[String], organisation: &str, account_id: &str, region: &str) -> String {
    let prefix = format!("{organisation}-stups-mint-{account_id}-");
    let usual = format!("{prefix}{region}");
    if existing.contains(&usual) {
        return usual;
    }
    let elsewhere = existing.iter().find(|name| name.starts_with(&prefix));
    elsewhere.cloned().unwrap_or(usual)
}

#[cfg(test)]
mod tests {
    use super::mint_bucket;

    #[test]
    fn mint_bucket_is_exact_then_of_another_region_then_the_usual_name() {
        let bucket = |existing: &[&str]| {
            let existing: Vec<String> = existing.iter().map(ToString::to_string).collect();
            mint_bucket(&existing, "acme", "0123", "eu-west-1")
        };
        let usual = "acme-stups-mint-0123-eu-west-1";
        let frankfurt = "acme-stups-mint-0123-eu-central-1";
        assert_eq!(bucket(&[frankfurt, usual]), usual);
        assert_eq!(bucket(&["other", frankfurt]), frankfurt);
        assert_eq!(bucket(&["acme-stups-mint-99-eu-west-1"]), usual);
        assert_eq!(bucket(&[]), usual);
    }
}
