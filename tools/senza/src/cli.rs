//! The command line.

use std::env;
use std::ffi::{OsStr, OsString};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, Parser, Subcommand};
use futures::FutureExt;
use futures::future::BoxFuture;
use stups_aws::{Session, SessionError, SessionOptions};
use stups_terminal::{
    CompletionArguments, Failure, OutputFormat, Terminal, WatchArguments, parse_as, until_interrupted, write_completion,
};

use crate::Error;
use crate::account::Snapshot;
use crate::clean_up::CleanUp;
use crate::commands::{
    cleanup, config, console, create, delete, deploy, diff, domains, drift, dump, events, health, images, init,
    instances, lint, list, logs, migrate_cnames, patch, print, resources, respawn_instances, rollback, scale, schema,
    status, traffic, update, wait,
};
use crate::context::Context;
use crate::option_defaults::OptionDefaults;
use crate::settings::Settings;
use crate::stacks::{StackReference, parse_references};
use crate::unknown_error::Report;
use crate::{login, unknown_error, updates};

/// Options of every command that talks to AWS.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct CommonArguments {
    /// AWS region ID (e.g. eu-west-1)
    #[arg(long, value_name = "AWS_REGION_ID")]
    pub(crate) region: Option<String>,
    /// AWS profile to take credentials and region from
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Show where an unknown error comes from
    #[arg(long, hide = true)]
    pub(crate) stacktrace_visible: bool,
}

/// Options of every command that prints a table.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct TableArguments {
    /// Use alternative output format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
    /// Specify field to be returned
    #[arg(short, long = "field", value_name = "NAME")]
    pub(crate) fields: Vec<String>,
}

/// Options and arguments of every command that prints a table about stacks.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct StackTableArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) table: TableArguments,
    #[command(flatten)]
    watch: WatchArguments,
    /// Auto update the screen until nothing shown is being worked on any more (every 2 seconds unless -w says otherwise)
    #[arg(long)]
    pub(crate) until_settled: bool,
    /// Stack names (regular expressions) with versions, or definition files
    #[arg(value_name = "STACK_REF")]
    stack_references: Vec<String>,
}

impl StackTableArguments {
    /// Which stacks it is about.
    pub(crate) fn references(&self) -> Result<Vec<StackReference>, Error> {
        parse_references(&self.stack_references)
    }

    /// How often it is shown: something can only be waited for by looking again.
    pub(crate) fn watch_arguments(&self) -> WatchArguments {
        WatchArguments {
            every_two_seconds: self.watch.every_two_seconds || self.until_settled,
            ..self.watch.clone()
        }
    }
}

/// The option of every command that has no table to print: other programs pass it to all commands alike. Anything but text
/// keeps stdout free of messages.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct OutputArguments {
    /// Use alternative output format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}

#[derive(Debug, Parser)]
#[command(
    name = "senza",
    display_name = "Senza",
    about = "Deploy immutable, versioned stacks and route traffic between them",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    args_override_self = true,
    disable_help_subcommand = true
)]
struct Senza {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a completion script for a shell
    Completion(CompletionArguments),
    Lint(lint::LintArguments),
    Schema(schema::SchemaArguments),
    Config(config::ConfigArguments),
    #[command(flatten)]
    Aws(Box<AwsCommand>),
}

/// The commands that talk to AWS.
#[derive(Debug, Subcommand)]
enum AwsCommand {
    Cleanup(cleanup::CleanupArguments),
    Console(console::ConsoleArguments),
    Create(create::CreateArguments),
    // Scripts abbreviate it like that from the time when no other command began so.
    #[command(alias = "de")]
    Delete(delete::DeleteArguments),
    // Boxed: it has by far the most options.
    Deploy(Box<deploy::DeployArguments>),
    Diff(diff::DiffArguments),
    Domains(domains::DomainsArguments),
    Drift(drift::DriftArguments),
    Dump(dump::DumpArguments),
    Events(events::EventsArguments),
    Health(health::HealthArguments),
    Images(images::ImagesArguments),
    Init(init::InitArguments),
    Instances(instances::InstancesArguments),
    // What abbreviated it before there was lint.
    #[command(aliases = ["l", "li"])]
    List(list::ListArguments),
    Logs(logs::LogsArguments),
    MigrateCnames(migrate_cnames::MigrateCnamesArguments),
    Patch(patch::PatchArguments),
    Print(print::PrintArguments),
    Resources(resources::ResourcesArguments),
    RespawnInstances(respawn_instances::RespawnInstancesArguments),
    Rollback(rollback::RollbackArguments),
    // What abbreviated it before there was schema.
    #[command(aliases = ["sc"])]
    Scale(scale::ScaleArguments),
    Status(status::StatusArguments),
    Traffic(traffic::TrafficArguments),
    Update(update::UpdateArguments),
    Wait(wait::WaitArguments),
}

