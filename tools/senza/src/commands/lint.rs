//! `senza lint`

use std::path::{Path, PathBuf};

use stups_terminal::{Failure, OutputFormat, Terminal, json_pretty};

use super::generation::GenerationArguments;
use crate::Error;
use crate::account::{Account, Snapshot};
use crate::cli::CommonArguments;
use crate::compatibility::CompatibilityChoice;
use crate::context::Context;
use crate::lint::{self, Finding, SchemaSource, Schemas, Severity};
use crate::styles;
use crate::template::source;

/// The version of stacks that are only generated to be looked at.
const VERSION: &str = "lint";

/// Show every mistake in definitions, with place and fix
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LintArguments {
    /// Senza definitions: YAML files or their URLs
    #[arg(value_name = "DEFINITION", required = true)]
    definitions: Vec<String>,
    /// Look names up in the account that was saved in this file (senza print --save-account)
    #[arg(long, value_name = "FILE")]
    account: Option<PathBuf>,
    /// Also check the resources of the generated templates against CloudFormation's schemas of their types
    #[arg(long)]
    schema: bool,
    /// Take the schemas from the files in this directory (aws-ec2-instance.json, as in AWS's CloudformationSchema.zip)
    #[arg(long, value_name = "DIR")]
    schema_dir: Option<PathBuf>,
    /// Value of a definition's parameter, for --schema; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// YAML file (or its URL) with parameters, for --schema
    #[arg(long, value_name = "PATH")]
    parameter_file: Option<String>,
    #[command(flatten)]
    pub(crate) common: CommonArguments,
    /// Warnings are errors
    #[arg(long)]
    strict: bool,
    /// Use alternative output format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Output,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// a line per mistake, as editors read it
    #[default]
    Text,
    Json,
    Jsonl,
    /// SARIF 2.1.0, for code hosts
    Sarif,
    Tsv,
    Yaml,
}

impl Output {
    /// What decides where messages go.
    fn format(self) -> OutputFormat {
        match self {
            Self::Text => OutputFormat::Text,
            Self::Json | Self::Sarif => OutputFormat::Json,
            Self::Jsonl => OutputFormat::Jsonl,
            Self::Tsv => OutputFormat::Tsv,
            Self::Yaml => OutputFormat::Yaml,
        }
    }
}

impl LintArguments {
    /// Whether templates are generated.
    pub(crate) fn generates(&self) -> bool {
        self.schema || self.schema_dir.is_some()
    }

    /// The file with the account to ask instead of AWS.
    pub(crate) fn saved_account(&self) -> Option<&Path> {
        self.account.as_deref()
    }
}

/// Runs the command. AWS is not asked anything, except for `generator`: where templates are generated, and how CloudFormation is asked.
pub(crate) async fn run(
    terminal: &Terminal,
    arguments: &LintArguments,
    generator: Option<&Context>,
) -> Result<(), Error> {
    let terminal = terminal.with_format(arguments.output.format());
    let account = arguments.account.as_deref().map(Snapshot::read).transpose()?;
    let mut findings = Vec::new();
    for definition in &arguments.definitions {
        let text = source::read(definition).await;
        let text = text.map_err(|error| Error::Usage(error.to_string()))?;
        let mut found = lint::lint(definition, &text, account.as_ref());
        match generator {
            Some(_) if found.iter().any(|finding| finding.severity == Severity::Error) => {
                terminal.warning(&format!(
                    "{definition}: it is checked against schemas once its errors are mended"
                ));
            }
            Some(context) => found.extend(Box::pin(against_schemas(context, arguments, definition, &text)).await?),
            None => {}
        }
        findings.extend(found);
    }
    if arguments.strict {
        for finding in &mut findings {
            finding.severity = Severity::Error;
        }
    }
    match arguments.output {
        Output::Text => terminal.print(&lint::text(&findings)),
        Output::Sarif => terminal.print(&(json_pretty(&lint::sarif_log(&findings), 2) + "\n")),
        _ => terminal.print_table(&styles::table(&lint::columns(), &[], lint::rows(&findings))),
    }
    end(&terminal, &findings)
}

/// Generates the template and checks its resources.
async fn against_schemas(
    context: &Context,
    arguments: &LintArguments,
    definition: &str,
    text: &str,
) -> Result<Vec<Finding>, Error> {
    let account = match &arguments.account {
        Some(file) => Account::saved(&context.session, &context.terminal, &context.settings, file)?,
        None => context.account(),
    };
    let generation = GenerationArguments {
        definition: definition.to_owned(),
        version: VERSION.to_owned(),
        parameters: arguments.parameters.clone(),
        parameter_file: arguments.parameter_file.clone(),
        // Whether an image exists is not asked here.
        force: true,
        compat: None,
        template_bucket: None,
    };
    let compatibility = CompatibilityChoice::of_process(None, false, &context.settings, &context.command)?;
    let request = match generation.generate_in(context, &account, compatibility).await {
        Ok(request) => request,
        // Nobody can be asked: that says nothing about the definition.
        Err(error @ Error::Aws(_)) => return Err(error),
        Err(error) => {
            let is_about_parameters = matches!(error, Error::Usage(_));
            let fix = is_about_parameters.then(|| "senza lint --parameter NAME=VALUE, for each".to_owned());
            return Ok(vec![lint::not_generated(definition, &error.to_string(), fix)]);
        }
    };
    let source = match &arguments.schema_dir {
        Some(directory) => SchemaSource::Directory(directory.clone()),
        None => SchemaSource::CloudFormation(
            Box::new(context.session.clone()),
            // Regions differ in what their types can.
            context
                .settings
                .path()
                .with_file_name("schemas")
                .join(context.session.region()),
        ),
    };
    let schemas = Schemas::find(&source, lint::types_of(&request.template)).await;
    Ok(lint::check_schemas(definition, text, &request.template, &schemas))
}

fn end(terminal: &Terminal, findings: &[Finding]) -> Result<(), Error> {
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .count();
    let warnings = findings.len() - errors;
    let counted = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    if errors > 0 {
        let message = format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"));
        return Err(Failure::application(message).into());
    }
    if warnings > 0 {
        terminal.warning(&counted(warnings, "warning"));
    }
    Ok(())
}
