//! Limits that only Service Quotas tells.

use stups_aws::Session;

use crate::Error;

/// The limit with this code in the account and region; nothing when Service Quotas knows none.
///
/// # Errors
/// Missing permission, or no answer.
pub(super) async fn limit(session: &Session, service: &str, code: &str) -> Result<Option<i64>, Error> {
    let answer = session
        .service_quotas()
        .get_service_quota()
        .service_code(service)
        .quota_code(code)
        .send()
        .await;
    match answer.map_err(stups_aws::Error::from) {
        Ok(output) => Ok(output.quota.and_then(|quota| quota.value).map(whole)),
        Err(error) if error.has_code("NoSuchResourceException") => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What is limited comes in whole pieces.
#[allow(clippy::cast_possible_truncation, reason = "saturates, and no limit is that large")]
fn whole(value: f64) -> i64 {
    value as i64
}
