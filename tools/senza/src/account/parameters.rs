//! Parameters of AWS Systems Manager.

use super::Account;
use crate::Error;

impl Account {
    /// What the parameter `name` holds in this region; nothing when there is no such parameter.
    pub(crate) async fn parameter(&self, name: &str) -> Result<Option<String>, Error> {
        let look_up = Box::pin(async {
            match self.online()?.ssm().get_parameter().name(name).send().await {
                Ok(answer) => Ok(answer.parameter.and_then(|parameter| parameter.value)),
                Err(error) => match Error::from(error) {
                    Error::Aws(aws) if aws.has_code("ParameterNotFound") => Ok(None),
                    other => Err(other),
                },
            }
        });
        self.parameters.get(name, look_up).await
    }
}