impl AwsCommand {
    /// The options that all of them have.
    fn common(&self) -> &CommonArguments {
        match self {
            Self::Cleanup(a) => &a.common,
            Self::Console(a) => &a.common,
            Self::Create(a) => &a.common,
            Self::Delete(a) => &a.common,
            Self::Deploy(a) => &a.common,
            Self::Diff(a) => &a.common,
            Self::Domains(a) => &a.stacks.common,
            Self::Drift(a) => &a.common,
            Self::Dump(a) => &a.common,
            Self::Events(a) => &a.stacks.common,
            Self::Health(a) => &a.stacks.common,
            Self::Images(a) => &a.common,
            Self::Init(a) => &a.common,
            Self::Instances(a) => &a.stacks.common,
            Self::List(a) => &a.stacks.common,
            Self::Logs(a) => &a.common,
            Self::MigrateCnames(a) => &a.common,
            Self::Patch(a) => &a.common,
            Self::Print(a) => &a.common,
            Self::Resources(a) => &a.stacks.common,
            Self::RespawnInstances(a) => &a.common,
            Self::Rollback(a) => &a.common,
            Self::Scale(a) => &a.common,
            Self::Status(a) => &a.stacks.common,
            Self::Traffic(a) => &a.common,
            Self::Update(a) => &a.common,
            Self::Wait(a) => &a.common,
        }
    }

    /// The file with the account to ask instead of AWS.
    fn saved_account(&self) -> Option<&Path> {
        match self {
            Self::Print(a) => a.account.as_deref(),
            _ => None,
        }
    }

    /// Whether the command listens for Ctrl-C itself, because it has something to put in order before it ends.
    fn minds_interruptions(&self) -> bool {
        matches!(self, Self::Deploy(_) | Self::Patch(_) | Self::RespawnInstances(_))
    }

    /// The output format in force.
    fn format(&self) -> OutputFormat {
        match self {
            Self::Cleanup(a) => a.output.output,
            Self::Console(a) => a.output.output,
            Self::Create(a) => a.output.output,
            Self::Deploy(a) => a.output.output,
            Self::Diff(a) => a.output.output,
            Self::Domains(a) => a.stacks.table.output,
            Self::Drift(a) => a.table.output,
            Self::Events(a) => a.stacks.table.output,
            Self::Health(a) => a.stacks.table.output,
            Self::Images(a) => a.table.output,
            Self::Init(a) => a.output.output,
            Self::Instances(a) => a.stacks.table.output,
            Self::List(a) => a.stacks.table.output,
            Self::Logs(a) => a.output.output,
            Self::MigrateCnames(a) => a.output.output,
            Self::Patch(a) => a.output.output,
            // The template alone goes to stdout, also on a terminal.
            Self::Dump(_) | Self::Print(_) => OutputFormat::Json,
            Self::Resources(a) => a.stacks.table.output,
            Self::RespawnInstances(a) => a.output.output,
            Self::Rollback(a) => a.output.output,
            Self::Scale(a) => a.output.output,
            Self::Status(a) => a.stacks.table.output,
            Self::Update(a) => a.output.output,
            Self::Wait(a) => a.output.output,
            Self::Delete(_) | Self::Traffic(_) => OutputFormat::Text,
        }
    }
}

