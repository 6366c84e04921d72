//! `senza schema`

use stups_terminal::Terminal;

use crate::template::schema;

/// Print the JSON Schema of definitions, with which editors complete and check
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct SchemaArguments {}

/// Runs the command. It needs neither region nor account.
pub(crate) fn run(terminal: &Terminal, _: SchemaArguments) {
    terminal.print(&schema::text());
}
