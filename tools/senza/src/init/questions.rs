//! Questions of several templates.

use super::answers::{Answers, Check};
use super::checks;
use crate::Error;
use crate::account::Account;

/// The application's id.
pub(super) fn application_id(answers: &Answers<'_>, check: Check<String>) -> Result<String, Error> {
    answers.value("application_id", "Application ID", Some("hello-world"), check)
}

/// The application's Docker image, without tag.
pub(super) fn docker_image(answers: &Answers<'_>) -> Result<String, Error> {
    answers.value(
        "docker_image",
        "Docker image without tag/version (e.g. \"pierone.example.org/myteam/myapp\")",
        Some("stups/hello-world"),
        checks::docker_image,
    )
}

/// The type of the instances.
pub(super) fn instance_type(answers: &Answers<'_>, default: &str, check: Check<String>) -> Result<String, Error> {
    answers.value("instance_type", "EC2 instance type", Some(default), check)
}

/// The bucket with the application's credentials: asked for when the image comes from Pier One, or when a person wants one.
pub(super) async fn mint_bucket(
    answers: &Answers<'_>,
    account: &Account,
    docker_image: &str,
) -> Result<Option<String>, Error> {
    const VARIABLE: &str = "mint_bucket";
    let wanted = answers.has(VARIABLE)
        || docker_image.contains("pierone")
        || answers.agree("Did you need OAuth-Credentials from Mint?", false)?;
    if !wanted {
        return Ok(None);
    }
    let default = if answers.has(VARIABLE) {
        None
    } else {
        Some(account.mint_bucket().await?)
    };
    let bucket = answers.value(VARIABLE, "Mint S3 bucket name", default.as_deref(), checks::bucket_name)?;
    Ok(Some(bucket))
}
