//! Kio: applications, their versions and approvals.
