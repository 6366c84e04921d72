//! What each HTTP service is built with.
//!
//! A service gives its routes to a [`Service`]; what it gets back answers in the originals' error shapes and in problem+json,
//! carries request ids, limits, timeouts, CORS, metrics, health, its OpenAPI document and its audit trail.

mod access_log;
mod address;
mod answer;
mod audit_route;
mod clock;
mod coalesced;
mod connections;
mod context;
mod cors;
mod described;
mod document;
mod entrances;
mod environment;
mod error;
mod extract;
mod floor_routes;
mod frame;
mod head_deadline;
mod job;
mod log_fields;
mod measurements;
mod preconditions;
mod rates;
mod render;
mod request_id;
mod serve;
mod service;
mod serving_threads;
mod ship_audit;
mod swagger;
mod telemetry;
mod tls;

pub use access_log::LogFormat;
pub use answer::with_headers;
pub use clock::Clock;
pub use coalesced::Coalesced;
pub use connections::open_files_share;
pub use described::{Failures, WriteFailures};
pub use environment::{Environment, Limits, StartError};
pub use error::Error;
pub use extract::{Authenticated, Credentials, Json, Origin, Path, Query};
pub use frame::Verbatim;
pub use job::{Job, JobResult, Jobs, RunningJobs};
pub use log_fields::LogFields;
pub use preconditions::{Preconditions, content_tag, json_unless_known, revision_tag};
pub use render::ErrorShape;
pub use serve::{SHUTDOWN_PATIENCE, serve, serve_within};
pub use service::{Built, Service};
pub use serving_threads::{PerServingThread, ServingThreads};
pub use ship_audit::{ShipAudit, audit_envelope};
pub use telemetry::{Telemetry, start_telemetry};
pub use tls::Tls;
