//! The output formats.

use clap::ValueEnum;

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
