//! What each command line tool is built with: tables, JSON, TSV, progress lines, prompts, configuration files.
//!
//! A tool gets one [`Terminal`] at its start, narrows it to the output format in force, and hands it down. Tests use
//! [`Terminal::captured`], which behaves as a pipe (or, if asked, as a terminal) and keeps what was written.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod action;
mod arguments;
mod completion;
mod config;
mod failure;
mod message;
mod output;
mod prompt;
mod table;
mod terminal;
mod time;
mod watch;

pub use action::Action;
pub use arguments::{expand_abbreviations, parse};
pub use completion::{CompletionArguments, write_completion};
pub use config::{ConfigFile, write_private};
pub use failure::Failure;
pub use output::OutputFormat;
pub use prompt::Choice;
pub use table::{Column, Row, Style, Table};
pub use terminal::{Captured, Terminal};
pub use time::relative_age;
pub use watch::{WatchArguments, watch};
