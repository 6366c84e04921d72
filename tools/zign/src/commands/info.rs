//! `zign info`

use std::collections::HashMap;

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};
use stups_auth::tokens::{StoredToken, claims};
use stups_terminal::{Column, Failure, OutputFormat, Row, Table, Terminal, json_line};

use super::stored;
use super::token::DEFAULT_NAME;

/// Show what a stored token says of itself; whether it is true only the server knows
#[derive(Debug, clap::Args)]
pub(crate) struct InfoArguments {
    /// The token's name
    #[arg(default_value = DEFAULT_NAME)]
    name: String,
    /// Use alternative output format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}

/// Runs the command. The token itself is not shown.
pub(crate) fn run(terminal: &Terminal, arguments: &InfoArguments) -> Result<(), Failure> {
    let said = said(&stored(&arguments.name)?);
    if arguments.output == OutputFormat::Json {
        terminal.print(&format!("{}\n", json_line(&Value::Object(said))));
        return Ok(());
    }
    let rows = said.into_iter().map(|(claim, value)| {
        let mut row = Row::new();
        row.insert("claim".to_owned(), Value::from(claim));
        row.insert("value".to_owned(), value);
        row
    });
    terminal.print_table(&Table {
        columns: vec![Column::new("claim"), Column::new("value")],
        rows: rows.collect(),
        styles: HashMap::new(),
    });
    Ok(())
}

/// The claims; of a token that is no JSON Web Token what is stored beside it.
fn said(token: &StoredToken) -> Map<String, Value> {
    claims(token.access_token.expose_secret()).unwrap_or_else(|| {
        let stored = json!({
            "name": token.name,
            "scope": token.scope,
            "token_type": token.token_type,
            "iat": token.creation_time as i64,
            "exp": (token.creation_time + token.expires_in) as i64,
        });
        stored.as_object().cloned().unwrap_or_default()
    })
}
