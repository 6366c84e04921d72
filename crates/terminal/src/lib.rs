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
mod interrupt;
mod json;
mod message;
mod output;
mod parameter;
mod private_file;
mod prompt;
mod question;
mod streams;
mod table;
mod terminal;
mod time;
mod usage;
mod watch;

pub use action::Action;
pub use arguments::{conventional, expand_abbreviations, parse, parse_as};
pub use completion::{CompletionArguments, completion_from_environment, write_completion};
pub use config::ConfigFile;
pub use failure::Failure;
pub use interrupt::until_interrupted;
pub use json::{json_line, json_pretty};
pub use message::Style;
pub use output::{OutputFormat, TableArguments};
pub use parameter::{float_range, percentage, url};
pub use private_file::write_private;
pub use prompt::Choice;
pub use question::question_on_stdin;
pub use table::{Column, Row, Table};
pub use terminal::{Captured, Terminal};
pub use time::{Times, moment, relative_age};
pub use watch::{WatchArguments, watch, watch_until};
