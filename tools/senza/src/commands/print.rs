//! `senza print`

use std::path::PathBuf;

use serde_json::Value as Json;

use super::generation::GenerationArguments;
use crate::Error;
use crate::account::Account;
use crate::cli::CommonArguments;
use crate::compatibility::CompatibilityChoice;
use crate::context::Context;
use crate::template::text::{self, Format};

/// Print the generated Cloud Formation template
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PrintArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    #[command(flatten)]
    pub(crate) generation: GenerationArguments,
    /// Use alternative output format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// Ask the account that was saved in this file, and nobody else
    #[arg(long, value_name = "FILE", conflicts_with_all = ["save_account", "profile"])]
    pub(crate) account: Option<PathBuf>,
    /// Save what was asked about the account in this file, for --account
    #[arg(long, value_name = "FILE")]
    save_account: Option<PathBuf>,
}

/// Runs the command. Nothing is written to AWS.
pub(crate) async fn run(context: &Context, arguments: &PrintArguments) -> Result<(), Error> {
    let generation = &arguments.generation;
    let compatibility = CompatibilityChoice::of_process(generation.compat, false, &context.settings, &context.command)?;
    let account = match &arguments.account {
        Some(file) => Account::saved(&context.session, &context.terminal, &context.settings, file)?,
        None => context.account(),
    };
    let request = generation.generate_in(context, &account, compatibility).await?;
    if let Some(file) = &arguments.save_account {
        account.snapshot().save(file)?;
    }
    let template = Json::Object(request.template);
    context.terminal.print(&text::render(&template, arguments.output));
    Ok(())
}
