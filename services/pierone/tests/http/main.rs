//! The registry over raw HTTP, on each database with each storage.

#![allow(clippy::unwrap_used)]

mod administration;
mod backlog;
mod bad_input;
mod blobs;
mod clair;
mod contract;
mod documented;
mod endpoints;
mod imports;
mod instances;
mod limits;
mod locked;
mod lost;
mod manifests;
mod notices;
mod permissions;
mod races;
mod service;
mod support;
mod traceability;
mod uploads;
