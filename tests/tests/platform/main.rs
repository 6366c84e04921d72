//! The executables as they are shipped, from outside: with the original clients, with faults, against their own documents.
//!
//! One test binary: what waits in one test leaves the machine to another.

#![allow(clippy::unwrap_used)]

mod audit_shipping;
#[cfg(target_os = "linux")]
mod configure;
mod kio_faults;
mod openapi;
mod zign;
mod zign_killed;
mod zign_stub;

use std::time::{Duration, Instant};

/// Asks a condition until it holds.
async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !condition().await {
        assert!(Instant::now() < deadline, "{what} does not happen");
        tokio::task::yield_now().await;
    }
}
