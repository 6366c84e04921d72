//! The executables as they are shipped, from outside: with the original clients, with faults, against their own documents.
//!
//! One test binary: what waits in one test leaves the machine to another.

#![allow(clippy::unwrap_used)]

mod audit_shipping;
#[cfg(target_os = "linux")]
mod configure;
mod identity_data;
mod identity_faults;
mod identity_killed;
mod kio_faults;
mod kio_killed;
mod mint;
mod mint_killed;
mod openapi;
mod pierone;
mod pierone_cli;
mod pierone_clients;
mod pierone_faults;
#[cfg(target_os = "linux")]
mod pierone_killed;
mod pierone_stub;
mod rotation;
mod zign;
mod zign_killed;
mod zign_stub;
