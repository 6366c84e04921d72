//! Kio: applications, their versions and approvals (contract kio).

mod application;
mod client;
mod schema;
mod version;

pub use application::{Application, ApplicationPatch, ApplicationWrite, Change, HistoryEntry};
pub use client::{ApplicationFilter, Condition, Document, KioClient};
pub use schema::{
    APPLICATION, APPLICATION_ID, APPLICATION_PATCH, APPROVAL, VERSION, VERSION_ID, is_application_id, is_version_id,
};
pub use version::{Approval, ApprovalWrite, Version, VersionSummary, VersionWrite};
