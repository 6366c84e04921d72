//! `senza dump`

use serde_json::Value as Json;

use crate::Error;
use crate::cli::CommonArguments;
use crate::context::Context;
use crate::deployed;
use crate::stacks::{about_each, list_stacks, parse_references};
use crate::template::text::{self, Format};

/// Dump Cloud Formation templates of existing stacks
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DumpArguments {
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    /// Use alternative output format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// Stack names (regular expressions) with versions, or definition files
    #[arg(value_name = "STACK_REF")]
    pub(crate) stack_references: Vec<String>,
}

/// Runs the command: one template after the other, the newest stack's first; YAML ones are documents of one stream.
pub(crate) async fn run(context: &Context, arguments: &DumpArguments) -> Result<(), Error> {
    let references = parse_references(&arguments.stack_references)?;
    let stacks = list_stacks(&context.session, &references, false).await?;
    let templates = about_each(&stacks, |stack| template(context, &stack.stack_id)).await?;
    for (index, template) in templates.iter().enumerate() {
        if index > 0 && arguments.output == Format::Yaml {
            context.terminal.print("---\n");
        }
        context.terminal.print(&text::render(template, arguments.output));
    }
    Ok(())
}

/// A template that is neither JSON nor YAML stays the text that it is.
async fn template(context: &Context, stack: &str) -> Result<Json, Error> {
    let body = deployed::template_body(&context.session, stack).await?;
    Ok(deployed::parse_template(&body).unwrap_or(Json::String(body)))
}
