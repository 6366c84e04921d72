//! The IAM role of an application's instances: looked for, and made if a person agrees.

use serde_json::json;
use stups_aws::Session;
use stups_aws::iam::operation::get_role::GetRoleError;

use super::answers::Answers;
use crate::Error;

/// Makes sure that the role `app-<id>` exists. With a `mint_bucket` the role may read the application's own directory there;
/// a role that exists gets this policy only if a person agrees.
pub(super) async fn ensure(
    answers: &Answers<'_>,
    session: &Session,
    application_id: &str,
    mint_bucket: Option<&str>,
) -> Result<(), Error> {
    let terminal = answers.terminal();
    let role_name = format!("app-{application_id}");
    let partition = partition(session.region());
    let action = terminal.action(&format!("Checking IAM role {role_name}.."));
    let exists = action.during(exists(session, &role_name)).await?;
    if !exists {
        let question = format!("IAM role {role_name} does not exist. Do you want Senza to create it now?");
        if !answers.agree(&question, true)? {
            return Ok(());
        }
        let action = terminal.action(&format!("Creating IAM role {role_name}.."));
        action.during(create(session, &role_name, partition)).await?;
    }
    let Some(bucket) = mint_bucket else {
        return Ok(());
    };
    if exists {
        let question = format!("IAM role {role_name} already exists. Do you want Senza to overwrite the role policy?");
        if !answers.agree(&question, false)? {
            return Ok(());
        }
    }
    let policy = mint_read_policy(application_id, bucket, partition).to_string();
    let action = terminal.action(&format!("Updating IAM role policy of {role_name}.."));
    action.during(put_policy(session, &role_name, policy)).await
}

async fn exists(session: &Session, role_name: &str) -> Result<bool, Error> {
    match session.iam().get_role().role_name(role_name).send().await {
        Ok(_) => Ok(true),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(GetRoleError::is_no_such_entity_exception) =>
        {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

async fn create(session: &Session, role_name: &str, partition: &str) -> Result<(), Error> {
    let service = if partition == "aws-cn" {
        "ec2.amazonaws.com.cn"
    } else {
        "ec2.amazonaws.com"
    };
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    });
    session
        .iam()
        .create_role()
        .role_name(role_name)
        .assume_role_policy_document(trust.to_string())
        .send()
        .await?;
    Ok(())
}

async fn put_policy(session: &Session, role_name: &str, policy: String) -> Result<(), Error> {
    session
        .iam()
        .put_role_policy()
        .role_name(role_name)
        .policy_name(role_name)
        .policy_document(policy)
        .send()
        .await?;
    Ok(())
}

fn mint_read_policy(application_id: &str, bucket: &str, partition: &str) -> serde_json::Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "AllowMintRead",
            "Effect": "Allow",
            "Action": ["s3:GetObject"],
            "Resource": [format!("arn:{partition}:s3:::{bucket}/{application_id}/*")],
        }],
    })
}

/// The part of AWS, each with ARNs of its own, that a region belongs to.
pub(super) fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_reads_its_own_directory() {
        assert_eq!(
            mint_read_policy("myapp", "bucket-name", "aws"),
            json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Sid": "AllowMintRead",
                    "Effect": "Allow",
                    "Action": ["s3:GetObject"],
                    "Resource": ["arn:aws:s3:::bucket-name/myapp/*"],
                }],
            })
        );
    }

    #[test]
    fn regions_have_partitions() {
        for (region, expected) in [
            ("eu-west-1", "aws"),
            ("us-east-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
        ] {
            assert_eq!(partition(region), expected);
        }
    }
}
