//! CloudFormation's own limits: stacks of an account, resources and bytes of a template
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>).

use serde_json::Value as Json;
use stups_aws::Session;

use super::service_quotas;
use crate::Error;
use crate::stacks::list_stacks;
use crate::template::StackRequest;
use crate::template::upload::{body_of, too_large};

/// The code of "Stack count" at Service Quotas.
const STACKS: &str = "L-0485CB21";
/// How many resources a template may have.
const RESOURCES: usize = 500;

/// What CloudFormation will refuse about the template itself, in words. Nobody is asked.
pub(super) fn refusals(request: &StackRequest) -> Vec<String> {
    let resources = request.template.get("Resources").and_then(Json::as_object);
    let count = resources.map_or(0, serde_json::Map::len);
    let too_many = (count > RESOURCES).then(|| {
        format!(
            "the template has {count} resources, CloudFormation takes at most {RESOURCES}: move some to a stack of their own"
        )
    });
    let too_large = too_large(body_of(&request.template).len(), request.template_bucket.as_deref());
    too_many.into_iter().chain(too_large).collect()
}

/// Why there is no place for one more stack, if so.
pub(super) async fn no_place(session: &Session) -> Result<Option<String>, Error> {
    // The stacks are only counted where there is something to compare their number with.
    let Some(limit) = service_quotas::limit(session, "cloudformation", STACKS).await? else {
        return Ok(None);
    };
    let used = list_stacks(session, &[], false).await?.len();
    Ok(full(used, limit))
}

fn full(used: usize, limit: i64) -> Option<String> {
    let is_full = i64::try_from(used).is_ok_and(|used| used >= limit);
    is_full.then(|| format!("the account has {used} of {limit} stacks"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_place_may_be_taken() {
        assert_eq!(full(1999, 2000), None);
        assert_eq!(full(2000, 2000).as_deref(), Some("the account has 2000 of 2000 stacks"));
    }
}
