//! The platform's wire contracts: one module per service with its request and response types and a typed client.
//!
//! Servers, command lines and the console share these types; nothing else is shared between services.

pub mod client;
pub mod essentials;
pub mod identity;
pub mod kio;
pub mod mint;
pub mod pierone;
mod problem;
pub mod strict;
mod timestamp;

pub use problem::Problem;
pub use timestamp::Timestamp;
