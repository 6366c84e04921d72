//! What other stacks offer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Account;
use crate::Error;

/// A resource of another stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StackResource {
    /// `CREATE_COMPLETE`, ...
    pub(crate) status: String,
    /// `AWS::EC2::SecurityGroup`, ...
    pub(crate) resource_type: String,
    /// its name or id outside CloudFormation
    pub(crate) physical_id: String,
}

/// The outputs of another stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StackOutputs {
    /// the stack's status
    pub(crate) status: String,
    /// by output key
    pub(crate) values: BTreeMap<String, String>,
}

impl Account {
    /// A resource of another stack, by its logical id.
    pub(crate) async fn stack_resource(&self, stack: &str, logical_id: &str) -> Result<StackResource, Error> {
        self.stack_resources
            .get(
                &format!("{stack}/{logical_id}"),
                Box::pin(async {
                    let answer = self
                        .online()?
                        .cloudformation()
                        .describe_stack_resource()
                        .stack_name(stack)
                        .logical_resource_id(logical_id)
                        .send()
                        .await?;
                    let resource = answer
                        .stack_resource_detail
                        .ok_or_else(|| Error::Fatal(format!("Stack {stack} has no resource {logical_id}")))?;
                    Ok(StackResource {
                        status: resource
                            .resource_status
                            .map(|status| status.as_str().to_owned())
                            .unwrap_or_default(),
                        resource_type: resource.resource_type.unwrap_or_default(),
                        physical_id: resource.physical_resource_id.unwrap_or_default(),
                    })
                }),
            )
            .await
    }

    /// The outputs of another stack.
    pub(crate) async fn stack_outputs(&self, stack: &str) -> Result<StackOutputs, Error> {
        self.stack_outputs
            .get(
                stack,
                Box::pin(async {
                    let answer = self
                        .online()?
                        .cloudformation()
                        .describe_stacks()
                        .stack_name(stack)
                        .send()
                        .await?;
                    let found = answer
                        .stacks
                        .unwrap_or_default()
                        .into_iter()
                        .next()
                        .ok_or_else(|| Error::Fatal(format!("Stack {stack} does not exist")))?;
                    Ok(StackOutputs {
                        status: found
                            .stack_status
                            .map(|status| status.as_str().to_owned())
                            .unwrap_or_default(),
                        values: found
                            .outputs
                            .unwrap_or_default()
                            .into_iter()
                            .filter_map(|output| Some((output.output_key?, output.output_value?)))
                            .collect(),
                    })
                }),
            )
            .await
    }
}
