//! Putting files into the places of an application: S3 objects, secrets of Secrets Manager, parameters of Systems Manager.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret as _, SecretString};
use stups_api::client::Client;
use stups_aws::s3::primitives::ByteStream;
use stups_aws::s3::types::{ObjectCannedAcl, ServerSideEncryption};
use stups_aws::{Error as AwsError, SecretLocation, SecretLocationError, SecretObject, SecretStore, Session};

/// Writes into buckets and what stands in for them.
pub(super) struct Secrets {
    session: Session,
    /// S3 in the session's own region, where most buckets are: to make a client costs as much as to sign a request.
    s3: stups_aws::s3::Client,
    coworker: Option<Client>,
    /// In which region a bucket was found to be.
    regions: Mutex<HashMap<String, String>>,
}

impl Secrets {
    pub(super) fn new(session: Session, coworker: Option<Client>) -> Self {
        Self {
            s3: session.s3(),
            session,
            coworker,
            regions: Mutex::default(),
        }
    }

    /// Puts a file of an application into a bucket; why not, in one line without any of its content.
    pub(super) async fn put(
        &self,
        bucket: &str,
        application: &str,
        file: SecretObject,
        content: &SecretString,
    ) -> Result<(), String> {
        if let Some(name) = bucket.strip_prefix("gs://") {
            return self.put_google(name, application, file, content).await;
        }
        let unusable = |error: SecretLocationError| error.to_string();
        let location: SecretLocation = bucket.parse().map_err(unusable)?;
        let name = location.object_name(application, file).map_err(unusable)?;
        let put = match location.store() {
            SecretStore::S3 { bucket } => self.put_object(&location, bucket, &name, content).await,
            SecretStore::SecretsManager { .. } => self.put_secret(&location, &name, content).await,
            SecretStore::ParameterStore { .. } => self.put_parameter(&location, &name, content).await,
        };
        put.map_err(|error| error.to_string())
    }

    /// Whether a bucket can be probed. In Secrets Manager and in the parameter store a secret that is none would stay, and cost.
    pub(super) fn takes_probes(bucket: &str) -> bool {
        let location = bucket.parse::<SecretLocation>();
        !location.is_ok_and(|location| !matches!(location.store(), SecretStore::S3 { .. }))
    }

    /// Writes what shows that a bucket can be written to (contract mint-berry 2.1).
    pub(super) async fn probe(&self, bucket: &str, application: &str) -> Result<(), String> {
        let probe = SecretString::from("{\"status\":\"SUCCESS\"}");
        self.put(bucket, application, SecretObject::WriteProbe, &probe).await
    }

    /// The object belongs to the bucket's owner, whichever account that is. In a region that is not the bucket's, S3 says which is.
    async fn put_object(
        &self,
        location: &SecretLocation,
        bucket: &str,
        key: &str,
        content: &SecretString,
    ) -> Result<(), AwsError> {
        let region = location
            .region()
            .map(str::to_owned)
            .or_else(|| self.known_region(bucket));
        let kms_key = location.kms_key();
        let failed = match self
            .put_object_in(region.as_deref(), (bucket, key), kms_key, content)
            .await
        {
            Ok(()) => return Ok(()),
            Err(failed) => failed,
        };
        let Some(elsewhere) = failed.region.filter(|elsewhere| region.as_ref() != Some(elsewhere)) else {
            return Err(failed.error);
        };
        let put = self
            .put_object_in(Some(&elsewhere), (bucket, key), kms_key, content)
            .await;
        if put.is_ok() {
            let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
            regions.insert(bucket.to_owned(), elsewhere);
        }
        put.map_err(|failed| failed.error)
    }

    fn known_region(&self, bucket: &str) -> Option<String> {
        self.regions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(bucket)
            .cloned()
    }

    fn session_in(&self, region: Option<&str>) -> Session {
        region.map_or_else(|| self.session.clone(), |region| self.session.in_region(region))
    }

    async fn put_object_in(
        &self,
        region: Option<&str>,
        (bucket, key): (&str, &str),
        kms_key: Option<&str>,
        content: &SecretString,
    ) -> Result<(), FailedPut> {
        let body = content.expose_secret().as_bytes().to_vec();
        let s3 = region.map_or_else(|| self.s3.clone(), |region| self.session.in_region(region).s3());
        let put = s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .acl(ObjectCannedAcl::BucketOwnerFullControl)
            .content_type("application/json")
            .set_server_side_encryption(kms_key.map(|_| ServerSideEncryption::AwsKms))
            .set_ssekms_key_id(kms_key.map(str::to_owned))
            .body(ByteStream::from(body))
            .send()
            .await;
        put.map(|_| ()).map_err(|error| FailedPut {
            region: error.raw_response().and_then(stups_aws::bucket_region),
            error: error.into(),
        })
    }

    async fn put_secret(&self, location: &SecretLocation, name: &str, content: &SecretString) -> Result<(), AwsError> {
        let client = self.session_in(location.region()).secretsmanager();
        let content = content.expose_secret();
        let put = client
            .put_secret_value()
            .secret_id(name)
            .secret_string(content)
            .send()
            .await;
        match put.map_err(AwsError::from) {
            Ok(_) => Ok(()),
            Err(error) if error.has_code("ResourceNotFoundException") => {
                let created = client
                    .create_secret()
                    .name(name)
                    .secret_string(content)
                    .set_kms_key_id(location.kms_key().map(str::to_owned))
                    .send()
                    .await;
                Ok(created.map(|_| ())?)
            }
            Err(error) => Err(error),
        }
    }

    async fn put_parameter(
        &self,
        location: &SecretLocation,
        name: &str,
        content: &SecretString,
    ) -> Result<(), AwsError> {
        use stups_aws::ssm::types::ParameterType;
        let put = self
            .session_in(location.region())
            .ssm()
            .put_parameter()
            .name(name)
            .value(content.expose_secret())
            .r#type(ParameterType::SecureString)
            .set_key_id(location.kms_key().map(str::to_owned))
            .overwrite(true)
            .send()
            .await;
        Ok(put.map(|_| ())?)
    }

    /// By way of the originals' coworker (contract mint-berry 2.8).
    async fn put_google(
        &self,
        bucket: &str,
        application: &str,
        file: SecretObject,
        content: &SecretString,
    ) -> Result<(), String> {
        let coworker = self
            .coworker
            .as_ref()
            .ok_or("coworker_url is not set: nobody writes into gs:// buckets")?;
        let body = content.expose_secret().as_bytes().to_vec();
        let request = coworker
            .post(&["v1", bucket, application, file.file_name()])
            .bytes("application/json", body);
        request.done().await.map_err(|error| error.to_string())
    }
}

/// Why an object was not put, and in which region its bucket is, when S3 said so.
struct FailedPut {
    error: AwsError,
    region: Option<String>,
}