/// A parser for whole numbers that takes one outside `lowest..=highest` for the nearest one inside.
pub(crate) fn clamped(lowest: u64, highest: u64) -> impl Fn(&str) -> Result<u64, String> + Clone {
    move |text| match text.trim().parse::<i128>() {
        Ok(number) => Ok(u64::try_from(number.max(0)).unwrap_or(u64::MAX).clamp(lowest, highest)),
        Err(_) => Err("not a whole number".to_owned()),
    }
}

/// The whole command tree, for help, completions and documentation.
pub fn command() -> clap::Command {
    Senza::command()
}

/// Runs `senza` with `arguments` (program name first) on the process's terminal, in the region and with the credentials
/// that the command line, the environment and the AWS profile say.
pub async fn run(arguments: Vec<OsString>) -> ExitCode {
    let terminal = Terminal::from_process();
    let outcome = match env::var_os("_SENZA_COMPLETE") {
        Some(instruction) => complete(&terminal, &instruction),
        None => execute(&terminal, None, arguments).await,
    };
    terminal.finish(outcome)
}

/// Runs `senza` with `arguments` (program name first) on `terminal` and in `session`, for programs that use Senza as a
/// library, which may run it on any thread. A `--region` among the arguments takes `session` to that region; a `--profile` is refused.
pub async fn run_in(terminal: &Terminal, session: &Session, arguments: Vec<OsString>) -> Result<(), Failure> {
    Box::pin(execute(terminal, Some(session), arguments)).await
}

async fn execute(terminal: &Terminal, session: Option<&Session>, arguments: Vec<OsString>) -> Result<(), Failure> {
    let settings = Settings::load(terminal);
    let is_process = session.is_none();
    let (command, name) = match parse(&settings, !is_process, &arguments)? {
        Ok(parsed) => parsed,
        Err(text) => {
            terminal.print(&text);
            if is_process && text == command().render_version() {
                updates::check(terminal, &settings).await;
            }
            return Ok(());
        }
    };
    if is_process {
        updates::check(terminal, &settings).await;
    }
    let command = match command {
        Command::Aws(command) => *command,
        Command::Config(arguments) => {
            let terminal = terminal.with_format(arguments.output.output);
            return config::run(&terminal, &settings, &arguments).map_err(Error::into_failure);
        }
        Command::Completion(arguments) => {
            terminal.print(&write_completion(self::command(), "senza", &arguments));
            return Ok(());
        }
        Command::Lint(arguments) => return lint(terminal, settings, &arguments, session, name).await,
        Command::Schema(arguments) => {
            schema::run(terminal, arguments);
            return Ok(());
        }
    };
    let terminal = terminal.with_format(command.format());
    let context = Context {
        session: match command.saved_account() {
            Some(file) => saved_session(file, command.common(), session).await?,
            None => session_for(&terminal, &settings, command.common(), session).await?,
        },
        terminal,
        settings,
        clean_up: CleanUp::default(),
        command: name,
    };
    let outcome = work(&context, &command, is_process).await;
    context.clean_up.run().await;
    let Err(error) = outcome else { return Ok(()) };
    let origin = error.origin().filter(|_| command.common().stacktrace_visible);
    if is_process {
        Err(reported(&context, &arguments, error, origin).await)
    } else {
        Err(with_further(error, origin))
    }
}

/// How a command ends that failed in a process of its own: an unknown error is put where it can be found, unless `origin` shows it all.
pub(crate) async fn reported(
    context: &Context,
    arguments: &[OsString],
    error: Error,
    origin: Option<String>,
) -> Failure {
    let mut further = origin;
    if error.is_unknown() {
        let words: Vec<String> = arguments
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let report = Report::new(&context.command, &words, &error);
        if further.is_some() {
            report.deliver_to_sentry(&context.settings).await;
        } else {
            further = Some(report.deliver(&context.settings).await);
        }
    }
    with_further(error, further)
}

fn with_further(error: Error, further: Option<String>) -> Failure {
    let mut failure = error.into_failure();
    if let Some(further) = further {
        failure.message = format!("{}\n{further}", failure.message);
    }
    failure
}

/// The command's work, ended by Ctrl-C and, in a process of its own, by a panic like by any other error.
async fn work(context: &Context, command: &AwsCommand, is_process: bool) -> Result<(), Error> {
    let mut work = dispatch(context, command);
    if is_process {
        work = guarded(work);
    }
    if command.minds_interruptions() {
        work.await
    } else {
        until_interrupted(work).await
    }
}

