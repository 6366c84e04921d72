//! What a service stores, on both databases.

#![allow(clippy::unwrap_used)]

#[macro_use]
mod support;

mod change;
mod jobs;
mod objects;
mod shipping;
mod store;
