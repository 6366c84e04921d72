//! `senza logs`

mod bounded_lines;
mod events;
mod journal;
mod seen;
mod sources;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use stups_aws::ErrorKind;
use stups_terminal::{OutputFormat, Row};

use super::log_line::{printable, style_of};
use crate::Error;
use crate::cli::{CommonArguments, OutputArguments, clamped};
use crate::context::Context;
use crate::stacks::{StackReference, parse_references};
use crate::styles::{row, table};
use events::{LogEvent, Merged, Query};
use seen::Seen;
use sources::Source;

/// After this time it is looked for new log groups and instances again.
const SOURCES_VALID: Duration = Duration::from_mins(1);

const NO_LOG_GROUP: &str = "The stacks have no log group: neither AWS::Logs::LogGroup nor a Lambda function among their resources, nor \
                            cloudwatch_logs in the user data of an instance that runs. Name one with --group; what instances write to \
                            their journal is shown with --journal, what they write to their console by `senza console`.";
const COLUMNS: [&str; 6] = [
    "stack_name",
    "version",
    "log_group",
    "log_stream",
    "event_time",
    "message",
];

/// Show what stacks wrote to CloudWatch Logs
///
/// Looks into the log groups that the stacks made, those of their Lambda functions, and those that Taupage writes to (cloudwatch_logs
/// in its user data), there only for what the stacks' own instances wrote. With --journal the instances themselves are asked.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LogsArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    /// Go on showing what is written, until Ctrl-C
    #[arg(short = 'f', long = "tail", alias = "follow")]
    tail: bool,
    /// Seconds between two looks with --tail, 1 to 600
    #[arg(short, long, value_name = "SECS", default_value = "5", value_parser = clamped(1, 600))]
    interval: u64,
    /// From when on: 10m, 3h, 2d ago, or a time (2026-01-31 12:30:00 in UTC)
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = stups_terminal::moment)]
    since: f64,
    /// Show the journals of the stacks' running instances instead, over SSH
    #[arg(long, conflicts_with_all = ["pattern", "groups"])]
    journal: bool,
    #[command(flatten)]
    over_ssh: journal::JournalArguments,
    /// Only what a filter pattern of CloudWatch Logs matches: a word, or a "phrase in quotes"
    #[arg(long = "filter", value_name = "PATTERN")]
    pattern: Option<String>,
    /// Only this log group, also one that the stacks do not name; may be given several times
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// Stack names (regular expressions) with versions, or definition files
    #[arg(value_name = "STACK_REF", required_unless_present = "groups")]
    stack_references: Vec<String>,
}

/// Runs the command. Nothing is changed in AWS.
pub(crate) async fn run(context: &Context, arguments: &LogsArguments) -> Result<(), Error> {
    let references = parse_references(&arguments.stack_references)?;
    if arguments.journal {
        return Box::pin(journal::run(
            context,
            &references,
            &arguments.over_ssh,
            arguments.since,
            arguments.tail,
        ))
        .await;
    }
    let mut sources = find(context, &references, arguments).await?;
    if sources.is_empty() {
        return Err(Error::Fatal(NO_LOG_GROUP.to_owned()));
    }
    let mut found = Instant::now();
    let mut query = Query {
        start: milliseconds(arguments.since),
        pattern: arguments.pattern.clone(),
    };
    let mut seen = arguments.tail.then(Seen::default);
    show(context, &sources, &query, seen.as_mut(), true).await?;
    let Some(mut seen) = seen else {
        return Ok(());
    };
    while !context.terminal.stdout_is_closed() {
        tokio::time::sleep(Duration::from_secs(arguments.interval)).await;
        let look = async {
            if found.elapsed() > SOURCES_VALID {
                let now = find(context, &references, arguments).await?;
                found = Instant::now();
                // With no instance there is nobody who names Taupage's groups: what they wrote last still arrives.
                if !now.is_empty() {
                    sources = now;
                }
            }
            query.start = seen.start(query.start);
            show(context, &sources, &query, Some(&mut seen), false).await
        };
        match look.await {
            // A passing trouble is no reason to give up: what is missed now is seen the next time.
            Err(Error::Aws(error)) if matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unreachable) => {
                context.terminal.warning(&error.to_string());
            }
            other => other?,
        }
    }
    Ok(())
}

async fn find(
    context: &Context,
    references: &[StackReference],
    arguments: &LogsArguments,
) -> Result<Vec<Source>, Error> {
    // Boxed: what waits for many calls to AWS is large, and stacks are not.
    Box::pin(sources::find(context, references, &arguments.groups)).await
}

#[allow(clippy::cast_possible_truncation, reason = "saturates, and no log is from that time")]
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0) as i64
}

/// Shows what the query finds, oldest first; of that only what has not been `seen`. What is text or lines of JSON is shown as it
/// comes; a table has to be complete, and an empty one is shown at the `first` look only.
async fn show(
    context: &Context,
    sources: &[Source],
    query: &Query,
    mut seen: Option<&mut Seen>,
    first: bool,
) -> Result<(), Error> {
    let format = context.terminal.format();
    let mut rows = Vec::new();
    let mut merged = Merged::new(&context.session, sources, query);
    while let Some(event) = merged.next().await? {
        if seen.as_mut().is_some_and(|seen| !seen.is_new(&event)) {
            continue;
        }
        match format {
            OutputFormat::Text => print(context, &event),
            OutputFormat::Jsonl => context
                .terminal
                .print_table(&table(&COLUMNS, &[], vec![event_row(&event)])),
            _ => rows.push(event_row(&event)),
        }
    }
    let is_table = !matches!(format, OutputFormat::Text | OutputFormat::Jsonl);
    if is_table && (first || !rows.is_empty()) {
        context.terminal.print_table(&table(&COLUMNS, &[], rows));
    }
    Ok(())
}

/// Each line of the event with its time, its stack and its stream.
fn print(context: &Context, event: &LogEvent<'_>) {
    let time = Timestamp::from_millisecond(event.timestamp).map_or_else(
        |_| event.timestamp.to_string(),
        |time| time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
    );
    let stack = event
        .source
        .stack
        .as_ref()
        .map_or("-", |stack| stack.stack_name.as_str());
    for line in event.message.lines() {
        let line = printable(line);
        let style = style_of(&line);
        let line = format!("{time} {stack} {} {line}", printable(&event.stream));
        context.terminal.print_line(&line, style);
    }
}

fn event_row(event: &LogEvent<'_>) -> Row {
    let stack = event.source.stack.as_ref();
    row([
        ("stack_name", stack.map(|stack| stack.name.as_str()).into()),
        ("version", stack.map(|stack| stack.version.as_str()).into()),
        ("log_group", event.source.group.as_str().into()),
        ("log_stream", event.stream.as_str().into()),
        ("event_time", json!(event.timestamp as f64 / 1000.0)),
        ("message", event.message.as_str().into()),
    ])
}
