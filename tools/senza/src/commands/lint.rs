//! `senza lint`

use std::path::PathBuf;

use stups_terminal::{Failure, OutputFormat, Terminal, json_pretty};

use crate::Error;
use crate::account::Snapshot;
use crate::lint::{self, Finding, Severity};
use crate::styles;
use crate::template::source;

/// Show every mistake in definitions, with place and fix
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LintArguments {
    /// Senza definitions: YAML files or their URLs
    #[arg(value_name = "DEFINITION", required = true)]
    definitions: Vec<String>,
    /// Look names up in the account that was saved in this file (senza print --save-account)
    #[arg(long, value_name = "FILE")]
    account: Option<PathBuf>,
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

/// Runs the command. AWS is not asked anything.
pub(crate) async fn run(terminal: &Terminal, arguments: &LintArguments) -> Result<(), Error> {
    let terminal = terminal.with_format(arguments.output.format());
    let account = arguments.account.as_deref().map(Snapshot::read).transpose()?;
    let mut findings = Vec::new();
    for definition in &arguments.definitions {
        let text = source::read(definition).await;
        let text = text.map_err(|error| Error::Usage(error.to_string()))?;
        findings.extend(lint::lint(definition, &text, account.as_ref()));
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
