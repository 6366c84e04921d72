//! The command line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use stups_aws::{Session, SessionError, SessionOptions};
use stups_terminal::{Failure, OutputFormat, Terminal};

use crate::Error;
use crate::commands::{
    create, delete, domains, events, images, init, instances, list, print, resources, status, traffic, update, wait,
};
use crate::context::Context;

/// Options of every command that talks to AWS.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct CommonArguments {
    /// AWS region ID (e.g. eu-west-1)
    #[arg(long, value_name = "AWS_REGION_ID")]
    pub(crate) region: Option<String>,
    /// AWS profile to take credentials and region from
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Show the causes of an unknown error as well
    #[arg(long)]
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

#[derive(Debug, Parser)]
#[command(
    name = "senza",
    disable_version_flag = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Senza {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Create(create::CreateArguments),
    Delete(delete::DeleteArguments),
    Domains(domains::DomainsArguments),
    Events(events::EventsArguments),
    Images(images::ImagesArguments),
    Init(init::InitArguments),
    Instances(instances::InstancesArguments),
    List(list::ListArguments),
    Print(print::PrintArguments),
    Resources(resources::ResourcesArguments),
    Status(status::StatusArguments),
    Traffic(traffic::TrafficArguments),
    Update(update::UpdateArguments),
    Wait(wait::WaitArguments),
}

/// The whole command tree, for help, completions and documentation.
pub fn command() -> clap::Command {
    Senza::command()
}

/// Runs `senza` with `arguments` (program name first) on the process's terminal.
pub async fn run(arguments: Vec<OsString>) -> ExitCode {
    run_on(&Terminal::from_process(), arguments).await
}

/// As [`run`], on a given terminal.
pub(crate) async fn run_on(terminal: &Terminal, arguments: Vec<OsString>) -> ExitCode {
    let parsed = match stups_terminal::parse::<Senza>(arguments) {
        Ok(Ok(parsed)) => parsed,
        Ok(Err(text)) => {
            terminal.print(&text);
            return ExitCode::SUCCESS;
        }
        Err(failure) => return terminal.report(&failure),
    };
    match dispatch(terminal, parsed.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => terminal.report(&error.into_failure()),
    }
}

async fn context(terminal: &Terminal, common: &CommonArguments, format: OutputFormat) -> Result<Context, Error> {
    let options = SessionOptions {
        region: common.region.clone(),
        profile: common.profile.clone(),
        ..SessionOptions::default()
    };
    let session = Session::load(options)
        .await
        .map_err(|error: SessionError| Failure::usage(error.to_string()))?;
    Ok(Context {
        terminal: terminal.with_format(format),
        session,
    })
}

async fn dispatch(terminal: &Terminal, command: Command) -> Result<(), Error> {
    use OutputFormat::Text;
    match command {
        Command::Create(a) => create::run(&context(terminal, &a.common, Text).await?, &a).await,
        Command::Delete(a) => delete::run(&context(terminal, &a.common, Text).await?, &a).await,
        Command::Domains(a) => domains::run(&context(terminal, &a.common, a.table.output).await?, &a).await,
        Command::Events(a) => events::run(&context(terminal, &a.common, a.table.output).await?, &a).await,
        Command::Images(a) => images::run(&context(terminal, &a.common, a.table.output).await?, &a).await,
        Command::Init(a) => init::run(&context(terminal, &a.common, Text).await?, &a).await,
        Command::Instances(a) => instances::run(&context(terminal, &a.common, a.table.output).await?, &a).await,
        Command::List(a) => list::run(&context(terminal, &a.common, a.table.output).await?, &a).await,
        Command::Print(a) => print::run(&context(terminal, &a.common, Text).await?, &a).await,
        Command::Resources(a) => resources::run(&context(terminal, &a.common, a.table.output).await?, &a).await,
        Command::Status(a) => status::run(&context(terminal, &a.common, a.table.output).await?, &a).await,
        Command::Traffic(a) => traffic::run(&context(terminal, &a.common, Text).await?, &a).await,
        Command::Update(a) => update::run(&context(terminal, &a.common, Text).await?, &a).await,
        Command::Wait(a) => wait::run(&context(terminal, &a.common, Text).await?, &a).await,
    }
}
