//! `senza resources`

use stups_aws::Session;
use stups_aws::cloudformation::types::{StackResource, StackResourceSummary};
use stups_terminal::Row;

use super::stack_table::{Picture, print_stack_table};
use crate::Error;
use crate::cli::StackTableArguments;
use crate::context::Context;
use crate::stacks::{StackReference, about_each, list_stacks_by_name, resources_of, short_resource_type};
use crate::styles::row;

const COLUMNS: [&str; 6] = [
    "stack_name",
    "version",
    "LogicalResourceId",
    "resource_type",
    "ResourceStatus",
    "creation_time",
];

/// Show all resources of Cloud Formation stacks
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ResourcesArguments {
    #[command(flatten)]
    pub(crate) stacks: StackTableArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &ResourcesArguments) -> Result<(), Error> {
    let references = arguments.stacks.references()?;
    print_stack_table(context, &arguments.stacks, &COLUMNS, || picture(context, &references)).await
}

async fn picture(context: &Context, references: &[StackReference]) -> Result<Picture, Error> {
    let session = &context.session;
    let stacks = list_stacks_by_name(session, references, false).await?;
    let resources = about_each(&stacks, |stack| all_resources(session, &stack.stack_id)).await?;
    let mut rows = Vec::new();
    for (stack, mut resources) in stacks.iter().zip(resources) {
        resources.sort_by(|one, other| one.logical_resource_id.cmp(&other.logical_resource_id));
        rows.extend(resources.into_iter().map(|resource| -> Row {
            row([
                ("stack_name", stack.name.as_str().into()),
                ("version", stack.version.as_str().into()),
                ("LogicalResourceId", resource.logical_resource_id.into()),
                (
                    "resource_type",
                    resource.resource_type.as_deref().map(short_resource_type).into(),
                ),
                (
                    "ResourceStatus",
                    resource.resource_status.map(|status| status.as_str().to_owned()).into(),
                ),
                ("creation_time", resource.timestamp.map(|time| time.secs()).into()),
            ])
        }));
    }
    Ok(Picture::of(&stacks, rows))
}

/// `DescribeStackResources` stops after this many.
const DESCRIBED_AT_MOST: usize = 100;

/// All resources of the stack with this name or ARN: in one call, or page by page when there are many.
async fn all_resources(session: &Session, stack: &str) -> Result<Vec<StackResource>, Error> {
    let answer = session
        .cloudformation()
        .describe_stack_resources()
        .stack_name(stack)
        .send()
        .await?;
    let described = answer.stack_resources.unwrap_or_default();
    if described.len() < DESCRIBED_AT_MOST {
        return Ok(described);
    }
    Ok(resources_of(session, stack)
        .await?
        .into_iter()
        .map(described_as)
        .collect())
}

fn described_as(listed: StackResourceSummary) -> StackResource {
    StackResource::builder()
        .set_logical_resource_id(listed.logical_resource_id)
        .set_physical_resource_id(listed.physical_resource_id)
        .set_resource_type(listed.resource_type)
        .set_resource_status(listed.resource_status)
        .set_timestamp(listed.last_updated_timestamp)
        .build()
}
