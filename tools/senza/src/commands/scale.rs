//! `senza scale`

use stups_terminal::{Action, Failure, Row};

use super::group_result::{group_row, print_groups};
use super::respawn_instances::Record;
use crate::Error;
use crate::cli::{CommonArguments, OutputArguments, clamped};
use crate::context::Context;
use crate::scaling_groups::{GroupKind, Sizes, StackGroup, describe_group, groups_of};
use crate::spotinst::{Capacity, Spotinst};
use crate::stacks::{list_stacks, parse_references};

/// No group is scaled beyond this.
const LARGEST: u64 = 100;
const BELOW_MINIMUM: &str = "Desired capacity must be bigger than specified min_size value";
const COLUMNS: [&str; 6] = [
    "stack_name",
    "version",
    "group",
    "old_capacity",
    "new_capacity",
    "result",
];

/// Scale Auto Scaling Group to desired capacity
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ScaleArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    /// The least number of instances from now on, 0 to 100; it can't be above the desired capacity
    #[arg(long, value_name = "MIN_SIZE", value_parser = clamped(0, LARGEST))]
    pub(crate) min_size: Option<u64>,
    /// Force scaling multiple stacks if needed
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Stack names (regular expressions) with versions, or definition files; then the number of instances, 0 to 100
    #[arg(value_name = "STACK_REF... DESIRED_CAPACITY", required = true, num_args = 1..)]
    pub(crate) words: Vec<String>,
}

impl ScaleArguments {
    /// The words before the last one, and the last one as number.
    fn split(&self) -> Result<(&[String], i32), Error> {
        let (capacity, references) = self
            .words
            .split_last()
            .ok_or_else(|| Error::Usage("Missing argument \"DESIRED_CAPACITY\".".to_owned()))?;
        let number = clamped(0, LARGEST)(capacity)
            .map_err(|reason| Error::Usage(format!("Invalid value for DESIRED_CAPACITY: {capacity} is {reason}")))?;
        Ok((references, small(number)))
    }
}

/// A number that was clamped to no more than 100.
fn small(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &ScaleArguments) -> Result<(), Error> {
    let (words, desired) = arguments.split()?;
    let references = parse_references(words)?;
    let stacks = list_stacks(&context.session, &references, false).await?;
    if stacks.len() > 1 && !arguments.force {
        let question = format!(
            "Number of stacks to be scaled - {}. Do you want to continue?",
            stacks.len()
        );
        if !context.terminal.confirm(&question, false)? {
            return Err(Failure::aborted().into());
        }
    }
    let min_size = arguments.min_size.map(small);
    let mut rows = Vec::new();
    for group in groups_of(&context.session, &stacks).await? {
        rows.push(match group.kind {
            GroupKind::AutoScaling => scale_auto_scaling_group(context, &group, desired, min_size).await?,
            GroupKind::Elastigroup => scale_elastigroup(context, &group, desired, min_size).await?,
        });
    }
    print_groups(context, &COLUMNS, rows);
    Ok(())
}

async fn scale_auto_scaling_group(
    context: &Context,
    group: &StackGroup,
    desired: i32,
    min_size: Option<i32>,
) -> Result<Row, Error> {
    let described = describe_group(&context.session, &group.id).await?;
    if Record::of(&described)?.is_some() {
        return Err(Error::Fatal(format!(
            "The instances of {} are being respawned, or a respawn was cut off: its sizes would be put back to what they \
             were. Wait for it, or run `senza respawn-instances {} {}` to finish it.",
            group.id, group.stack.name, group.stack.version
        )));
    }
    let current = Sizes::of(&described);
    let action = scaling_action(context, &group.id, i64::from(current.desired), desired);
    if min_size.is_some_and(|min_size| desired < min_size) {
        return Err(action.fail(BELOW_MINIMUM).into());
    }
    let wanted = new_sizes(current, desired, min_size);
    if wanted == current {
        action.done("NO CHANGES");
        return Ok(scaled(group, current.desired.into(), desired, "no changes"));
    }
    if min_size.is_none() && current.min == 0 && desired != current.desired {
        context.terminal.info(
            "MinSize was set to 0 previously. This might result in unexpected downscaling of the stack. \
             Please use --min-size to update the value.",
        );
    }
    let mut update = context
        .session
        .autoscaling()
        .update_auto_scaling_group()
        .auto_scaling_group_name(&group.id)
        .desired_capacity(wanted.desired);
    if wanted.min != current.min {
        update = update.min_size(wanted.min);
    }
    if wanted.max != current.max {
        update = update.max_size(wanted.max);
    }
    action
        .during(async { update.send().await.map(drop).map_err(Error::from) })
        .await?;
    Ok(scaled(group, current.desired.into(), desired, "scaled"))
}

