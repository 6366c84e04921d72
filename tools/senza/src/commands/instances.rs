//! `senza instances`

use std::collections::{BTreeSet, HashMap};

use futures::future::{BoxFuture, FutureExt, try_join};
use futures::stream::{StreamExt, TryStreamExt};
use stups_aws::Session;
use stups_aws::ec2::primitives::DateTime;
use stups_aws::ec2::types::{Filter, Instance, InstanceStateName};
use stups_terminal::{Row, Terminal};

use super::instance_health::{InstanceHealth, health_in_stack};
use super::request_access::{find_odd_host, request_access};
use super::stack_table::watch_stacks;
use crate::Error;
use crate::cli::StackTableArguments;
use crate::context::Context;
use crate::ec2::{all_instances, tag, taupage_configuration};
use crate::stacks::{StackReference, matches_any};
use crate::styles::{row, table};

const COLUMNS: [&str; 9] = [
    "stack_name",
    "version",
    "resource_id",
    "instance_id",
    "public_ip",
    "private_ip",
    "state",
    "lb_status",
    "launch_time",
];

/// How many calls of a kind are made at the same time where AWS answers about one thing only.
const CALLS_AT_A_TIME: usize = 8;

/// List the stack's EC2 instances
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InstancesArguments {
    #[command(flatten)]
    pub(crate) stacks: StackTableArguments,
    /// Show all instances, including instances not part of any stack
    #[arg(long)]
    pub(crate) all: bool,
    /// Show instances in TERMINATED state
    #[arg(long)]
    pub(crate) terminated: bool,
    /// Show docker image source for every instance listed
    #[arg(short, long)]
    pub(crate) docker_image: bool,
    /// Request SSH access to every instance listed, with piu
    #[arg(short, long, value_name = "REASON")]
    pub(crate) piu: Option<String>,
    /// Odd SSH bastion hostname
    #[arg(short = 'O', long, value_name = "HOSTNAME", env = "ODD_HOST")]
    pub(crate) odd_host: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &InstancesArguments) -> Result<(), Error> {
    let references = arguments.stacks.references()?;
    watch_stacks(&context.terminal, &arguments.stacks, |terminal| {
        show(terminal, &context.session, &references, arguments)
    })
    .await
}

/// Says whether no instance shown is about to be in another state.
async fn show(
    terminal: Terminal,
    session: &Session,
    references: &[StackReference],
    arguments: &InstancesArguments,
) -> Result<bool, Error> {
    let mut instances = all_instances(session, filters(arguments)).await?;
    instances.retain(|instance| matches_any(references, tag(instance.tags(), "Name").unwrap_or_default()));
    let (health, sources) = try_join(
        health_of(session, &instances),
        docker_sources(
            session,
            &terminal,
            if arguments.docker_image { &instances } else { &[] },
        ),
    )
    .await?;
    let mut rows: Vec<Row> = instances
        .iter()
        .map(|instance| {
            let id = instance.instance_id().unwrap_or_default();
            let mut row = instance_row(instance, health.get(id).map(String::as_str));
            row.insert("docker_source".to_owned(), sources.get(id).map(String::as_str).into());
            row
        })
        .collect();
    rows.sort_by(|one, other| sort_key(one).cmp(&sort_key(other)));

    let mut columns = COLUMNS.to_vec();
    if arguments.docker_image {
        columns.insert(columns.len() - 1, "docker_source");
    }
    let hosts: Vec<String> = rows
        .iter()
        .filter_map(|row| row.get("private_ip")?.as_str().map(str::to_owned))
        .collect();
    let only_one = rows.len() == 1;
    terminal.print_table(&table(&columns, &arguments.stacks.table.fields, rows));
    if let Some(reason) = &arguments.piu {
        // An empty variable is none, as with the original's options.
        let odd_host = match arguments.odd_host.as_ref().filter(|host| !host.is_empty()) {
            Some(host) => Some(host.clone()),
            None => find_odd_host(session).await?,
        };
        for host in hosts {
            request_access(&host, reason, odd_host.as_deref(), only_one)?;
        }
    }
    Ok(!instances.iter().any(is_on_its_way))
}

/// Whether the instance is about to be in another state.
fn is_on_its_way(instance: &Instance) -> bool {
    let state = instance.state().and_then(|state| state.name());
    matches!(
        state,
        Some(InstanceStateName::Pending | InstanceStateName::ShuttingDown | InstanceStateName::Stopping)
    )
}

fn filters(arguments: &InstancesArguments) -> Vec<Filter> {
    let mut filters = Vec::new();
    if !arguments.all {
        filters.push(Filter::builder().name("tag-key").values("Name").build());
    }
    if !arguments.terminated {
        let states = ["pending", "running", "shutting-down", "stopping", "stopped"].map(str::to_owned);
        filters.push(
            Filter::builder()
                .name("instance-state-name")
                .set_values(Some(states.to_vec()))
                .build(),
        );
    }
    filters
}

