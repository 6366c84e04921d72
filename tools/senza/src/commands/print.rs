//! `senza print`

use serde_json::Value as Json;

use super::generation::GenerationArguments;
use crate::Error;
use crate::cli::CommonArguments;
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
}

/// Runs the command. Nothing is written to AWS.
pub(crate) async fn run(context: &Context, arguments: &PrintArguments) -> Result<(), Error> {
    let generation = &arguments.generation;
    let request = generation.generate(context, generation.compat, false).await?;
    let template = Json::Object(request.template);
    context.terminal.print(&text::render(&template, arguments.output));
    Ok(())
}
