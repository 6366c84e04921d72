//! `senza logs --journal`: the journals of a stack's instances, over SSH.

mod ssh;

use futures::{StreamExt, TryStreamExt, stream};
use stups_aws::ec2::types::{Instance, InstanceStateName};
use stups_terminal::{ConfigFile, Failure, OutputFormat, Row};

use super::super::log_line::{printable, style_of};
use super::super::request_access::find_odd_host;
use crate::Error;
use crate::context::Context;
use crate::ec2::{instances_with, tag};
use crate::stacks::{StackReference, StackSummary, list_stacks_by_name};
use crate::styles::{row, table};
use ssh::{Destination, Ended, Query};

/// So many instances are asked at the same time, and followed at most.
const AT_THE_SAME_TIME: usize = 16;
const COLUMNS: [&str; 4] = ["stack_name", "version", "instance_id", "message"];

/// What is asked of journals, and how instances are reached.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(super) struct JournalArguments {
    /// With --journal: only this systemd unit; may be given several times
    #[arg(long = "unit", value_name = "UNIT", requires = "journal")]
    units: Vec<String>,
    /// With --journal: only the last N lines of each instance
    #[arg(short = 'n', long, value_name = "N", requires = "journal")]
    lines: Option<u32>,
    /// With --journal: whom to log in as; else Zign's user, else $USER
    #[arg(long, value_name = "NAME", requires = "journal")]
    user: Option<String>,
    /// With --journal: odd SSH bastion, HOSTNAME or USER@HOSTNAME; else the one in Route 53, else Più's odd_host
    #[arg(short = 'O', long, value_name = "HOSTNAME", env = "ODD_HOST")]
    odd_host: Option<String>,
}

/// An instance whose journal is read.
struct Source {
    stack: StackSummary,
    id: String,
    destination: Destination,
}

/// Shows what the journals have from `since` (seconds since the epoch) on; `follow`: and what is written, until Ctrl-C. Nothing is
/// changed on the instances.
pub(super) async fn run(
    context: &Context,
    references: &[StackReference],
    arguments: &JournalArguments,
    since: f64,
    follow: bool,
) -> Result<(), Error> {
    let format = context.terminal.format();
    let is_streamed = matches!(format, OutputFormat::Text | OutputFormat::Jsonl);
    if follow && !is_streamed {
        return Err(Error::Usage(
            "a table has an end: --tail with --journal shows text or jsonl".to_owned(),
        ));
    }
    let query = Query::new(&arguments.units, arguments.lines, since, follow)?;
    let sources = find(context, references, arguments).await?;
    if follow && sources.len() > AT_THE_SAME_TIME {
        return Err(Error::Fatal(format!(
            "{} instances are too many to follow, {AT_THE_SAME_TIME} are not: name a version.",
            sources.len()
        )));
    }
    let (query, context) = (&query, context);
    let readings: Vec<_> = sources
        .iter()
        .map(|source| async move {
            let mut rows = Vec::new();
            let ended = ssh::read(&source.destination, query, |line| {
                match format {
                    OutputFormat::Text => print(context, source, line),
                    OutputFormat::Jsonl => {
                        let row = journal_row(source, line);
                        context.terminal.print_table(&table(&COLUMNS, &[], vec![row]));
                    }
                    _ => rows.push(journal_row(source, line)),
                }
                !context.terminal.stdout_is_closed()
            })
            .await?;
            Ok::<_, Error>((source, rows, ended))
        })
        .collect();
    // Rows in the order of instances, whoever answers first.
    let answers: Vec<_> = stream::iter(readings).buffered(AT_THE_SAME_TIME).try_collect().await?;
    let mut failed = 0;
    let mut rows = Vec::new();
    for (source, of_instance, ended) in answers {
        rows.extend(of_instance);
        if let Ended::Failed(reason) = ended {
            failed += 1;
            context.terminal.warning(&format!("{}: {reason}", source.id));
        }
    }
    if !is_streamed {
        context.terminal.print_table(&table(&COLUMNS, &[], rows));
    }
    match failed {
        0 => Ok(()),
        1 => Err(Failure::application("The journal of an instance could not be read.").into()),
        failed => Err(Failure::application(format!("The journals of {failed} instances could not be read.")).into()),
    }
}