fn instance_row(instance: &Instance, lb_status: Option<&str>) -> Row {
    let state = instance.state().and_then(|state| state.name());
    row([
        (
            "stack_name",
            tag(instance.tags(), "StackName").unwrap_or_default().into(),
        ),
        (
            "version",
            tag(instance.tags(), "StackVersion").unwrap_or_default().into(),
        ),
        (
            "resource_id",
            tag(instance.tags(), "aws:cloudformation:logical-id").into(),
        ),
        ("instance_id", instance.instance_id().into()),
        (
            "public_ip",
            instance.public_ip_address().filter(|ip| !ip.is_empty()).into(),
        ),
        (
            "private_ip",
            instance.private_ip_address().filter(|ip| !ip.is_empty()).into(),
        ),
        ("state", state.map(|name| state_name(name.as_str())).into()),
        ("lb_status", lb_status.into()),
        ("launch_time", instance.launch_time().map(DateTime::secs).into()),
    ])
}

fn state_name(state: &str) -> String {
    state.to_uppercase().replace('-', "_")
}

fn sort_key(row: &Row) -> [&str; 3] {
    ["stack_name", "version", "instance_id"].map(|column| row.get(column).and_then(|cell| cell.as_str()).unwrap_or(""))
}

/// The stack an instance belongs to: what CloudFormation tagged it with, or what Senza's tags say when they agree.
fn stack_of(instance: &Instance) -> Option<&str> {
    let tags = instance.tags();
    tag(tags, "aws:cloudformation:stack-name").or_else(|| {
        let name = tag(tags, "Name")?;
        let (stack, version) = (tag(tags, "StackName")?, tag(tags, "StackVersion")?);
        (name.strip_prefix(stack)?.strip_prefix('-')? == version).then_some(name)
    })
}

/// Health by instance id, asked once for each stack.
async fn health_of(session: &Session, instances: &[Instance]) -> Result<InstanceHealth, Error> {
    let stacks: BTreeSet<&str> = instances.iter().filter_map(stack_of).collect();
    // Boxed, here and below: a stream of the closure's own futures would not be `Send` for every lifetime.
    let questions: Vec<BoxFuture<'_, _>> = stacks
        .into_iter()
        .map(|stack| health_in_stack(session, stack).boxed())
        .collect();
    let answers: Vec<InstanceHealth> = futures::stream::iter(questions)
        .buffered(CALLS_AT_A_TIME)
        .try_collect()
        .await?;
    Ok(answers.into_iter().flatten().collect())
}

/// The Docker image in each instance's user data, by instance id. AWS tells one instance's user data at a time.
async fn docker_sources(
    session: &Session,
    terminal: &Terminal,
    instances: &[Instance],
) -> Result<HashMap<String, String>, Error> {
    let ids = instances.iter().filter_map(Instance::instance_id);
    let questions: Vec<BoxFuture<'_, _>> = ids
        .map(|id| {
            async move {
                let source = match taupage_configuration(session, id).await {
                    Ok(configuration) => configuration.as_ref().and_then(docker_source),
                    Err(error) => {
                        terminal.warning(&format!("Failed to query user data of instance {id}: {error}"));
                        None
                    }
                };
                source.map(|source| (id.to_owned(), source))
            }
            .boxed()
        })
        .collect();
    Ok(futures::stream::iter(questions)
        .buffered(CALLS_AT_A_TIME)
        .filter_map(std::future::ready)
        .collect()
        .await)
}

/// The Docker image that Taupage runs.
fn docker_source(configuration: &stups_yaml::Value) -> Option<String> {
    configuration.get("source")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use stups_aws::ec2::types::Tag;

    use super::*;

    fn instance(tags: &[(&str, &str)]) -> Instance {
        let tags = tags
            .iter()
            .map(|(key, value)| Tag::builder().key(*key).value(*value).build())
            .collect();
        Instance::builder().instance_id("i-1").set_tags(Some(tags)).build()
    }

    #[test]
    fn states_are_upper_case_with_underscores() {
        assert_eq!(state_name("Test-instance"), "TEST_INSTANCE");
        assert_eq!(state_name("shutting-down"), "SHUTTING_DOWN");
    }

    #[test]
    fn an_instance_belongs_to_the_stack_its_tags_agree_on() {
        for (tags, expected) in [
            (
                vec![("aws:cloudformation:stack-name", "s-1"), ("Name", "other")],
                Some("s-1"),
            ),
            (
                vec![("Name", "a-b-1"), ("StackName", "a-b"), ("StackVersion", "1")],
                Some("a-b-1"),
            ),
            (
                vec![("Name", "mine"), ("StackName", "a-b"), ("StackVersion", "1")],
                None,
            ),
            (vec![("Name", "a-1")], None),
            (vec![], None),
        ] {
            assert_eq!(stack_of(&instance(&tags)), expected, "{tags:?}");
        }
    }

    #[test]
    fn unknown_cells_are_null() {
        let row = instance_row(&instance(&[]), None);
        for column in [
            "resource_id",
            "public_ip",
            "private_ip",
            "state",
            "lb_status",
            "launch_time",
        ] {
            assert!(row[column].is_null(), "{column}");
        }
        assert_eq!(
            (row["stack_name"].as_str(), row["version"].as_str()),
            (Some(""), Some(""))
        );
    }
}
