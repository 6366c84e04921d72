//! Objects as another role of AWS sees them: one that may remove some.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use stups_aws::Session;
use stups_store::objects::object_store::aws::{AmazonS3Builder, AwsCredential};
use stups_store::objects::object_store::{self, CredentialProvider, ObjectStore};
use stups_store::objects::{self, ObjectsError};
use tokio::sync::Mutex;
use url::Url;

/// How long before their end credentials are obtained anew.
const MARGIN: Duration = Duration::from_mins(5);

/// The bucket that the URL names, with the rights of the session.
pub(crate) fn bucket_of(
    session: Session,
    url: &Url,
    settings: AmazonS3Builder,
) -> Result<Arc<dyn ObjectStore>, ObjectsError> {
    let credentials = RoleCredentials {
        session,
        held: Mutex::default(),
    };
    objects::s3(url, settings.with_credentials(Arc::new(credentials)))
}

/// A session's credentials, kept until shortly before they end.
#[derive(Debug)]
struct RoleCredentials {
    session: Session,
    held: Mutex<Option<(Arc<AwsCredential>, Option<SystemTime>)>>,
}

#[async_trait]
impl CredentialProvider for RoleCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut held = self.held.lock().await;
        if let Some((credentials, end)) = &*held
            && end.is_none_or(|end| end > SystemTime::now() + MARGIN)
        {
            return Ok(credentials.clone());
        }
        let obtained = self.session.credentials().await;
        let obtained = obtained.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: error.into(),
        })?;
        let credentials = Arc::new(AwsCredential {
            key_id: obtained.access_key_id().to_owned(),
            secret_key: obtained.secret_access_key().to_owned(),
            token: obtained.session_token().map(str::to_owned),
        });
        *held = Some((credentials.clone(), obtained.expiry()));
        Ok(credentials)
    }
}

#[cfg(test)]
mod tests {
    use stups_store::objects::object_store::ObjectStoreExt as _;
    use stups_store::objects::object_store::path::Path;
    use stups_testkit::{Account, AwsApi};

    use super::*;

    #[tokio::test]
    async fn a_role_removes_what_was_put_by_somebody_else() {
        let api = AwsApi::shared().await;
        let account = Account::builder(api).bucket("pierone-role").build().await;
        let place: Url = "s3://pierone-role/images".parse().unwrap();
        let environment = account.environment();
        let endpoint = environment.iter().find(|(name, _)| name == "AWS_ENDPOINT_URL").unwrap();
        let settings = || {
            AmazonS3Builder::new()
                .with_endpoint(&endpoint.1)
                .with_region("us-east-1")
        };
        let own = bucket_of(account.session(), &place, settings()).unwrap();
        let object = Path::from("a/b");
        own.put(&object, "x".into()).await.unwrap();
        let role = format!("arn:aws:iam::{}:role/collector", account.id());
        let session = account
            .session()
            .assume_role(&role, "pierone-gc", "us-east-1")
            .await
            .unwrap();
        let collector = bucket_of(session, &place, settings()).unwrap();
        let before = assumed(&account);
        collector.head(&object).await.unwrap();
        collector.delete(&object).await.unwrap();
        assert!(own.head(&object).await.is_err());
        // Once for all calls.
        assert_eq!(assumed(&account) - before, 1);
    }

    fn assumed(account: &Account) -> usize {
        let calls = account.requests();
        calls.iter().filter(|call| *call == "sts:AssumeRole").count()
    }
}
