//! The registry as a real process.

#![allow(clippy::unwrap_used)]

mod killed;
mod registry;
mod sizes;
