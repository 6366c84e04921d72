//! Berry: the agent on a machine that copies the credentials of applications from their secret store to local files.
//!
//! Mint writes two small JSON objects for each application, and replaces them whenever it rotates a password or an OAuth client.
//! Berry asks for them every two minutes and puts them where the libraries that need tokens look: `user.json` and `client.json`
//! in a directory. `berry exec` gives them to a program in its environment instead.

#![cfg(unix)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod agent;
mod applications;
mod aws_credentials_file;
mod child;
mod cli;
mod config_file;
mod content;
mod environment;
mod exec;
mod local_files;
mod log;
mod ownership;
mod pause;
mod sessions;
mod source;
mod store;

pub use cli::{command, run};
