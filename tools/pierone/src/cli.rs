//! The command line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use stups_terminal::{
    CompletionArguments, Failure, TableArguments, Terminal, completion_from_environment, until_interrupted,
    write_completion,
};

use crate::approvals::{self, MarkProductionReadyArguments, MarkTrustedArguments};
use crate::contents::{self, InspectContentsArguments};
use crate::context::Context;
use crate::describe;
use crate::image_name::TagArguments;
use crate::import::{self, ImportArguments};
use crate::listings::{self, ArtifactsArguments, ImageArguments, TeamsArguments};
use crate::login;
use crate::promotion::{self, EmergencyPromotionArguments};
use crate::scm_source::{self, ScmSourceArguments};
use crate::tags::{self, LatestArguments, TagsArguments};
use crate::vulnerabilities::{self, CvesArguments};

#[derive(Debug, Parser)]
#[command(
    name = "pierone",
    display_name = "Pier One CLI",
    about = "Images of the registry: their tags, sources, contents and approvals",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct PierOne {
    /// The registry, if not the one that is configured
    #[arg(long, global = true, value_name = "URI")]
    url: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Have docker and its kin ask for a token whenever they need one
    Login,
    /// List the teams that have images
    Teams(TeamsArguments),
    /// List the artifacts of a team
    Artifacts(ArtifactsArguments),
    /// List the tags of artifacts
    Tags(TagsArguments),
    /// Print the newest tag of an artifact
    Latest(LatestArguments),
    /// Show what source images were made from
    ScmSource(ScmSourceArguments),
    /// List the tags that point to an image
    Image(ImageArguments),
    /// List the files in an image's layers
    InspectContents(InspectContentsArguments),
    /// List the known vulnerabilities of an image
    Cves(CvesArguments),
    /// Tell all that is known of an image
    Describe(TagArguments),
    /// Say that an image is ready for production, because of an incident
    MarkProductionReady(MarkProductionReadyArguments),
    /// Approve an image that somebody else has pushed
    MarkTrusted(MarkTrustedArguments),
    /// Bring an image to production because of an incident
    EmergencyPromotion(EmergencyPromotionArguments),
    /// Take over the tags of an original Pier One, for who administers the registry
    Import(ImportArguments),
    /// Print a completion script for a shell
    Completion(CompletionArguments),
}

impl Command {
    /// The terminal with the output format of the command in force.
    fn on(&self, terminal: &Terminal) -> Terminal {
        self.table()
            .map_or_else(|| terminal.clone(), |table| table.on(terminal))
    }

    fn table(&self) -> Option<&TableArguments> {
        match self {
            Self::Teams(arguments) => Some(&arguments.table),
            Self::Artifacts(arguments) => Some(&arguments.table),
            Self::Tags(arguments) => Some(&arguments.table),
            Self::Latest(arguments) => Some(&arguments.table),
            Self::ScmSource(arguments) => Some(&arguments.table),
            Self::Image(arguments) => Some(&arguments.table),
            Self::InspectContents(arguments) => Some(&arguments.table),
            Self::Cves(arguments) => Some(&arguments.table),
            Self::MarkTrusted(arguments) => Some(&arguments.table),
            Self::Login
            | Self::Describe(_)
            | Self::MarkProductionReady(_)
            | Self::EmergencyPromotion(_)
            | Self::Import(_)
            | Self::Completion(_) => None,
        }
    }

    /// The scopes that a service needs beside `uid`; people write what their teams own.
    fn service_scopes(&self) -> &'static [&'static str] {
        match self {
            Self::MarkProductionReady(_) | Self::MarkTrusted(_) | Self::EmergencyPromotion(_) => &["application.write"],
            Self::Import(_) => &["application.registry_admin"],
            _ => &[],
        }
    }
}

/// The whole command tree, for help, completions and documentation.
pub fn command() -> clap::Command {
    PierOne::command()
}

/// Runs `pierone` with `arguments` (program name first) on the process's terminal, with the registry that the configuration
/// names and the person's token.
pub async fn run(arguments: Vec<OsString>) -> ExitCode {
    let terminal = Terminal::from_process();
    if let Some(script) = completion_from_environment("pierone", command()) {
        terminal.print(&script);
        return terminal.finish(Ok(()));
    }
    let outcome = execute(&terminal, None, arguments).await;
    terminal.finish(outcome)
}

/// Runs `pierone` with `arguments` (program name first) in a context, for programs that use it as a library.
pub async fn run_in(context: &Context, arguments: Vec<OsString>) -> Result<(), Failure> {
    execute(&context.terminal, Some(context), arguments).await
}

async fn execute(terminal: &Terminal, context: Option<&Context>, arguments: Vec<OsString>) -> Result<(), Failure> {
    let PierOne { url, command } = match stups_terminal::parse::<PierOne>(&arguments)? {
        Ok(parsed) => parsed,
        Err(text) => {
            terminal.print(&text);
            return Ok(());
        }
    };
    let terminal = command.on(terminal);
    match &command {
        Command::Completion(arguments) => {
            terminal.print(&write_completion(self::command(), "pierone", arguments));
            return Ok(());
        }
        Command::Login => return until_interrupted(login::run(&terminal, url.as_deref())).await,
        _ => {}
    }
    let outcome = until_interrupted(async {
        let context = match context {
            Some(context) => Context {
                terminal,
                ..context.clone()
            },
            None => Context::from_configuration(terminal, url.as_deref(), command.service_scopes()).await?,
        };
        match &command {
            Command::Teams(_) => listings::teams(&context).await,
            Command::Artifacts(arguments) => listings::artifacts(&context, arguments).await,
            Command::Image(arguments) => listings::image(&context, arguments).await,
            Command::Tags(arguments) => tags::run(&context, arguments).await,
            Command::Latest(arguments) => tags::latest(&context, arguments).await,
            Command::ScmSource(arguments) => scm_source::run(&context, arguments).await,
            Command::InspectContents(arguments) => contents::run(&context, arguments).await,
            Command::Cves(arguments) => vulnerabilities::run(&context, arguments).await,
            Command::Describe(arguments) => describe::run(&context, arguments).await,
            Command::MarkProductionReady(arguments) => approvals::mark_production_ready(&context, arguments).await,
            Command::MarkTrusted(arguments) => approvals::mark_trusted(&context, arguments).await,
            Command::EmergencyPromotion(arguments) => promotion::run(&context, arguments).await,
            Command::Import(arguments) => import::run(&context, arguments).await,
            Command::Login | Command::Completion(_) => Ok(()),
        }
    });
    // Wrong usage that only the command itself could see has the usage line, too.
    outcome.await.map_err(|failure| match failure.exit_code {
        2 => failure.with_usage(&self::command(), &arguments),
        _ => failure,
    })
}
