//! essentials over HTTP, on both databases.

#![allow(clippy::unwrap_used)]

mod catalogue;
mod permissions;
mod races;
mod service;
mod support;
mod usage;
