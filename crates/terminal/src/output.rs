//! The output formats.

use clap::ValueEnum;

use crate::Terminal;

/// What a command that prints a table prints it as (`-o`, `--output`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// columns for people
    #[default]
    Text,
    /// one array on one line
    Json,
    /// a line of column names, then a line per row, separated by tabs
    Tsv,
    /// one block-style document per row
    Yaml,
    /// one object per line
    Jsonl,
}

/// Options of a command that prints a table.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct TableArguments {
    /// Use alternative output format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: OutputFormat,
    /// Show times as times, not as ages
    #[arg(long)]
    pub absolute_times: bool,
}

impl TableArguments {
    /// The terminal with the format in force.
    #[must_use]
    pub fn on(&self, terminal: &Terminal) -> Terminal {
        terminal
            .with_format(self.output)
            .with_absolute_times(self.absolute_times)
    }
}
