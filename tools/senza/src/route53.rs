//! Hosted zones and records.
