//! An S3 bucket: looked for, and made where it is missing.

use stups_aws::Session;
use stups_aws::s3::operation::head_bucket::HeadBucketError;
use stups_aws::s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use stups_terminal::Terminal;

use crate::Error;

/// Makes sure that the bucket exists. Whose it is, and in which region, does not matter.
pub(super) async fn ensure(session: &Session, terminal: &Terminal, name: &str) -> Result<(), Error> {
    let action = terminal.action(&format!("Checking S3 bucket {name}.."));
    if action.during(exists(session, name)).await? {
        return Ok(());
    }
    let action = terminal.action(&format!("Creating S3 bucket {name}.."));
    action.during(create(session, name)).await
}

async fn exists(session: &Session, name: &str) -> Result<bool, Error> {
    let Err(error) = session.s3().head_bucket().bucket(name).send().await else {
        return Ok(true);
    };
    match error.raw_response().map(|response| response.status().as_u16()) {
        // It is in another region.
        Some(301) => Ok(true),
        Some(403) => Err(Error::Fatal(format!(
            "S3 bucket {name} is another account's, or you may not read it: bucket names are unique in all of AWS. \
             Choose another name."
        ))),
        _ if error.as_service_error().is_some_and(HeadBucketError::is_not_found) => Ok(false),
        _ => Err(error.into()),
    }
}

async fn create(session: &Session, name: &str) -> Result<(), Error> {
    // us-east-1 is the one region that must not be named.
    let place = (session.region() != "us-east-1").then(|| {
        CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::from(session.region()))
            .build()
    });
    let created = session
        .s3()
        .create_bucket()
        .bucket(name)
        .set_create_bucket_configuration(place);
    created.send().await?;
    Ok(())
}
