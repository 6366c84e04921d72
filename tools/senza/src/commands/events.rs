//! `senza events`

use super::stack_table::{Picture, print_stack_table};
use crate::Error;
use crate::cli::StackTableArguments;
use crate::context::Context;
use crate::stacks::{StackReference, about_each, events_of, list_stacks, reason_of, short_resource_type};
use crate::styles::row;

const COLUMNS: [&str; 7] = [
    "stack_name",
    "version",
    "resource_type",
    "LogicalResourceId",
    "ResourceStatus",
    "ResourceStatusReason",
    "event_time",
];

/// Show all Cloud Formation events of stacks
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EventsArguments {
    #[command(flatten)]
    pub(crate) stacks: StackTableArguments,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &EventsArguments) -> Result<(), Error> {
    let references = arguments.stacks.references()?;
    print_stack_table(context, &arguments.stacks, &COLUMNS, || picture(context, &references)).await
}

async fn picture(context: &Context, references: &[StackReference]) -> Result<Picture, Error> {
    let session = &context.session;
    let stacks = list_stacks(session, references, false).await?;
    let events = about_each(&stacks, |stack| events_of(session, &stack.stack_id)).await?;
    let mut events: Vec<_> = stacks
        .iter()
        .zip(events)
        .flat_map(|(stack, events)| events.into_iter().map(move |event| (stack, event)))
        .collect();
    // Stable: events of one stack at the same moment stay in the order in which they happened.
    events.sort_by_key(|(_, event)| event.timestamp.map(|time| (time.secs(), time.subsec_nanos())));
    let rows = events.into_iter().map(|(stack, event)| {
        let reason = reason_of(&event);
        row([
            ("stack_name", stack.name.as_str().into()),
            ("version", stack.version.as_str().into()),
            (
                "resource_type",
                event.resource_type.as_deref().map(short_resource_type).into(),
            ),
            ("LogicalResourceId", event.logical_resource_id.into()),
            (
                "ResourceStatus",
                event.resource_status.map(|status| status.as_str().to_owned()).into(),
            ),
            ("ResourceStatusReason", reason.into()),
            ("event_time", event.timestamp.map(|time| time.secs()).into()),
        ])
    });
    Ok(Picture::of(&stacks, rows.collect()))
}
