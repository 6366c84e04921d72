//! Where CloudFormation reads a template from: the request itself, or, for a large one, an object in S3.

use serde_json::{Map as JsonMap, Value as Json};
use stups_aws::Session;
use stups_aws::s3::primitives::ByteStream;
use stups_aws::s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, PublicAccessBlockConfiguration,
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    VersioningConfiguration,
};

use super::StackRequest;
use crate::Error;
use crate::digest::sha256;

/// The largest template, in bytes, that a request can carry.
const MAXIMUM_IN_REQUEST: usize = 51_200;
/// The largest template, in bytes, that CloudFormation reads from S3.
const MAXIMUM: usize = 1_048_576;

/// Where CloudFormation reads a template from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TemplatePlace {
    /// in the request, as compact JSON
    Request(String),
    /// at this URL
    Bucket(String),
}

impl TemplatePlace {
    /// `TemplateBody`
    pub(crate) fn body(&self) -> Option<String> {
        match self {
            Self::Request(body) => Some(body.clone()),
            Self::Bucket(_) => None,
        }
    }

    /// `TemplateURL`
    pub(crate) fn url(&self) -> Option<String> {
        match self {
            Self::Request(_) => None,
            Self::Bucket(url) => Some(url.clone()),
        }
    }
}

/// Whether a template has to go through S3.
pub(crate) fn is_large(template: &JsonMap<String, Json>) -> bool {
    body_of(template).len() > MAXIMUM_IN_REQUEST
}

/// A template as it is sent: compact JSON.
pub(crate) fn body_of(template: &JsonMap<String, Json>) -> String {
    Json::Object(template.clone()).to_string()
}

/// Why a template of so many bytes can't be sent, if so; `bucket` is where large ones go.
pub(crate) fn too_large(bytes: usize, bucket: Option<&str>) -> Option<String> {
    if bytes > MAXIMUM {
        Some(format!(
            "the template has {bytes} bytes, CloudFormation takes at most {MAXIMUM}: move some of its resources to a stack of their own"
        ))
    } else if bytes > MAXIMUM_IN_REQUEST && bucket.is_none() {
        Some(format!(
            "the template has {bytes} bytes, CloudFormation takes at most {MAXIMUM_IN_REQUEST} in a request: name an S3 bucket for it with \
             --template-bucket, or as template_bucket under defaults in Senza's configuration file"
        ))
    } else {
        None
    }
}

/// Puts `template` where CloudFormation can read it: into the request if it fits, else into the request's bucket, which is made
/// when it does not exist. The object's name holds the template's digest, so that a repetition changes nothing.
///
/// # Errors
/// A template that is too large, without a bucket or altogether; what S3 refuses, also a bucket that is another account's.
pub(crate) async fn place(
    session: &Session,
    request: &StackRequest,
    template: &JsonMap<String, Json>,
) -> Result<TemplatePlace, Error> {
    let body = body_of(template);
    if let Some(refusal) = too_large(body.len(), request.template_bucket.as_deref()) {
        return Err(Error::Fatal(refusal));
    }
    let Some(bucket) = request
        .template_bucket
        .as_ref()
        .filter(|_| body.len() > MAXIMUM_IN_REQUEST)
    else {
        return Ok(TemplatePlace::Request(body));
    };
    let account = session.sts().get_caller_identity().send().await?.account;
    let key = format!("{}/{}.json", request.stack_name, sha256(body.as_bytes()));
    let put = async || {
        session
            .s3()
            .put_object()
            .bucket(bucket)
            .key(&key)
            .set_expected_bucket_owner(account.clone())
            .content_type("application/json")
            .server_side_encryption(ServerSideEncryption::Aes256)
            .body(ByteStream::from(body.clone().into_bytes()))
            .send()
            .await
            .map_err(stups_aws::Error::from)
    };
    match put().await {
        Ok(_) => {}
        Err(error) if error.has_code("NoSuchBucket") => {
            create_bucket(session, bucket).await?;
            put().await?;
        }
        Err(error) => return Err(error.into()),
    }
    let region = bucket_region(session, bucket).await?;
    Ok(TemplatePlace::Bucket(format!(
        "https://{bucket}.s3.{region}.{}/{key}",
        domain_of(&region)
    )))
}

/// Makes the bucket: private, encrypted, with versions. What failed half way is completed by hand: the bucket is there then, and
/// templates go into it.
async fn create_bucket(session: &Session, bucket: &str) -> Result<(), Error> {
    let s3 = session.s3();
    // us-east-1 is the one place that must not be named.
    let place = (session.region() != "us-east-1").then(|| {
        CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::from(session.region()))
            .build()
    });
    let created = s3
        .create_bucket()
        .bucket(bucket)
        .set_create_bucket_configuration(place)
        .send()
        .await
        .map_err(stups_aws::Error::from);
    match created {
        Ok(_) => {}
        // Another run was faster.
        Err(error) if error.has_code("BucketAlreadyOwnedByYou") => {}
        Err(error) => return Err(error.into()),
    }
    let private = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .block_public_policy(true)
        .ignore_public_acls(true)
        .restrict_public_buckets(true)
        .build();
    s3.put_public_access_block()
        .bucket(bucket)
        .public_access_block_configuration(private)
        .send()
        .await?;
    let build = |error: stups_aws::s3::error::BuildError| Error::Fatal(error.to_string());
    let encryption = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::Aes256)
        .build()
        .map_err(build)?;
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(encryption)
        .build();
    let encryption = ServerSideEncryptionConfiguration::builder()
        .rules(rule)
        .build()
        .map_err(build)?;
    s3.put_bucket_encryption()
        .bucket(bucket)
        .server_side_encryption_configuration(encryption)
        .send()
        .await?;
    let versions = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    s3.put_bucket_versioning()
        .bucket(bucket)
        .versioning_configuration(versions)
        .send()
        .await?;
    Ok(())
}

/// The bucket may be in another region than the stack; its URL says which.
async fn bucket_region(session: &Session, bucket: &str) -> Result<String, Error> {
    let answer = session.s3().get_bucket_location().bucket(bucket).send().await?;
    let region = answer.location_constraint.map(|place| place.as_str().to_owned());
    Ok(match region.as_deref() {
        None | Some("" | "null") => "us-east-1".to_owned(),
        Some("EU") => "eu-west-1".to_owned(),
        Some(region) => region.to_owned(),
    })
}

/// China is a partition with a domain of its own.
fn domain_of(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    }
}
