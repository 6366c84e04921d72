//! Kio over HTTP, on both databases, with the original command lines and with ours.

#![allow(clippy::unwrap_used)]

mod applications;
mod command_lines;
mod database_away;
mod permissions;
mod service;
mod support;
mod versions;