/// The running instances of the stacks, and how they are reached.
async fn find(
    context: &Context,
    references: &[StackReference],
    arguments: &JournalArguments,
) -> Result<Vec<Source>, Error> {
    let stacks = list_stacks_by_name(&context.session, references, false).await?;
    if stacks.is_empty() {
        let name = references.first().map_or("", |reference| reference.name.as_str());
        return Err(Error::Fatal(format!("Stack {name} not found!")));
    }
    let names: Vec<String> = stacks.iter().map(|stack| stack.stack_name.clone()).collect();
    let mut instances = instances_with(&context.session, "tag:Name", &names).await?;
    instances.retain(is_running);
    if instances.is_empty() {
        return Err(Error::Fatal(format!("No running instances of {}.", names.join(", "))));
    }
    let user = user(context, arguments)?;
    let odd_host = odd_host(context, arguments).await?;
    let mut sources = Vec::new();
    for stack in stacks {
        let own = instances
            .iter()
            .filter(|instance| tag(instance.tags(), "Name") == Some(&stack.stack_name));
        for instance in own {
            if let (Some(id), Some(address)) = (instance.instance_id(), instance.private_ip_address()) {
                sources.push(Source {
                    stack: stack.clone(),
                    id: id.to_owned(),
                    destination: Destination::new(&user, &odd_host, address)?,
                });
            }
        }
    }
    Ok(sources)
}

fn is_running(instance: &Instance) -> bool {
    instance.state().and_then(|state| state.name()) == Some(&InstanceStateName::Running)
}

/// Whom to log in as, as Più has it: what is said, else Zign's user, else the one of this machine.
fn user(context: &Context, arguments: &JournalArguments) -> Result<String, Error> {
    let of_variable = |name| std::env::var(name).ok().filter(|user: &String| !user.is_empty());
    arguments
        .user
        .clone()
        .or_else(|| of_variable("ZIGN_USER"))
        .or_else(|| configured(context, "zign", "user"))
        .or_else(|| of_variable("USER"))
        .ok_or_else(|| Error::Usage("nobody says whom to log in as: --user NAME".to_owned()))
}

/// The bastion, as Più finds it: what is said, else the one in Route 53, else the one in Più's configuration.
async fn odd_host(context: &Context, arguments: &JournalArguments) -> Result<String, Error> {
    if let Some(host) = &arguments.odd_host {
        return Ok(host.clone());
    }
    let found = find_odd_host(&context.session).await;
    match (found, configured(context, "piu", "odd_host")) {
        (Ok(Some(host)), _) | (_, Some(host)) => Ok(host),
        (Ok(None), None) => Err(Error::Usage(format!(
            "there is no SSH bastion odd-{}.* in Route 53, and no odd_host in Più's configuration: --odd-host HOSTNAME",
            context.session.region()
        ))),
        (Err(error), None) => Err(error),
    }
}

/// What the configuration file of another tool says.
fn configured(context: &Context, tool: &str, key: &str) -> Option<String> {
    let section = ConfigFile::new(tool, tool).load(&context.terminal);
    section
        .get(key)?
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn print(context: &Context, source: &Source, line: &str) {
    let line = printable(line);
    let style = style_of(&line);
    context.terminal.print_line(&format!("{} {line}", source.id), style);
}

fn journal_row(source: &Source, line: &str) -> Row {
    row([
        ("stack_name", source.stack.name.as_str().into()),
        ("version", source.stack.version.as_str().into()),
        ("instance_id", source.id.as_str().into()),
        ("message", line.into()),
    ])
}
