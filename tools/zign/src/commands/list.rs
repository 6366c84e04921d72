//! `zign list`

use std::time::{SystemTime, UNIX_EPOCH};

use secrecy::ExposeSecret as _;
use serde_json::json;
use stups_auth::tokens::{StoredToken, TokenFiles};
use stups_terminal::{Column, Failure, OutputFormat, Row, Table, Terminal};

/// A token is cut to so many characters in a table for people.
const TOKEN_WIDTH: usize = 36;

/// So much of a token shows which one it is.
const SHOWN: usize = 8;

/// List tokens
#[derive(Debug, clap::Args)]
pub(crate) struct ListArguments {
    /// Use alternative output format; all but text have the tokens in full
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
    /// Show the tokens in text, too
    #[arg(long)]
    pub(crate) show: bool,
}

/// Runs the command.
pub(crate) fn run(terminal: &Terminal, arguments: &ListArguments) -> Result<(), Failure> {
    let tokens = TokenFiles::of_user().tokens()?;
    let masked = arguments.output == OutputFormat::Text && !arguments.show;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64();
    terminal.print_table(&Table {
        columns: vec![
            Column::new("name"),
            Column::new("access_token").max_width(TOKEN_WIDTH),
            Column::new("scope"),
            Column::new("creation_time").title("Created"),
            Column::new("expires_in"),
        ],
        rows: tokens.iter().map(|token| row(token, masked, now)).collect(),
        styles: std::collections::HashMap::new(),
    });
    Ok(())
}

fn row(token: &StoredToken, masked: bool, now: f64) -> Row {
    let secret = token.access_token.expose_secret();
    let shown = if masked { mask(secret) } else { secret.to_owned() };
    let minutes = (token.remaining(now) / 60.0).round_ties_even();
    let row = json!({
        "name": token.name,
        "access_token": shown,
        "scope": token.scope,
        "creation_time": token.creation_time,
        "expires_in": format!("{minutes:.0}m"),
    });
    row.as_object().cloned().unwrap_or_default()
}

/// Enough of a token to tell it from others, if there is enough left to keep it secret.
fn mask(token: &str) -> String {
    let shown = if token.chars().count() >= 4 * SHOWN { SHOWN } else { 0 };
    token.chars().take(shown).chain("****".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> StoredToken {
        StoredToken {
            name: "x".to_owned(),
            access_token: "0123456789abcdef0123456789abcdef.b.c".into(),
            scope: String::new(),
            creation_time: 1000.5,
            expires_in: 3600.0,
            token_type: "Bearer".to_owned(),
        }
    }

    #[test]
    fn minutes_are_rounded_and_may_be_negative() {
        let expires = |now: f64| row(&token(), true, now)["expires_in"].as_str().unwrap().to_owned();
        assert_eq!(expires(1000.5), "60m");
        assert_eq!(expires(1000.5 + 3600.0 + 90.0), "-2m");
        assert_eq!(expires(1000.5 + 3600.0 - 1.0), "0m");
    }

    #[test]
    fn a_token_is_masked_for_people_only() {
        assert_eq!(row(&token(), true, 0.0)["access_token"], "01234567****");
        assert_eq!(
            row(&token(), false, 0.0)["access_token"],
            "0123456789abcdef0123456789abcdef.b.c"
        );
        assert_eq!(mask("short"), "****");
    }
}
