//! Pier One: the registry of images, beside the distribution protocol (contract pierone 2.6, 2.7).

mod client;
mod image;
mod import;
mod metadata;
mod source;
mod vulnerabilities;

pub use client::PierOneClient;
pub use image::{
    Active, HistoryEntry, INACTIVE, ImageName, OciError, OciErrors, Purge, Referrer, Stats, TagDetail, TagSummary,
    TeamStats, Tombstone,
};
pub use import::{Import, Imported};
pub use metadata::{BaseImage, CiMetadata, Compliance, ComplianceStatus, ImageMetadata};
pub use source::{MODIFIED, ScmSource, SourceOrigin};
pub use vulnerabilities::{
    COULD_NOT_FIGURE_OUT, Feature, LayerReport, NO_CVES_FOUND, ReportedLayer, Severities, Vulnerability,
};