/// `work`, ended by a panic like by any other error.
pub(crate) fn guarded(work: BoxFuture<'_, Result<(), Error>>) -> BoxFuture<'_, Result<(), Error>> {
    unknown_error::note_panics();
    AssertUnwindSafe(work)
        .catch_unwind()
        .map(|outcome| outcome.unwrap_or_else(|_| Err(unknown_error::of_panic())))
        .boxed()
}

/// The command that the arguments call, and its name, with the defaults that the configuration file has for its options; or help
/// and version text.
fn parse(
    settings: &Settings,
    is_session_given: bool,
    arguments: &[OsString],
) -> Result<Result<(Command, String), String>, Failure> {
    let named = |parsed: Result<(Senza, ArgMatches), String>| {
        parsed.map(|(parsed, matches)| (parsed.command, matches.subcommand_name().unwrap_or_default().to_owned()))
    };
    let Some(section) = settings.section("defaults") else {
        return Ok(named(parse_as::<Senza>(command(), arguments)?));
    };
    let is_decided = |variable: &str| env::var_os(variable).is_some_and(|value| !value.is_empty());
    let defaults = match section.as_map() {
        Some(section) => OptionDefaults::read(section, &command(), is_decided),
        None => Err("defaults: a map is expected".to_owned()),
    };
    let defaults = match defaults {
        Ok(defaults) if is_session_given => defaults.without_session(),
        Ok(defaults) => defaults,
        // Who mends the file, or looks for help, must not be stopped by it.
        Err(problem) => {
            return match parse_as::<Senza>(command(), arguments).map(named) {
                Ok(Ok((Command::Aws(_) | Command::Lint(_), _))) | Err(_) => {
                    Err(Failure::usage(format!("{}: {problem}", settings.path().display())))
                }
                Ok(harmless) => Ok(harmless),
            };
        }
    };
    let parsed = parse_as::<Senza>(defaults.apply(command()), arguments)?;
    let rest = match &parsed {
        Ok((_, matches)) => defaults.without_excluded(&command(), matches),
        Err(_) => None,
    };
    match rest {
        None => Ok(named(parsed)),
        Some(rest) => Ok(named(parse_as::<Senza>(rest.apply(command()), arguments)?)),
    }
}

/// The script that `eval "$(_SENZA_COMPLETE=bash_source senza)"` in a shell's start-up file asks for; older files say just
/// `source`, meaning bash.
fn complete(terminal: &Terminal, instruction: &OsStr) -> Result<(), Failure> {
    let shell = match instruction.to_str() {
        Some("source" | "bash_source" | "source_bash") => "bash",
        Some("zsh_source" | "source_zsh") => "zsh",
        Some("fish_source" | "source_fish") => "fish",
        _ => "",
    };
    let shell = shell.parse().map_err(|_| {
        Failure::usage(format!(
            "_SENZA_COMPLETE is \"{}\"; it can be bash_source, zsh_source or fish_source.",
            instruction.display()
        ))
    })?;
    terminal.print(&write_completion(command(), "senza", &CompletionArguments { shell }));
    Ok(())
}

async fn session_for(
    terminal: &Terminal,
    settings: &Settings,
    common: &CommonArguments,
    given: Option<&Session>,
) -> Result<Session, Failure> {
    let wrong = |error: SessionError| Failure::usage(error.to_string());
    match (given, &common.region, &common.profile) {
        (None, region, profile) => {
            let options = SessionOptions {
                region: region.clone(),
                profile: profile.clone(),
                ..SessionOptions::default()
            };
            login::usable_session(terminal, settings, options).await
        }
        (Some(_), _, Some(_)) => Err(Failure::usage("--profile cannot be used here: the session is given.")),
        (Some(session), Some(region), None) if stups_aws::is_known_region(region) => Ok(session.in_region(region)),
        (Some(_), Some(region), None) => Err(wrong(SessionError::UnknownRegion(region.clone()))),
        (Some(session), None, None) => Ok(session.clone()),
    }
}

/// Finds mistakes. Only to generate templates a session is made.
async fn lint(
    terminal: &Terminal,
    settings: Settings,
    arguments: &lint::LintArguments,
    session: Option<&Session>,
    command: String,
) -> Result<(), Failure> {
    let terminal_of_messages = terminal.with_format(OutputFormat::Json);
    let context = if arguments.generates() {
        let session = match arguments.saved_account() {
            Some(file) => saved_session(file, &arguments.common, session).await?,
            None => session_for(&terminal_of_messages, &settings, &arguments.common, session).await?,
        };
        Some(Context {
            session,
            terminal: terminal_of_messages,
            settings,
            clean_up: CleanUp::default(),
            command,
        })
    } else {
        None
    };
    let outcome = Box::pin(lint::run(terminal, arguments, context.as_ref())).await;
    outcome.map_err(Error::into_failure)
}

/// A session in the region of a saved account. Nobody is asked for credentials: it calls nobody.
async fn saved_session(file: &Path, common: &CommonArguments, given: Option<&Session>) -> Result<Session, Failure> {
    let region = Snapshot::read(file).map_err(Error::into_failure)?.region;
    if common.region.as_ref().is_some_and(|wanted| *wanted != region) {
        let file = file.display();
        return Err(Failure::usage(format!(
            "{file} is a saved account of {region}: leave --region out."
        )));
    }
    if let Some(session) = given {
        return Ok(session.in_region(&region));
    }
    let options = SessionOptions {
        region: Some(region),
        ..SessionOptions::default()
    };
    let session = Session::load(options).await;
    session.map_err(|error| Failure::usage(error.to_string()))
}

/// The work of a command. A boxed future: unboxed, all commands' states would be one type too deep for the compiler.
fn dispatch<'a>(context: &'a Context, command: &'a AwsCommand) -> BoxFuture<'a, Result<(), Error>> {
    match command {
        AwsCommand::Cleanup(a) => cleanup::run(context, a).boxed(),
        AwsCommand::Console(a) => console::run(context, a).boxed(),
        AwsCommand::Create(a) => create::run(context, a).boxed(),
        AwsCommand::Delete(a) => delete::run(context, a).boxed(),
        AwsCommand::Deploy(a) => deploy::run(context, a).boxed(),
        AwsCommand::Diff(a) => diff::run(context, a).boxed(),
        AwsCommand::Domains(a) => domains::run(context, a).boxed(),
        AwsCommand::Drift(a) => drift::run(context, a).boxed(),
        AwsCommand::Dump(a) => dump::run(context, a).boxed(),
        AwsCommand::Events(a) => events::run(context, a).boxed(),
        AwsCommand::Health(a) => health::run(context, a).boxed(),
        AwsCommand::Images(a) => images::run(context, a).boxed(),
        AwsCommand::Init(a) => init::run(context, a).boxed(),
        AwsCommand::Instances(a) => instances::run(context, a).boxed(),
        AwsCommand::List(a) => list::run(context, a).boxed(),
        AwsCommand::Logs(a) => logs::run(context, a).boxed(),
        AwsCommand::MigrateCnames(a) => migrate_cnames::run(context, a).boxed(),
        AwsCommand::Patch(a) => patch::run(context, a).boxed(),
        AwsCommand::Print(a) => print::run(context, a).boxed(),
        AwsCommand::Resources(a) => resources::run(context, a).boxed(),
        AwsCommand::RespawnInstances(a) => respawn_instances::run(context, a).boxed(),
        AwsCommand::Rollback(a) => rollback::run(context, a).boxed(),
        AwsCommand::Scale(a) => scale::run(context, a).boxed(),
        AwsCommand::Status(a) => status::run(context, a).boxed(),
        AwsCommand::Traffic(a) => traffic::run(context, a).boxed(),
        AwsCommand::Update(a) => update::run(context, a).boxed(),
        AwsCommand::Wait(a) => wait::run(context, a).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_can_run_commands_on_any_thread() {
        fn assert_send<T: Send>(_: T) {}
        assert_send(|terminal, session| assert_send(run_in(terminal, session, Vec::new())));
    }
}