/// The limits give way to the desired capacity.
fn new_sizes(current: Sizes, desired: i32, min_size: Option<i32>) -> Sizes {
    Sizes {
        min: min_size.unwrap_or(current.min.min(desired)),
        desired,
        max: current.max.max(desired),
    }
}

async fn scale_elastigroup(
    context: &Context,
    group: &StackGroup,
    desired: i32,
    min_size: Option<i32>,
) -> Result<Row, Error> {
    let spotinst = Spotinst::of_stack(&context.session, &group.stack.stack_id).await?;
    let described = spotinst.group(&group.id).await?;
    let current = Capacity::of(&described)
        .ok_or_else(|| Error::Fatal(format!("Spot does not say the capacity of Elastigroup {}", group.id)))?;
    let name = format!("ElastiGroup {} (ID: {})", group.stack.stack_name, group.id);
    let action = scaling_action(context, &name, current.target, desired);
    if min_size.is_some_and(|min_size| desired < min_size) {
        return Err(action.fail(BELOW_MINIMUM).into());
    }
    let target = i64::from(desired);
    let wanted = Capacity {
        minimum: min_size.map_or(current.minimum.min(target), i64::from),
        target,
        maximum: current.maximum.max(target),
    };
    if wanted == current {
        action.done("NO CHANGES");
        return Ok(scaled(group, current.target, desired, "no changes"));
    }
    action.during(spotinst.set_capacity(&group.id, wanted)).await?;
    Ok(scaled(group, current.target, desired, "scaled"))
}

fn scaling_action(context: &Context, name: &str, from: i64, to: i32) -> Action {
    let line = format!("Scaling {name} from {from} to {to} instances..");
    context.terminal.action(&line)
}

fn scaled(group: &StackGroup, old: i64, new: i32, result: &str) -> Row {
    let mut row = group_row(group, result);
    row.insert("old_capacity".to_owned(), old.into());
    row.insert("new_capacity".to_owned(), new.into());
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_give_way_to_the_desired_capacity() {
        let sizes = |min, desired, max| Sizes { min, desired, max };
        for (current, desired, min_size, expected) in [
            (sizes(1, 1, 1), 2, None, sizes(1, 2, 2)),
            (sizes(3, 3, 10), 2, None, sizes(2, 2, 10)),
            (sizes(3, 3, 10), 2, Some(1), sizes(1, 2, 10)),
            (sizes(1, 2, 3), 2, None, sizes(1, 2, 3)),
            (sizes(1, 2, 3), 2, Some(2), sizes(2, 2, 3)),
            (sizes(1, 2, 3), 2, Some(0), sizes(0, 2, 3)),
            (sizes(0, 0, 3), 5, None, sizes(0, 5, 5)),
        ] {
            assert_eq!(new_sizes(current, desired, min_size), expected);
        }
    }

    #[test]
    fn the_last_word_is_the_capacity() {
        let arguments = |words: &[&str]| ScaleArguments {
            common: CommonArguments::default(),
            output: OutputArguments::default(),
            min_size: None,
            force: false,
            words: words.iter().map(ToString::to_string).collect(),
        };
        let table: [(&[&str], usize, i32); 3] = [(&["a", "1", "2"], 2, 2), (&["5"], 0, 5), (&["a", "250"], 1, 100)];
        for (words, references, capacity) in table {
            let arguments = arguments(words);
            let (found, number) = arguments.split().unwrap();
            assert_eq!((found.len(), number), (references, capacity));
        }
        for words in [&["a", "many"][..], &["a", "1.5"]] {
            let error = arguments(words).split().unwrap_err().into_failure();
            assert_eq!(error.exit_code, 2);
        }
    }
}
