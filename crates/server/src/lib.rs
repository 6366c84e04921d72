//! What each HTTP service is built with.
//!
//! A service gives its routes to a [`Service`]; what it gets back answers in the originals' error shapes and in problem+json,
//! carries request ids, limits, timeouts, CORS, metrics, health, its OpenAPI document and its audit trail.

mod error;

pub use error::Error;
