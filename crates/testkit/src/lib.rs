//! Real dependencies for tests, started on free ports and torn down.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod account;
mod account_builder;
mod aws_api;
mod callers;
mod cargo;
mod containers;
mod debian;
mod documented;
mod http_service;
mod https;
mod login;
mod postgresql;
mod python;
mod until;

pub use account::Account;
pub use account_builder::AccountBuilder;
pub use aws_api::AwsApi;
pub use callers::{Everybody, Teams};
pub use cargo::cargo;
pub use containers::{Docker, container_tool};
pub use documented::NamedTests;
pub use http_service::{HttpService, error_message};
pub use https::HttpsServer;
pub use login::log_in;
pub use postgresql::PostgreSql;
pub use python::{PythonEnvironment, Requirements, inline_flags_shim};
pub use until::until;
