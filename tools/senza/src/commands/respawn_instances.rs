//! `senza respawn-instances`

mod elastigroup;
mod in_service;
mod instance_refresh;
mod record;
mod rolling;

use std::time::Duration;

use stups_terminal::{Row, until_interrupted};

use super::group_result::{group_row, print_groups};
use crate::Error;
use crate::cli::{CommonArguments, OutputArguments, clamped};
use crate::context::Context;
use crate::scaling_groups::{GroupKind, StackGroup, groups_of};
use crate::stacks::{list_stacks, parse_references};
pub(super) use record::Record;

/// How long one step may take by default, in seconds: Taupage downloads and starts an application in a few minutes.
const TIMEOUT: u64 = 1800;
const COLUMNS: [&str; 6] = ["stack_name", "version", "group", "instances", "replaced", "result"];

/// Replace all EC2 instances in Auto Scaling Group(s)
///
/// Performs a rolling update to prevent downtimes.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RespawnInstancesArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    /// Perform inplace update, do not scale out. Ignored for Elastigroups
    #[arg(long)]
    pub(crate) inplace: bool,
    /// Force respawn even of instances that are up to date. Ignored for Elastigroups
    #[arg(short, long)]
    pub(crate) force: bool,
    /// Leave it to an instance refresh of EC2 Auto Scaling, which goes on without this command. Ignored for Elastigroups
    #[arg(long, conflicts_with = "inplace")]
    pub(crate) instance_refresh: bool,
    /// Share of a stateless Elastigroup's instances that is respawned at a time, 0 to 100 (20)
    #[arg(
        long = "batch_size_percentage",
        alias = "batch-size-percentage",
        value_name = "PERCENTAGE",
        value_parser = clamped(0, 100)
    )]
    pub(crate) batch_size_percentage: Option<u64>,
    /// Recycle a stateful Elastigroup's instances subnet by subnet
    #[arg(long)]
    pub(crate) batch_per_subnet: bool,
    /// Seconds that one step may take, such as a new instance coming into service, before the group is put back (1 to 7200)
    #[arg(short, long, value_name = "SECS", default_value_t = TIMEOUT, value_parser = clamped(1, 7200))]
    pub(crate) timeout: u64,
    /// Seconds between two looks, 1 to 600 (2 to 10, depending on what is waited for)
    #[arg(short, long, value_name = "SECS", value_parser = clamped(1, 600))]
    pub(crate) interval: Option<u64>,
    /// Stack names (regular expressions) with versions, or definition files
    #[arg(value_name = "STACK_REF")]
    pub(crate) stack_references: Vec<String>,
}

/// How instances are replaced.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// no spare instance
    pub(crate) inplace: bool,
    /// also instances that are up to date
    pub(crate) force: bool,
    /// by AWS itself
    pub(crate) instance_refresh: bool,
    /// stateless Elastigroups: percent at a time
    pub(crate) batch_size: Option<u64>,
    /// stateful Elastigroups: subnet by subnet
    pub(crate) batch_per_subnet: bool,
    /// for one step
    pub(crate) timeout: Duration,
    /// between two looks; what suits what is waited for unless given
    pub(crate) interval: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            inplace: false,
            force: false,
            instance_refresh: false,
            batch_size: None,
            batch_per_subnet: false,
            timeout: Duration::from_secs(TIMEOUT),
            interval: None,
        }
    }
}

impl Options {
    /// How long to wait between two looks, `usual` unless told otherwise.
    fn pause(&self, usual: Duration) -> Duration {
        self.interval.unwrap_or(usual)
    }
}

/// What was done to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outcome {
    /// how many instances there were
    instances: usize,
    /// how many of them were replaced
    replaced: usize,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &RespawnInstancesArguments) -> Result<(), Error> {
    let options = Options {
        inplace: arguments.inplace,
        force: arguments.force,
        instance_refresh: arguments.instance_refresh,
        batch_size: arguments.batch_size_percentage,
        batch_per_subnet: arguments.batch_per_subnet,
        timeout: Duration::from_secs(arguments.timeout),
        interval: arguments.interval.map(Duration::from_secs),
    };
    let references = parse_references(&arguments.stack_references)?;
    let groups = until_interrupted(Box::pin(async {
        let stacks = list_stacks(&context.session, &references, false).await?;
        groups_of(&context.session, &stacks).await
    }))
    .await?;
    let rows = respawn_all(context, &groups, &options).await?;
    print_groups(context, &COLUMNS, rows);
    Ok(())
}

/// Replaces the instances of one group after the other. Interrupted, it puts back what it has changed: not to be run inside
/// another [`until_interrupted`], which would drop that.
pub(super) async fn respawn_all(
    context: &Context,
    groups: &[StackGroup],
    options: &Options,
) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::with_capacity(groups.len());
    for group in groups {
        // Boxed: what waits for many calls to AWS is large, and stacks are not.
        let outcome = match group.kind {
            GroupKind::Elastigroup => Box::pin(elastigroup::respawn(context, group, options)).await?,
            GroupKind::AutoScaling if options.instance_refresh => {
                Box::pin(instance_refresh::respawn(context, &group.id, options)).await?
            }
            GroupKind::AutoScaling => Box::pin(rolling::respawn(context, &group.id, options)).await?,
        };
        let result = if outcome.replaced == 0 {
            "nothing to do"
        } else {
            "respawned"
        };
        let mut row = group_row(group, result);
        row.insert("instances".to_owned(), outcome.instances.into());
        row.insert("replaced".to_owned(), outcome.replaced.into());
        rows.push(row);
    }
    Ok(rows)
}
