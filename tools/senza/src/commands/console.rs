//! `senza console`

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::StreamExt;
use serde_json::json;
use stups_aws::Session;
use stups_aws::ec2::types::{Filter, Instance};
use stups_terminal::{OutputFormat, Row, Terminal, WatchArguments, watch};

use super::log_line::{BOLD, printable, style_of};
use crate::Error;
use crate::cli::{CommonArguments, OutputArguments};
use crate::context::Context;
use crate::ec2::{all_instances, instances_with, tag};
use crate::stacks::{StackReference, matches_any, parse_references};
use crate::styles::{row, table};

const STACK_TAG: &str = "aws:cloudformation:stack-name";
/// How many instances are asked at the same time: each is a call of its own.
const CALLS_AT_A_TIME: usize = 8;

/// Print EC2 instance console output
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ConsoleArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    #[command(flatten)]
    pub(crate) watch: WatchArguments,
    /// Show last N lines of console output
    #[arg(short, long, value_name = "N", default_value_t = 25)]
    pub(crate) limit: usize,
    /// Instance IDs, or private IP addresses, or stack references; all instances of stacks when there is none
    #[arg(value_name = "INSTANCE_OR_STACK_REF")]
    pub(crate) words: Vec<String>,
}

/// Whose console is asked for.
#[derive(Debug)]
enum Wanted {
    /// instances by id
    Ids(Vec<String>),
    /// instances by private address
    Addresses(Vec<String>),
    /// the instances of stacks
    Stacks(Vec<StackReference>),
}

impl Wanted {
    fn new(words: &[String]) -> Result<Self, Error> {
        let all = |test: fn(&String) -> bool| !words.is_empty() && words.iter().all(test);
        Ok(if all(|word| word.starts_with("i-")) {
            Self::Ids(words.to_vec())
        } else if all(|word| word.parse::<IpAddr>().is_ok()) {
            Self::Addresses(words.to_vec())
        } else {
            Self::Stacks(parse_references(words)?)
        })
    }

    async fn instances(&self, session: &Session) -> Result<Vec<Instance>, Error> {
        match self {
            Self::Ids(ids) => instances_with(session, "instance-id", ids).await,
            Self::Addresses(addresses) => instances_with(session, "private-ip-address", addresses).await,
            Self::Stacks(references) => {
                let of_a_stack = Filter::builder().name("tag-key").values(STACK_TAG).build();
                let mut instances = all_instances(session, vec![of_a_stack]).await?;
                instances.retain(|instance| matches_any(references, stack_of(instance)));
                Ok(instances)
            }
        }
    }

    /// What to say when there is no such instance.
    fn nothing(&self, region: &str) -> Error {
        Error::Fatal(match self {
            Self::Ids(words) | Self::Addresses(words) => {
                format!(
                    "No EC2 instance with id '{}'.",
                    words.first().map_or("", String::as_str)
                )
            }
            Self::Stacks(references) => match references.first() {
                Some(reference) => {
                    let version = reference.version.as_ref();
                    let version = version.map(|version| format!(" with version '{version}'"));
                    format!("No stack matching '{}'{}.", reference.name, version.unwrap_or_default())
                }
                None => format!("No EC2 instances in region '{region}'."),
            },
        })
    }
}

/// Runs the command.
pub(crate) async fn run(context: &Context, arguments: &ConsoleArguments) -> Result<(), Error> {
    let wanted = Wanted::new(&arguments.words)?;
    watch(&context.terminal, &arguments.watch, |terminal| {
        show(terminal, &context.session, &wanted, arguments.limit)
    })
    .await
}

async fn show(terminal: Terminal, session: &Session, wanted: &Wanted, limit: usize) -> Result<(), Error> {
    let instances = wanted.instances(session).await?;
    if instances.is_empty() {
        return Err(wanted.nothing(session.region()));
    }
    // Boxed: a stream of the closure's own futures would not be `Send` for every lifetime.
    let questions: Vec<BoxFuture<'_, _>> = instances
        .iter()
        .map(|it| last_lines(session, it, limit).boxed())
        .collect();
    let mut outputs = futures::stream::iter(questions).buffered(CALLS_AT_A_TIME);
    let mut rows = Vec::new();
    for instance in &instances {
        let lines = outputs.next().await.unwrap_or_default();
        if terminal.format() == OutputFormat::Text {
            print(&terminal, instance, &lines, limit);
        } else {
            rows.push(console_row(instance, &lines));
        }
    }
    if terminal.format() != OutputFormat::Text {
        terminal.print_table(&table(&COLUMNS, &[], rows));
    }
    Ok(())
}

const COLUMNS: [&str; 4] = ["stack_name", "instance_id", "private_ip", "output"];

fn console_row(instance: &Instance, lines: &[String]) -> Row {
    row([
        ("stack_name", stack_of(instance).into()),
        ("instance_id", instance.instance_id().into()),
        ("private_ip", instance.private_ip_address().into()),
        ("output", json!(lines.join("\n"))),
    ])
}

fn print(terminal: &Terminal, instance: &Instance, lines: &[String], limit: usize) {
    let address = instance.private_ip_address().filter(|address| !address.is_empty());
    let name = address.or(instance.instance_id()).unwrap_or_default();
    let title = format!("Showing last {limit} lines of {}/{name}..", stack_of(instance));
    terminal.print_line(&title, Some(BOLD));
    for line in lines {
        terminal.print_line(line, style_of(line));
    }
}

fn stack_of(instance: &Instance) -> &str {
    tag(instance.tags(), STACK_TAG).unwrap_or_default()
}

/// The last lines that EC2 has; none when it does not say (the instance has just started, or is long gone).
async fn last_lines(session: &Session, instance: &Instance, limit: usize) -> Vec<String> {
    let request = session.ec2().get_console_output();
    let answer = request.set_instance_id(instance.instance_id.clone()).send().await;
    let output = answer.ok().and_then(|answer| answer.output).unwrap_or_default();
    // Line ends in the middle are EC2's way to write base64.
    let encoded: String = output.split_whitespace().collect();
    let text = STANDARD.decode(encoded).unwrap_or_default();
    let lines: Vec<String> = String::from_utf8_lossy(&text).lines().map(printable).collect();
    let first = lines.len().saturating_sub(limit);
    lines.into_iter().skip(first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_ids_addresses_or_stacks() {
        let wanted = |words: &[&str]| Wanted::new(&words.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        assert!(matches!(wanted(&["i-1", "i-2"]), Wanted::Ids(_)));
        assert!(matches!(wanted(&["10.0.0.1", "::1"]), Wanted::Addresses(_)));
        assert!(matches!(wanted(&["i-1", "10.0.0.1"]), Wanted::Stacks(_)));
        assert!(matches!(wanted(&[]), Wanted::Stacks(_)));
        for (words, expected) in [
            (vec!["i-1"], "No EC2 instance with id 'i-1'."),
            (vec!["10.0.0.1"], "No EC2 instance with id '10.0.0.1'."),
            (vec!["a"], "No stack matching 'a'."),
            (vec!["a", "1"], "No stack matching 'a' with version '1'."),
            (vec![], "No EC2 instances in region 'mars-1'."),
        ] {
            assert_eq!(wanted(&words).nothing("mars-1").to_string(), expected);
        }
    }
}
