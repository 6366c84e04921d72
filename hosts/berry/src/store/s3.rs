//! Objects in buckets.

use std::collections::HashMap;

use stups_aws::s3::config::http::HttpResponse;
use stups_aws::s3::operation::get_object::{GetObjectError, GetObjectOutput};
use stups_aws::{Error, SdkError, Session, bucket_region, is_region_name};

use super::{Fetched, Refusal};
use crate::content::{self, CONTENT_LIMIT};

/// How often an object is asked for until its bucket's region is right.
const ATTEMPTS: u32 = 3;

/// Which regions buckets are in, as far as that was found out.
#[derive(Debug, Default)]
pub(crate) struct BucketRegions(HashMap<String, String>);

/// The object called `key`, unless its ETag is still the known one.
pub(super) async fn fetch(
    session: &Session,
    bucket: &str,
    key: &str,
    known: Option<&str>,
    regions: &mut BucketRegions,
) -> Result<Fetched, Refusal> {
    for _ in 0..ATTEMPTS {
        let session = match regions.0.get(bucket) {
            Some(region) => session.in_region(region),
            None => session.clone(),
        };
        let request = session.s3().get_object().bucket(bucket).key(key);
        match request.set_if_none_match(known.map(str::to_owned)).send().await {
            Ok(object) => return content(object).await,
            Err(error) if status(&error) == Some(304) => return Ok(Fetched::Unchanged),
            Err(error) if is_elsewhere(&error) => {
                let told = error.raw_response().and_then(bucket_region);
                let region = match told {
                    Some(region) => region,
                    None => head_bucket(&session, bucket).await?,
                };
                regions.0.insert(bucket.to_owned(), region);
            }
            Err(error) => return Err(refused(error)),
        }
    }
    let region = regions.0.remove(bucket).unwrap_or_default();
    Err(Refusal::Other(format!(
        "S3 still leads elsewhere after {ATTEMPTS} attempts, the last time to {region}"
    )))
}

/// The object's text.
async fn content(mut object: GetObjectOutput) -> Result<Fetched, Refusal> {
    let mut bytes = Vec::new();
    loop {
        match object.body.try_next().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > CONTENT_LIMIT => {
                return Err(Refusal::Other(content::too_long()));
            }
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(Refusal::Other(format!("its content can't be read: {error}"))),
        }
    }
    let text = content::text(bytes).map_err(Refusal::Other)?;
    Ok(Fetched::Content {
        text,
        version: object.e_tag,
    })
}

/// Whether the bucket is in another region than the one that was asked.
fn is_elsewhere(error: &SdkError<GetObjectError, HttpResponse>) -> bool {
    let code = match error {
        SdkError::ServiceError(answer) => answer.err().meta().code(),
        _ => None,
    };
    matches!(status(error), Some(301 | 307))
        || matches!(
            code,
            Some("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException")
        )
}

/// Asks for the bucket's region. Who may not see the bucket is told it, too.
async fn head_bucket(session: &Session, bucket: &str) -> Result<String, Refusal> {
    let region = match session.s3().head_bucket().bucket(bucket).send().await {
        Ok(answer) => answer.bucket_region.filter(|region| is_region_name(region)),
        Err(error) => error.raw_response().and_then(bucket_region),
    };
    region.ok_or_else(|| Refusal::Other("it is in another region, and S3 does not say in which".to_owned()))
}

fn status(error: &SdkError<GetObjectError, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}

fn refused(error: SdkError<GetObjectError, HttpResponse>) -> Refusal {
    let status = status(&error);
    let error = Error::from(error);
    match status {
        Some(403) => Refusal::AccessDenied(error.message),
        Some(404) => Refusal::NotFound(error.message),
        _ => Refusal::Other(error.to_string()),
    }
}
