//! Encrypted parameters of Systems Manager.

use stups_aws::Session;

use super::{Fetched, Refusal, refusal, versioned};

/// The latest version of a parameter.
pub(super) async fn fetch(session: &Session, name: &str, known: Option<&str>) -> Result<Fetched, Refusal> {
    let answer = session
        .ssm()
        .get_parameter()
        .name(name)
        .with_decryption(true)
        .send()
        .await;
    let output = answer.map_err(|error| refusal(error.into(), "ParameterNotFound"))?;
    let parameter = output
        .parameter
        .ok_or_else(|| Refusal::Other("the answer has no parameter".to_owned()))?;
    // A parameter that was deleted and made again starts at 1 again, but at another time.
    let modified = parameter.last_modified_date.map(|time| time.as_nanos());
    let version = modified.map(|modified| format!("{}/{modified}", parameter.version));
    versioned(parameter.value, version, known)
}
