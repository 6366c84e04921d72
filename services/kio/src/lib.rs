//! Kio: applications, their versions and approvals.

mod migrations;
mod model;
mod search;
