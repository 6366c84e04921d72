//! Real dependencies for tests, started on free ports and torn down.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod account;
mod aws_api;
mod python;

pub use account::{Account, AccountBuilder};
pub use aws_api::AwsApi;
pub use python::{PythonEnvironment, Requirements};
