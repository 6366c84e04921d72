//! Regions.

/// The regions in which CloudFormation exists, sorted.
pub const REGIONS: &[&str] = &["us-east-1"];

/// Whether CloudFormation exists in `region`.
pub fn is_known_region(region: &str) -> bool {
    REGIONS.contains(&region)
}
